// Which names mean the same runner. Ollama keys its runners by the weights and by the options they were loaded with,
// Modelfile parameters included; copies and models made FROM another share one. Asked of the target once per digest
// and kept; what the target hasn't told yet falls back to the name.

import type { Clock } from '../clock.ts'
import { affinityKey, canonicalModel, isCloud, parseAffinityKey, runnerOptions } from '../job/affinity.ts'
import type { RunnerOptions } from '../job/affinity.ts'
import { fieldsOf } from './answer.ts'
import type { Wire } from './wire.ts'

/** A model the target has. */
export interface Model {
  /** As the target spells it. */
  name: string
  /** Of the manifest: equal for copies. */
  digest: string
  sizeBytes: number
  /** Runs on ollama.com. */
  cloud: boolean
}

interface Known {
  /** The hashes of FROM and ADAPTER, or the manifest's digest where the Modelfile names none. */
  weights: string
  parameters: RunnerOptions
}

export interface NamesOptions {
  wire: Wire
  clock: Clock
  /** Something that `runner` answers may have changed. */
  onChange?: () => void
}

const limitMs = 10_000
const oldMs = 60_000
/** So many digests are remembered; the oldest that no name has any more go first. */
const mostKnown = 1_000

export class Names {
  readonly #parts: NamesOptions
  readonly #closed = new AbortController()
  #models = new Map<string, Model>()
  #known = new Map<string, Known>()
  #refreshing: Promise<void> | undefined
  #at = Number.NEGATIVE_INFINITY

  constructor(parts: NamesOptions) {
    this.#parts = parts
  }

  /** What the target had when last asked, in its order. */
  get models(): Model[] {
    return [...this.#models.values()]
  }

  /** Whether they are worth reading again. */
  get old(): boolean {
    return this.#parts.clock.now() - this.#at >= oldMs
  }

  /** Reads the names, then each digest not met before. Never throws: what the target won't tell stays as it was. */
  refresh(): Promise<void> {
    this.#at = this.#parts.clock.now()
    this.#refreshing ??= this.#refresh()
      .catch(() => {})
      .finally(() => {
        this.#refreshing = undefined
      })
    return this.#refreshing
  }

  /** A text equal exactly for affinity keys that share a runner, as far as the target has told; else the key itself. */
  runner(key: string): string {
    const { model, options } = parseAffinityKey(key)
    const there = this.#models.get(model)
    if (!there || there.cloud) return key
    return runnerOf(this.weightsOf(there), { ...this.parametersOf(there), ...options })
  }

  /** What the runner is loaded from: a weights id, else the manifest's digest, else the canonical name. */
  weights(model: string): string {
    const there = this.#models.get(canonicalModel(model))
    return there ? this.weightsOf(there) : canonicalModel(model)
  }

  /** The same for something listed with its digest, which may be older than the name's present one. */
  weightsOf({ name, digest }: { name: string; digest: string }): string {
    const known = this.#known.get(digest)
    if (known) return known.weights
    return this.models.some((model) => model.digest === digest) ? digest : canonicalModel(name)
  }

  /** The runner options that the Modelfile of something listed sets; none while the target hasn't told. */
  parametersOf({ digest }: { digest: string }): RunnerOptions {
    return this.#known.get(digest)?.parameters ?? {}
  }

  /** Whether the model runs on ollama.com and so has no runner here. */
  cloud(model: string): boolean {
    return this.#models.get(canonicalModel(model))?.cloud ?? isCloud(model)
  }

  close(): void {
    this.#closed.abort(new Error('closed'))
  }

  async #refresh(): Promise<void> {
    const listed = fieldsOf(await this.#ask('GET', '/api/tags')).models
    if (!Array.isArray(listed)) return
    const models = new Map<string, Model>()
    for (const model of listed.map(modelFrom)) models.set(canonicalModel(model.name), model)
    const changed = describe(models) !== describe(this.#models)
    this.#models = models
    if (changed) this.#parts.onChange?.()
    for (const model of models.values()) {
      if (model.cloud || model.digest === '' || this.#known.has(model.digest)) continue
      const known = await this.#show(model)
      if (!known) continue
      this.#known.set(model.digest, known)
      this.#trim()
      this.#parts.onChange?.()
    }
  }

  async #show({ name, digest }: Model): Promise<Known | undefined> {
    // One model that can't be shown must not hide the others.
    const shown = await this.#ask('POST', '/api/show', JSON.stringify({ model: name })).catch(() => undefined)
    this.#closed.signal.throwIfAborted()
    const { modelfile, parameters } = fieldsOf(shown)
    if (typeof modelfile !== 'string') return undefined
    return {
      weights: weightsIn(modelfile) ?? digest,
      parameters: parametersIn(typeof parameters === 'string' ? parameters : ''),
    }
  }

  async #ask(method: 'GET' | 'POST', path: string, body?: string): Promise<unknown> {
    const { signal } = this.#closed
    const { status, text } = await this.#parts.wire.ask({ method, path, body, limitMs, signal })
    return status === 200 ? (JSON.parse(text) as unknown) : undefined
  }

  #trim(): void {
    if (this.#known.size <= mostKnown) return
    const used = new Set(this.models.map((model) => model.digest))
    const oldest = [...this.#known.keys()].find((digest) => !used.has(digest))
    if (oldest !== undefined) this.#known.delete(oldest)
  }
}

/** The text of a runner: its weights, then the options it is loaded with. */
export function runnerOf(weights: string, options: RunnerOptions): string {
  return [weights, ...affinityKey('x', options).split(' ').slice(1)].join(' ')
}

const describe = (models: Map<string, Model>) =>
  [...models].map(([name, { digest, cloud }]) => `${name} ${digest} ${cloud}`).join('\n')

function modelFrom(value: unknown): Model {
  const item = fieldsOf(value)
  const name = String(item.name ?? item.model ?? '')
  return {
    name,
    digest: String(item.digest ?? ''),
    sizeBytes: Number(item.size ?? 0),
    cloud: isCloud(name) || (typeof item.remote_host === 'string' && item.remote_host !== ''),
  }
}

/** The weights a Modelfile is made of: the blob of each FROM and ADAPTER that isn't commented out. */
function weightsIn(modelfile: string): string | undefined {
  const blobs = [...modelfile.matchAll(/^\s*(?:FROM|ADAPTER)\s.*sha256-([0-9a-f]{64})/gim)].map(([, hash]) => hash)
  return blobs.length === 0 ? undefined : blobs.map((hash) => `sha256-${hash}`).join('+')
}

/** The runner options among the parameters of /api/show: a name, spaces and a value per line. */
function parametersIn(text: string): RunnerOptions {
  const options: Record<string, unknown> = {}
  for (const line of text.split('\n')) {
    const [, name = '', value = ''] = /^(\w+)\s+(\S+)\s*$/.exec(line) ?? []
    if (value === 'true' || value === 'false') options[name] = value === 'true'
    else if (/^-?\d+(\.\d+)?$/.test(value)) options[name] = Number(value)
  }
  return runnerOptions('/api/generate', { options })
}
