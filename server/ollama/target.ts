// The one Ollama, as everybody else sees it: whether it is there, what it has, what is in its memory, how to run and preload on
// it. Decides nothing about order; of people's requests, which go through http/proxy.ts, it is only told.

import type { Clock } from '../clock.ts'
import { affinityKey } from '../job/affinity.ts'
import type { Answer } from './answer.ts'
import { Capacity } from './capacity.ts'
import { TargetAbsent } from './failure.ts'
import { Flights } from './flight.ts'
import { isLoaded, loadRequest, unloadRequest, wordRequest, type Load } from './preload.ts'
import { Names, type Model } from './names.ts'
import { Residents, type Reading } from './residents.ts'
import { run, type RunRequest } from './run.ts'
import { Watch, type Reason, type TargetState } from './watch.ts'
import { Wire } from './wire.ts'

export interface TargetOptions {
  url: string
  token?: string
  clock: Clock
  /** Failing probes for so long give up what is on it. */
  graceMs: number
  /** Largest answer in bytes; more fails `too_large`. */
  answerMax: number
  onState?: (state: TargetState, previous: TargetState) => void
  /** That long nothing has answered. Told again with each probe that fails. */
  onVanished?: () => void
  /** Names, weights or Modelfile parameters became known or changed: `runner` may answer otherwise. */
  onNames?: () => void
  onResidents?: (reading: Reading) => void
  /** Somebody waits for the absent target, or no longer. */
  onAwaited?: (on: boolean) => void
}

export class Target {
  /** What is learnt of how much fits into its memory; told of every request that needs a runner. */
  readonly capacity: Capacity
  readonly #parts: TargetOptions
  readonly #wire: Wire
  readonly #names: Names
  readonly #residents: Residents
  readonly #watch: Watch
  readonly #flights: Flights

  constructor(parts: TargetOptions) {
    this.#parts = parts
    const { clock, graceMs } = parts
    // TCP's own keep-alive must not give up before the probes do: a sleeping Mac may come back within the grace time.
    const wire = new Wire({ url: parts.url, token: parts.token, clock, keepAliveMs: graceMs + 60_000 })
    this.#wire = wire
    this.capacity = new Capacity({ clock })
    this.#names = new Names({
      wire,
      clock,
      onChange: () => {
        this.#residents.renamed()
        this.capacity.renamed()
        parts.onNames?.()
      },
    })
    this.#residents = new Residents({ wire, clock, names: this.#names, onReading: (reading) => this.#read(reading) })
    this.#flights = new Flights({
      onFlight: (who, on) => this.demand('in_flight', on, who),
      onBroken: () => void this.probe(),
      onMissing: () => void this.refresh(),
      isAway: () => this.probe().then(() => this.absent),
    })
    this.#watch = new Watch({
      wire,
      clock,
      onState: (state, previous) => this.#changed(state, previous),
      onProbe: (good) => this.#probed(good),
    })
  }

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

  get reading(): Reading | undefined {
    return this.#residents.reading
  }

  /** Stops every timer and question of the target's own; runs belong to their signals. */
  close(): void {
    this.#watch.close()
    this.#residents.close()
    this.#names.close()
  }

  /** Whether something of `who` waits for its turn or for the absent target, or is on it. Runs and preloads say so themselves. */
  demand(reason: Reason, on: boolean, who: unknown = 'worker'): void {
    this.#watch.demand(reason, on, who)
    this.#poll()
  }

  /** Bytes of any answer came from the target. */
  heard(): void {
    this.#watch.heard()
  }

  /** Reads /api/ps now. Never throws; `reading` tells what came of it. */
  look(): Promise<void> {
    return this.#residents.look()
  }

  lookAnew(): Promise<void> {
    return this.#residents.lookAnew()
  }

  /** Probes now. Never throws; `state` tells what came of it. */
  probe(): Promise<void> {
    return this.#watch.probe()
  }

  /** Reads the names again, as after a pull, a create, a copy or a delete. Never throws. */
  refresh(): Promise<void> {
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

  /** Every key that a runner in memory serves, spelled as `runnerKey` does; none when nothing recent is known. */
  residentKeys(): ReadonlySet<string> {
    return this.#residents.runners
  }

  /** The runners in memory by one key each. */
  listedKeys(): ReadonlySet<string> {
    return new Set(this.#residents.listed.map(({ key }) => key))
  }

  /** /api/ps has not answered for longer than a reading is good for, although somebody cares. */
  get blind(): boolean {
    return this.#residents.blind
  }

  get absent(): boolean {
    return this.state === 'asleep' || this.state === 'down'
  }

  /** Whether the model of an affinity key runs on ollama.com, and so needs no runner here. */
  cloud(key: string): boolean {
    return this.#names.elsewhere(key)
  }

  /** A person's request with this affinity key is at the target, or no longer: a runner of its weights that comes is its own. */
  expect(key: string, on: boolean): void {
    this.#residents.expect(key, on)
  }

  /** A request with this affinity key was answered well: its runner is in memory, and what had to go for it is not. */
  shown(key: string): void {
    this.#residents.loaded(key)
    void this.#residents.lookAnew()
  }

  /** Runs a job's request. Throws TargetFailure, TargetAbsent (free of charge), the signal's reason, or what the body throws. */
  run(request: RunRequest): Promise<Answer> {
    const limits = { ...this.#parts, wire: this.#wire, onBytes: () => this.heard() }
    return this.#flights.fly(request.signal, (signal) => run({ ...request, signal }, limits))
  }

  /**
   * Loads the runner a request will need, for as long as that takes. Resolves with whether it did: cloud models, which
   * only the target can tell by their name, need none, and some targets cannot be asked. Throws like `run`.
   */
  async preload(load: Load, signal: AbortSignal): Promise<boolean> {
    if (this.#names.cloud(load.model)) return false
    const key = affinityKey(load.model, load.options)
    const runner = this.runnerKey(key)
    this.capacity.forwarded(runner)
    const flight = this.#flights.fly(signal, async (signal) => {
      if (!isLoaded(await this.#wire.ask({ ...loadRequest(load), signal }), load.endpoint)) return false
      this.heard()
      this.shown(key)
      this.#watch.unstuck()
      return true
    })
    return flight.finally(() => this.capacity.withdrawn(runner))
  }

  /** Resolves when a runner in memory has answered a request for one word, however it did. Throws like `run`. */
  word(key: string, signal: AbortSignal): Promise<unknown> {
    return this.#flights.fly(signal, (signal) => this.#wire.ask({ ...wordRequest(key), signal }))
  }

  /** Lets go of a runner, by a key it serves, once it is idle; only /api/ps says whether it went. Never throws. */
  async unload(key: string): Promise<void> {
    const found = this.#residents.find(key)
    if (!found) return
    this.capacity.dismissed(found.key)
    this.#residents.dismissed(found.key)
    await this.#wire.ask(unloadRequest(found.name)).catch(() => {})
    await this.lookAnew()
  }

  #probed(good: boolean): void {
    const { clock, graceMs } = this.#parts
    const { failingSince } = this.#watch
    if (good && this.#names.old && this.state === 'awake') void this.refresh()
    if (failingSince === undefined || clock.now() - failingSince < graceMs) return
    this.#flights.giveUp(new TargetAbsent('gave_up'))
    this.#parts.onVanished?.()
  }

  /** /api/ps is read while it matters to anybody, and there is somebody to ask. */
  #poll(): void {
    const { waiting, in_flight } = this.#watch.demands
    this.#residents.poll(waiting.size + in_flight.size > 0 && !this.absent)
    this.#parts.onAwaited?.(waiting.size > 0 && this.absent)
  }

  #read(reading: Reading): void {
    this.capacity.looked(this.#residents.read, reading.at, reading.wall)
    this.#parts.onResidents?.(reading)
  }

  #changed(state: TargetState, previous: TargetState): void {
    if (this.absent) this.capacity.forget()
    this.#poll()
    if (state === 'awake' && previous !== 'stuck') void this.refresh()
    this.#parts.onState?.(state, previous)
  }
}
