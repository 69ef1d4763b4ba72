// What is in the target's memory: /api/ps, and the runners that foreman itself has just loaded, which are known before
// the listing shows them. Listed doesn't mean alive, and an answer that doesn't come means "unknown", not "down": on
// some targets the listing itself waits while a model loads.

import type { Clock } from '../clock.ts'
import { parseAffinityKey, type RunnerOptions } from '../job/affinity.ts'
import { weightsIn } from '../job/room.ts'
import { fieldsOf } from './answer.ts'
import type { Listed } from './capacity.ts'
import { Expected } from './expected.ts'
import type { Manifest, Names } from './names.ts'
import { residentFrom, type Resident } from './resident.ts'
import type { Wire } from './wire.ts'

export interface Reading {
  residents: Resident[]
  /** Monotonic milliseconds when it was asked for: it shows nothing older. */
  at: number
  /** The same by the target's own clock, epoch milliseconds: what it says of when a runner goes is meant by that. */
  wall: number
}

/** A load by foreman, and what the name stood for then. */
interface Load extends Manifest {
  options: RunnerOptions
  at: number
  contextLength?: number
}

export interface ResidentsOptions {
  wire: Wire
  clock: Clock
  names: Names
  onReading?: (reading: Reading) => void
}

const everyMs = 1_000
const limitMs = 3_000
/** A reading older than this says nothing any more. */
export const tooOldMs = 3_000

export class Residents {
  /** The newest reading, however old. */
  reading: Reading | undefined
  readonly #parts: ResidentsOptions
  readonly #closed = new AbortController()
  readonly #expected: Expected
  #loads: Load[] = []
  #asking: Promise<void> | undefined
  #askedAt = Number.NEGATIVE_INFINITY
  #polling = false
  #pollingSince = Number.POSITIVE_INFINITY
  #listed: readonly Listed[] = []
  #runners: ReadonlySet<string> = new Set()
  /** Monotonic time up to which the two are right. */
  #listedUntil = Number.NEGATIVE_INFINITY
  #cancel: (() => void) | undefined

  constructor(parts: ResidentsOptions) {
    this.#parts = parts
    const { names } = parts
    const weightsOf = (manifest: Manifest) => weightsIn(names.weightsOf(manifest))
    this.#expected = new Expected({
      weightsOf: (key) => weightsOf(names.manifest(parseAffinityKey(key).model)),
      runnerOf: (key) => names.runner(key),
      find: (residents, weights) => residents.find((resident) => weightsOf(resident) === weights),
    })
  }

  /** The residents, undefined when nothing recent is known. */
  get current(): Resident[] | undefined {
    const { reading } = this
    return reading && this.#parts.clock.now() - reading.at <= tooOldMs ? reading.residents : undefined
  }

  /** Reads every second from now on, or stops to. */
  poll(on: boolean): void {
    if (on === this.#polling || this.#closed.signal.aborted) return
    this.#polling = on
    this.#pollingSince = this.#parts.clock.now()
    this.#arm()
  }

  /** Reads now, or waits for the reading under way. Never throws; `reading` tells what came of it. */
  look(): Promise<void> {
    if (this.#closed.signal.aborted) return Promise.resolve()
    this.#asking ??= this.#read().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  /** Reads what is there from now on: a reading under way may have been answered before. */
  async lookAnew(): Promise<void> {
    await this.#asking
    await this.look()
  }

  /** A load by foreman has just been answered: the runner of this affinity key is in memory. */
  loaded(key: string): void {
    this.#expected.drop(key)
    this.#load(key, this.#parts.clock.now())
  }

  /** A person's request with this affinity key is at the target, or no longer. */
  expect(key: string, on: boolean): void {
    if (!on) this.#expected.drop(key)
    else if (!this.runners.has(this.#parts.names.runner(key)))
      this.#expected.add(key, this.#parts.clock.now(), this.current)
  }

  #load(key: string, at: number): void {
    const { names } = this.#parts
    const { model, options } = parseAffinityKey(key)
    const manifest = names.manifest(model)
    const weights = weightsIn(names.weightsOf(manifest))
    // Whatever else was loaded of the same weights had to go.
    this.#loads = this.#loads.filter((load) => weightsIn(names.weightsOf(load)) !== weights)
    this.#loads.push({ ...manifest, options, at })
    this.renamed()
  }

  /** foreman told this runner to go: only a reading can say that it is there. */
  dismissed(key: string): void {
    this.#loads = this.#loads.filter((load) => this.#runner(load) !== key)
    this.renamed()
  }

  /** The runners in memory, each under every key it serves, spelled as `names.runner` does; none when nothing recent is known. */
  get listed(): readonly Listed[] {
    const { clock } = this.#parts
    if (clock.now() >= this.#listedUntil) this.#list()
    return this.#listed
  }

  /** The same as the last reading alone has it, without what foreman knows of its own loads since. */
  get read(): readonly Listed[] {
    return (this.current ?? []).map((resident) => this.#served(resident))
  }

  get runners(): ReadonlySet<string> {
    const { clock } = this.#parts
    if (clock.now() >= this.#listedUntil) this.#list()
    return this.#runners
  }

  /** The runner that serves a key: its own key, and a name that it answers to. */
  find(key: string): { key: string; name: string } | undefined {
    const runner = this.listed.find(({ serves }) => serves.includes(key))
    const resident = this.current?.find((each) => this.#served(each).serves.includes(key))
    const name = resident?.name ?? this.#loads.find((load) => this.#runner(load) === key)?.name
    return runner && name !== undefined ? { key: runner.key, name } : undefined
  }

  /** Somebody has cared for long enough, and still nothing recent is known. */
  get blind(): boolean {
    const now = this.#parts.clock.now()
    const since = Math.max(this.reading?.at ?? Number.NEGATIVE_INFINITY, this.#pollingSince)
    return this.#polling && now - since > tooOldMs
  }

  renamed(): void {
    for (const load of this.#loads) load.digest ||= this.#parts.names.manifest(load.name).digest
    this.#listedUntil = Number.NEGATIVE_INFINITY
  }

  /** What `listed` and `runners` answer until something is read, or has grown too old. */
  #list(): void {
    const { clock } = this.#parts
    const now = clock.now()
    const newest = this.reading?.at ?? Number.NEGATIVE_INFINITY
    const fresh = this.#loads.filter((load) => load.at >= newest && now - load.at <= tooOldMs)
    const listed = [...this.read]
    const readUntil = listed.length > 0 && this.reading ? [this.reading.at] : []
    for (const load of fresh) {
      const name = this.#runner(load)
      if (!listed.some(({ serves }) => serves.includes(name)))
        listed.push({ key: name, serves: [name], expiresAt: undefined })
    }
    const times = [...fresh.map(({ at }) => at), ...readUntil]
    this.#listed = listed
    this.#runners = new Set(listed.flatMap(({ serves }) => serves))
    this.#listedUntil = times.length === 0 ? Infinity : Math.min(...times) + tooOldMs + 1
  }

  /** One that is listed, with the requests it serves as it is. */
  #served(resident: Resident): Listed {
    const { names } = this.#parts
    const weights = names.weightsOf(resident)
    const own = this.#loads.find((load) => names.weightsOf(load) === weights)
    // What was loaded by another name has that one's Modelfile, and what was loaded since is not what was listed.
    const contextLength = own && own.at >= this.reading!.at ? undefined : resident.contextLength
    const serves = names.serves({ ...(own ?? resident), contextLength }, own?.options)
    return { key: serves[0], serves, expiresAt: resident.expiresAt }
  }

  #runner(load: Load): string {
    return this.#parts.names.runnerAs(load, load.options)
  }

  close(): void {
    this.#closed.abort(new Error('closed'))
    this.#polling = false
    this.#cancel?.()
  }

  async #read(): Promise<void> {
    const { wire, clock, onReading } = this.#parts
    this.#cancel?.()
    const at = clock.now()
    this.#askedAt = at
    try {
      const { signal } = this.#closed
      const { status, text, date } = await wire.ask({ method: 'GET', path: '/api/ps', limitMs, signal })
      const models = status === 200 ? fieldsOf(JSON.parse(text)).models : undefined
      if (Array.isArray(models)) {
        this.reading = { residents: models.map(residentFrom), at, wall: date ?? clock.wall() }
        for (const come of this.#expected.seen(this.reading.residents, at)) this.#load(come.name, come.at)
        this.#forget(this.reading)
        this.renamed()
        onReading?.(this.reading)
      }
    } catch {
      // Unknown: the last reading grows old by itself.
    }
    this.#arm()
  }

  #arm(): void {
    this.#cancel?.()
    if (!this.#polling) return
    const { clock } = this.#parts
    this.#cancel = clock.at(Math.max(this.#askedAt + everyMs, clock.now()), () => void this.look())
  }

  /** Drops loads of foreman's own that a newer reading contradicts. */
  #forget({ residents, at }: Reading): void {
    const { names } = this.#parts
    this.#loads = this.#loads.filter((load) => {
      if (load.at >= at) return true
      const weights = names.weightsOf(load)
      const resident = residents.find((each) => names.weightsOf(each) === weights)
      load.contextLength ??= resident?.contextLength
      return resident !== undefined && resident.contextLength === load.contextLength
    })
  }
}
