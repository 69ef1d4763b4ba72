// The models the simulated server has: names, aliases, weights, capabilities and parameters. A copy shares manifest and
// weights with its source, a derived model only the weights. How they are shown is in library.ts, how loaded in
// scheduler.ts.

import { createHash } from 'node:crypto'
import type { Clock } from '../../clock.ts'
import { parseModel, type ModelName } from '../../job/affinity.ts'
import { Refusal } from './refusal.ts'
import type { Span } from './sleep.ts'

export type Capability = 'completion' | 'embedding' | 'thinking' | 'tools' | 'insert' | 'vision'

/** A model as a test describes it. */
export interface FakeModel {
  name: string
  /** Models with equal weights share a runner; 64 hex digits or any label. The name unless given. */
  weights?: string
  /** The model it was made from (`details.parent_model`). */
  parent?: string
  /** `['completion']` unless given. */
  capabilities?: Capability[]
  /** Modelfile parameters, e.g. `{ num_ctx: 2048, stop: ['\n'] }`. */
  parameters?: Record<string, unknown>
  system?: string
  template?: string
  family?: string
  parameterSize?: string
  quantization?: string
  /** The length it was trained for: num_ctx is capped to it. 32768 unless given. */
  contextLength?: number
  /** Length of its embeddings, 64 unless given. */
  dimensions?: number
  /** Bytes on disk. */
  size?: number
  /** GGUF metadata instead of the ordinary llama's. */
  info?: Record<string, unknown>
  /** How long a load takes, instead of the server's `loadMs`. */
  loadMs?: Span
}

export interface Model extends Required<Omit<FakeModel, 'system' | 'info' | 'loadMs'>> {
  system: string | undefined
  info: Record<string, unknown> | undefined
  loadMs: Span | undefined
  /** The manifest's digest, 64 hex digits. */
  digest: string
  /** Wall milliseconds. */
  modifiedAt: number
}

export const defaultModels: FakeModel[] = [
  { name: 'llama3.2:3b', capabilities: ['completion', 'tools'], parameterSize: '3.2B', quantization: 'Q4_K_M' },
  {
    name: 'qwen3:4b',
    capabilities: ['completion', 'tools', 'thinking'],
    parameterSize: '4.0B',
    quantization: 'Q4_K_M',
  },
  { name: 'nomic-embed-text', capabilities: ['embedding'], family: 'nomic-bert', parameterSize: '137M' },
]

export function sha256(text: string | Buffer): string {
  return createHash('sha256').update(text).digest('hex')
}

/** `llama3:latest`, `user/m:tag`, `hf.co/u/m:q4`, in the spelling given. */
export function displayName({ host, namespace, model, tag }: ModelName): string {
  const short = `${model}:${tag}`
  if (host.toLowerCase() !== 'registry.ollama.ai') return `${host}/${namespace}/${short}`
  return namespace.toLowerCase() === 'library' ? short : `${namespace}/${short}`
}

/** The name in full, as Ollama writes it in some errors. */
export function fullName(name: string): string {
  const parsed = parseModel(name)
  return parsed ? `${parsed.host}/${parsed.namespace}/${parsed.model}:${parsed.tag}` : name
}

export class Catalog {
  readonly #clock: Clock
  readonly #models = new Map<string, Model>()

  constructor(models: FakeModel[], clock: Clock) {
    this.#clock = clock
    for (const model of models) this.add(model)
  }

  /** Adds or replaces a model. Throws on a name Ollama would refuse. */
  add(described: FakeModel): Model {
    const name = this.#display(described.name)
    const label = described.weights ?? name
    const weights = /^[0-9a-f]{64}$/.test(label) ? label : sha256(label)
    const { parameters = {}, system, template = '{{ .Prompt }}' } = described
    const model: Model = {
      name,
      weights,
      parent: described.parent ?? '',
      capabilities: described.capabilities ?? ['completion'],
      parameters,
      system,
      template,
      family: described.family ?? 'llama',
      parameterSize: described.parameterSize ?? '79K',
      quantization: described.quantization ?? 'unknown',
      contextLength: described.contextLength ?? 32_768,
      dimensions: described.dimensions ?? 64,
      size: described.size ?? 325_224,
      info: described.info,
      loadMs: described.loadMs,
      digest: sha256(JSON.stringify([weights, parameters, system, template])),
      modifiedAt: this.#clock.wall(),
    }
    this.#models.set(name.toLowerCase(), model)
    return model
  }

  /** The model of that name, whatever its spelling; undefined for none. Throws `invalid model name`. */
  find(name: string): Model | undefined {
    return this.#models.get(this.#display(name).toLowerCase())
  }

  /** Newest first. */
  list(): Model[] {
    return [...this.#models.values()].toReversed().sort((a, b) => b.modifiedAt - a.modifiedAt)
  }

  copy(source: Model, destination: string): void {
    const name = this.#display(destination)
    this.#models.set(name.toLowerCase(), { ...source, name, modifiedAt: this.#clock.wall() })
  }

  delete(model: Model): void {
    this.#models.delete(model.name.toLowerCase())
  }

  #display(name: string): string {
    const parsed = parseModel(name)
    if (!parsed) throw new Refusal(400, 'invalid model name')
    return displayName(parsed)
  }
}

/** A model of which perhaps only the name was given. */
export function described(model: string | FakeModel): FakeModel {
  return typeof model === 'string' ? { name: model } : model
}
