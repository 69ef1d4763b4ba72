// Which names mean the same runner. Ollama keys its runners by the weights and by the options they were loaded with,
// Modelfile parameters included; copies and models made FROM another share one. Asked of the target once per digest
// and kept; what the target hasn't told yet falls back to the name.

import type { Clock } from '../clock.ts'
import { affinityKey, canonicalModel, effectiveOptions, isCloud, parseAffinityKey } from '../job/affinity.ts'
import type { RunnerOptions } from '../job/affinity.ts'
import { fieldsOf } from './answer.ts'
import { readShown, type Shown } from './shown.ts'
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

/** What was loaded, or would be: the name, and the manifest it stands for. */
export interface Manifest {
  name: string
  digest: string
}

/** What an affinity key comes to. */
interface Meaning {
  runner: string
  cloud: boolean
  /** What its model had when this was found; empty: the target has no such name. */
  digest: string
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
/** What so many keys mean is remembered: as many as a plan has jobs, and people's beside them. */
const mostMeant = 20_000

export class Names {
  readonly #parts: NamesOptions
  readonly #closed = new AbortController()
  #models = new Map<string, Model>()
  #known = new Map<string, Shown>()
  /** Answers already given, by affinity key, until the target tells something else: decisions ask for every key that waits. */
  #meant = new Map<string, Meaning>()
  #refreshing: Promise<void> | undefined
  #again = false
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

  /**
   * Reads the names, then each digest not met before; a reading under way is followed by another one, as it may have asked
   * before whatever has just happened. Never throws: what the target won't tell stays as it was.
   */
  refresh(): Promise<void> {
    this.#at = this.#parts.clock.now()
    if (this.#refreshing) {
      this.#again = true
      return this.#refreshing
    }
    this.#refreshing = this.#refreshAll().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  /** A text equal exactly for affinity keys that share a runner, as far as the target has told; else by the name. */
  runner(key: string): string {
    return this.#meaning(key).runner
  }

  /** Whether the model of an affinity key, or of a runner, runs on ollama.com. */
  elsewhere(key: string): boolean {
    return this.#meaning(key).cloud
  }

  /** The same for what a name stood for at another time, with the options that were asked for. */
  runnerAs(manifest: Manifest, options: RunnerOptions): string {
    return runnerOf(this.weightsOf(manifest), this.#effective(manifest, options))
  }

  /** What a name stands for now; without a digest when the target has no such name. */
  manifest(model: string): Manifest {
    const name = canonicalModel(model)
    return { name, digest: this.#models.get(name)?.digest ?? '' }
  }

  /** What the runner of something listed with its digest is loaded from; the digest may be older than the name's present one. */
  weightsOf({ name, digest }: Manifest): string {
    const known = this.#known.get(digest)
    if (known) return known.weights ?? digest
    const listed = digest !== '' && this.models.some((model) => model.digest === digest)
    return listed ? digest : canonicalModel(name)
  }

  /**
   * The runners that one loaded with these options is at the same time, itself first: it also serves who asks for the context it
   * has, and who asks for no number of layers. Without options: somebody else loaded it, by its name and so, for all
   * that is known, with what its Modelfile says.
   */
  serves(manifest: Manifest & { contextLength?: number }, options: RunnerOptions | undefined): [string, ...string[]] {
    const weights = this.weightsOf(manifest)
    const { num_ctx, num_gpu, ...rest } = this.#effective(manifest, options ?? {})
    const listed = manifest.contextLength ?? num_ctx
    const contexts = options ? [num_ctx, listed] : num_ctx === undefined ? [undefined, listed] : [listed]
    const every = [num_gpu, undefined].flatMap((layers) =>
      contexts.map((context) => runnerOf(weights, { ...rest, num_gpu: layers, num_ctx: context })),
    )
    if (this.#known.get(manifest.digest)?.facts.mlx) return [weights]
    return [...new Set(every)] as [string, ...string[]]
  }

  /** Whether the model runs on ollama.com and so has no runner here. */
  cloud(model: string): boolean {
    return this.#models.get(canonicalModel(model))?.cloud ?? isCloud(model)
  }

  close(): void {
    this.#closed.abort(new Error('closed'))
  }

  #meaning(key: string): Meaning {
    let meaning = this.#meant.get(key)
    if (!meaning) {
      const { model, options } = parseAffinityKey(key)
      const cloud = this.cloud(model)
      const manifest = this.manifest(model)
      meaning = { runner: cloud ? model : this.runnerAs(manifest, options), cloud, digest: manifest.digest }
      if (this.#meant.size >= mostMeant) this.#meant.clear()
      this.#meant.set(key, meaning)
    }
    return meaning
  }

  /** There are other models; or, with a digest, more is known of what has that. */
  #changed(digest?: string): void {
    if (digest === undefined) this.#meant.clear()
    else for (const [key, meaning] of this.#meant) if (meaning.digest === digest) this.#meant.delete(key)
    this.#parts.onChange?.()
  }

  async #refreshAll(): Promise<void> {
    do {
      this.#again = false
      await this.#refresh().catch(() => {})
    } while (this.#again)
  }

  #effective({ digest }: Manifest, options: RunnerOptions): RunnerOptions {
    const known = this.#known.get(digest)
    return effectiveOptions({ ...known?.parameters, ...options }, known?.facts ?? {})
  }

  async #refresh(): Promise<void> {
    const listed = fieldsOf(await this.#ask('GET', '/api/tags')).models
    if (!Array.isArray(listed)) return
    const models = new Map<string, Model>()
    for (const model of listed.map(modelFrom)) models.set(canonicalModel(model.name), model)
    const changed = describe(models) !== describe(this.#models)
    this.#models = models
    if (changed) this.#changed()
    for (const model of models.values()) {
      if (model.cloud || model.digest === '' || this.#known.has(model.digest)) continue
      const known = await this.#show(model)
      if (!known) continue
      this.#known.set(model.digest, known)
      this.#trim()
      this.#changed(model.digest)
    }
  }

  async #show({ name }: Model): Promise<Shown | undefined> {
    // One model that can't be shown must not hide the others.
    const shown = await this.#ask('POST', '/api/show', JSON.stringify({ model: name })).catch(() => undefined)
    this.#closed.signal.throwIfAborted()
    return readShown(shown)
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
