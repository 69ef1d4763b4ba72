// The one Ollama, as everybody else sees it: whether it is there, what it has, what is in its memory, and how to run
// and preload on it. Decides nothing about order; people's requests reach the target through http/proxy.ts and
// are only told of here.

import type { Clock } from '../clock.ts'
import { affinityKey, type RunnerOptions } from '../job/affinity.ts'
import { isEmbedding, type Endpoint } from '../job/submit.ts'
import { fieldsOf, type Answer } from './answer.ts'
import { TargetAbsent, TargetFailure, brokenOff, classify } from './failure.ts'
import { Names, type Model } from './names.ts'
import { Residents, type Reading, type Resident } from './residents.ts'
import { run, type RunRequest } from './run.ts'
import { Watch, type Reason, type TargetState } from './watch.ts'
import { Wire } from './wire.ts'

export interface TargetOptions {
  url: string
  token?: string
  clock: Clock
  /** Failing probes for so long give a running request up. */
  graceMs: number
  /** Largest answer in bytes; more fails `too_large`. */
  answerMax: number
  onState?: (state: TargetState, previous: TargetState) => void
  /** Names, weights or Modelfile parameters became known or changed: `runner` may answer otherwise. */
  onNames?: () => void
  onResidents?: (reading: Reading) => void
}

export interface Load {
  endpoint: Endpoint
  model: string
  options: RunnerOptions
}

/** The names are read again with a good probe when they are older than this. */
const namesOldMs = 60_000

export class Target {
  readonly #parts: TargetOptions
  readonly #wire: Wire
  readonly #names: Names
  readonly #residents: Residents
  readonly #watch: Watch
  readonly #inFlight = new Set<unknown>()
  readonly #running = new Set<AbortController>()
  #namesAt = Number.NEGATIVE_INFINITY

  constructor(parts: TargetOptions) {
    this.#parts = parts
    const { clock, graceMs } = parts
    // TCP's own keep-alive must not give up before the probes do: a sleeping Mac may come back within the grace time.
    const wire = new Wire({ url: parts.url, token: parts.token, clock, keepAliveMs: graceMs + 60_000 })
    this.#wire = wire
    this.#names = new Names({ wire, onChange: parts.onNames })
    this.#residents = new Residents({ wire, clock, names: this.#names, onReading: parts.onResidents })
    this.#watch = new Watch({
      wire,
      clock,
      onState: (state, previous) => this.#changed(state, previous),
      onProbe: (good) => this.#probed(good),
    })
  }

  /** Without credentials. */
  get url(): string {
    return this.#wire.url
  }

  get state(): TargetState {
    return this.#watch.state
  }

  /** Epoch milliseconds of the last change of state. */
  get since(): number {
    return this.#watch.since
  }

  get version(): string | undefined {
    return this.#watch.version
  }

  get models(): Model[] {
    return this.#names.models
  }

  /** What is in memory, undefined when the last reading is older than 3 s. */
  get residents(): Resident[] | undefined {
    return this.#residents.current
  }

  /** The last reading of /api/ps, however old. */
  get reading(): Reading | undefined {
    return this.#residents.reading
  }

  /** The first probe; resolves when it has been answered or not. */
  start(): Promise<void> {
    return this.#watch.probe()
  }

  /** Stops every timer and question of the target's own; runs belong to their signals. */
  close(): void {
    this.#watch.close()
    this.#residents.close()
    this.#names.close()
  }

  /**
   * Says whether something of `who` waits for the absent target, or is on it: probes then come every 2 s, and with
   * something in flight /api/ps is read every second. Runs and preloads say so themselves.
   */
  demand(reason: Reason, on: boolean, who: unknown = 'worker'): void {
    this.#watch.demand(reason, on, who)
    if (reason === 'waiting') return
    if (on) this.#inFlight.add(who)
    else this.#inFlight.delete(who)
    this.#residents.poll(this.#inFlight.size > 0)
  }

  /** Bytes of any answer came from the target. */
  heard(): void {
    this.#watch.heard()
  }

  /** Reads /api/ps now. Never throws; `reading` tells what came of it. */
  look(): Promise<void> {
    return this.#residents.look()
  }

  /** Probes now. Never throws; `state` tells what came of it. */
  probe(): Promise<void> {
    return this.#watch.probe()
  }

  /** Reads the names again, as after a pull, a create, a copy or a delete. Never throws. */
  refresh(): Promise<void> {
    this.#namesAt = this.#parts.clock.now()
    return this.#names.refresh()
  }

  /** A load hung: no other is sent after it until one goes through, an outage, or five minutes. */
  stuck(): void {
    this.#watch.stuck()
  }

  /** A text equal exactly for affinity keys that share a runner; the key itself while the target hasn't told. */
  runnerKey(key: string): string {
    return this.#names.runner(key)
  }

  /** The runners in memory, spelled as `runnerKey` does; empty when nothing recent is known. */
  residentKeys(): ReadonlySet<string> {
    return this.#residents.runners
  }

  /**
   * Runs a job's request to its answer. Throws TargetFailure, TargetAbsent (free of charge), the signal's reason, or
   * what the body throws.
   */
  run(request: RunRequest): Promise<Answer> {
    const { clock, answerMax } = this.#parts
    const limits = { wire: this.#wire, clock, answerMax, onBytes: () => this.heard() }
    return this.#fly(request.signal, (signal) => run({ ...request, signal }, limits))
  }

  /**
   * Loads the runner a request will need, for as long as that takes. Resolves with whether it did: cloud models, which
   * only the target can tell by their name, need none. Throws like `run`.
   */
  async preload({ endpoint, model, options }: Load, signal: AbortSignal): Promise<boolean> {
    if (this.#names.cloud(model)) return false
    const { shift, ...runner } = options
    const embeds = isEmbedding(endpoint)
    const path = embeds ? '/api/embed' : '/api/generate'
    const body = JSON.stringify({
      model,
      ...(embeds ? { input: '' } : { stream: false }),
      ...(Object.keys(runner).length > 0 ? { options: runner } : {}),
      ...(shift === false && !embeds ? { shift } : {}),
    })
    await this.#fly(signal, async (signal) => {
      const { status, text } = await this.#wire.ask({ method: 'POST', path, body, signal })
      if (status !== 200 || !isLoadAnswer(text)) throw new TargetFailure(loadFailure(status, text, endpoint))
      this.heard()
      this.#residents.loaded(affinityKey(model, options))
      // Whatever had to go for it is still in the last reading.
      void this.look()
      this.#watch.unstuck()
    })
    return true
  }

  /** Has a request on the target until `work` settles; gives it up when probes have failed for the grace time. */
  async #fly<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const giveUp = new AbortController()
    this.#running.add(giveUp)
    this.demand('in_flight', true, giveUp)
    try {
      return await work(AbortSignal.any([signal, giveUp.signal]))
    } catch (error) {
      // Know soon what is the matter, instead of at the next probe.
      if (error instanceof TargetAbsent || isCut(error)) void this.probe()
      if (error instanceof TargetFailure && error.failure.code === 'model_missing') void this.refresh()
      throw error
    } finally {
      this.#running.delete(giveUp)
      this.demand('in_flight', false, giveUp)
    }
  }

  #probed(good: boolean): void {
    const { clock, graceMs } = this.#parts
    const { failingSince } = this.#watch
    if (good && clock.now() - this.#namesAt >= namesOldMs && this.state === 'awake') void this.refresh()
    if (failingSince === undefined || clock.now() - failingSince < graceMs) return
    for (const run of this.#running) run.abort(new TargetAbsent('gave_up'))
  }

  #changed(state: TargetState, previous: TargetState): void {
    if (state === 'awake' && previous !== 'stuck') void this.refresh()
    this.#parts.onState?.(state, previous)
  }
}

const isCut = (error: unknown) => error instanceof TargetFailure && error.failure.targetStatus === undefined

/** 200 with the answer to a request for nothing: the model is in memory. */
function isLoadAnswer(text: string): boolean {
  try {
    const { done_reason, embeddings } = fieldsOf(JSON.parse(text))
    return done_reason === 'load' || Array.isArray(embeddings)
  } catch {
    return false
  }
}

function loadFailure(status: number, text: string, endpoint: Endpoint) {
  if (status !== 200 || text.includes('"error"')) return classify({ status, text, endpoint })
  return brokenOff('the target answered a load request with something else', status)
}
