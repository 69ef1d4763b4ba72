// Bringing in the runner of a job: room is made first where it is known that there is none, the load itself is watched, and
// one that hangs is cured once. What a run does before and after is run.ts.

import type { Clock } from '../clock.ts'
import { parseAffinityKey } from '../job/affinity.ts'
import { evicted } from '../job/evict.ts'
import { fits, weightsIn } from '../job/room.ts'
import type { Endpoint } from '../job/submit.ts'
import { Clearing } from '../ollama/clearing.ts'
import { leavesWork, TargetAbsent, TargetFailure } from '../ollama/failure.ts'
import type { Target } from '../ollama/target.ts'
import type { People } from '../people/people.ts'
import type { JobRow } from '../store/jobs.ts'
import { Aftermath } from './aftermath.ts'

export interface LoadingOptions {
  target: Target
  people: People
  clock: Clock
  /** A load silent for longer is looked into. */
  loadStall_ms: number
  /** The slowest load of a runner that was seen of late; 0: none. */
  slowestLoad: (key: string) => number
  onLoad?: (facts: { key: string; ms: number }) => void
  /** A load hung: `unloaded` are the runners that were told to go. */
  onHung?: (facts: { key: string; ms: number; unloaded: string[] }) => void
  /** A load that hung went through after that. */
  onHealed?: (key: string) => void
}

/** How a runner is asked for. */
interface Asked {
  /** A duration as Ollama reads it. */
  keepAlive?: string | undefined
  signal: AbortSignal
  /** The load hung although everything else was told to go. */
  onStuck: () => void
}

/** How a runner is wanted; `resident`: it was in memory when that was decided. */
export interface Wanted extends Asked {
  resident: boolean
}

/** A load may take so many times as long as the slowest one seen. */
const patience = 4

export class Loading {
  readonly #options: LoadingOptions
  readonly #clearing: Clearing
  readonly #aftermath: Aftermath

  constructor(options: LoadingOptions) {
    this.#options = options
    this.#clearing = new Clearing(options)
    this.#aftermath = new Aftermath(options)
  }

  /** Whether there is nothing to be asked of the target before the work. */
  ready(row: JobRow, { resident, keepAlive }: Pick<Wanted, 'resident' | 'keepAlive'>): boolean {
    if (this.#options.target.cloud(row.key)) return true
    const { isOver, settled } = this.#aftermath
    return isOver && resident && settled && this.#told(keepAlive) === undefined
  }

  /** Resolves when the runner is in memory, with the milliseconds that loading it took, 0 if it was. Throws like Target.preload. */
  async bring(row: JobRow, { resident, signal, ...wanted }: Wanted): Promise<number> {
    if (this.ready(row, { resident, ...wanted })) return 0
    const { target, onLoad } = this.#options
    await this.#aftermath.over(signal)
    const key = target.runnerKey(row.key)
    let there = resident && this.#aftermath.settled
    if (!there) {
      // After an idle time nothing recent is known, and after a load that was broken off the last reading is none.
      await target.lookAnew()
      signal.throwIfAborted()
      there = this.#aftermath.settled && target.residentKeys().has(key)
      if (!there) await this.#makeRoom(key, signal)
    }
    const keepAlive = this.#told(wanted.keepAlive)
    if (there && keepAlive === undefined) return 0
    const ms = await this.#load(row, key, { ...wanted, keepAlive, signal })
    if (ms === undefined || there) return 0
    onLoad?.({ key: row.key, ms })
    return ms
  }

  /** People's may need this runner's eviction in just this moment: a keep_alive must not come between. */
  #told(keepAlive: string | undefined): string | undefined {
    return this.#unused ? keepAlive : undefined
  }

  /** A job's request has failed, or was broken off. */
  failed(row: JobRow, error: unknown): void {
    if (!leavesWork(error)) return
    const key = this.#options.target.runnerKey(row.key)
    // Its runner may not have been what it was taken for: then Ollama began to load it by itself.
    if (this.#mayEvict(key)) this.#aftermath.settled = false
    this.#aftermath.brokeOff(key)
    if (error instanceof TargetAbsent) this.#aftermath.gaveUp()
  }

  /** Lets go of as many runners as must, so that Ollama has none to evict. Does nothing while people use any. */
  async #makeRoom(key: string, signal: AbortSignal): Promise<void> {
    const { target, people, clock } = this.#options
    if (!this.#unused) return
    const used = new Map(people.crowds.map((crowd) => [crowd.key, crowd.used]))
    const age = (one: string) => used.get(one) ?? -Infinity
    const listed = [...target.listedKeys()].sort((a, b) => (age(a) < age(b) ? -1 : 1))
    const { settled, doubtful } = this.#aftermath
    const memory = { now: clock.now(), listed, room: target.capacity.room, doubtful }
    // What a load that was broken off still waits for may be any of them.
    await this.#letGo(settled ? evicted(memory, key) : listed, signal)
  }

  async #letGo(keys: readonly string[], signal: AbortSignal): Promise<void> {
    if (keys.length === 0) return
    if (await this.#clearing.letGo(keys, signal)) for (const key of keys) this.#aftermath.gone(key)
  }

  /** Nothing of people is in flight. */
  get #unused(): boolean {
    const { people } = this.#options
    return people.strangers === 0 && people.crowds.every(({ flight }) => flight === 0)
  }

  /** Loads it; for want of memory once more with everything else gone. Resolves with the milliseconds of the load, if one was needed. */
  async #load(row: JobRow, key: string, wanted: Asked): Promise<number | undefined> {
    const { target } = this.#options
    try {
      return await this.#watched(row, key, wanted)
    } catch (error) {
      target.capacity.withdrawn(key)
      if (!(error instanceof TargetFailure && error.failure.memory && this.#unused)) throw error
      // Whatever else is in memory may be what there was no room beside.
      const others = [...target.listedKeys()].filter((one) => one !== key)
      if (others.length === 0) throw error
      await this.#letGo(others, wanted.signal)
      return await this.#watched(row, key, wanted)
    }
  }

  /** The load, looked into when it takes longer than it ever did; the time that it hung before its cure is none of a load. */
  async #watched(row: JobRow, key: string, { signal, keepAlive, onStuck }: Asked): Promise<number | undefined> {
    const { target, clock, loadStall_ms, slowestLoad, onHealed } = this.#options
    const { model, options } = parseAffinityKey(row.key)
    const limit = Math.max(loadStall_ms, patience * slowestLoad(key))
    const evicts = this.#mayEvict(key)
    let began = clock.now()
    let hung = false
    let over = false
    let cancel = clock.at(began + limit, async () => {
      await target.probe()
      // It may go through while that is looked into: then there is nothing to cure.
      if (!over && !target.absent) await target.look()
      hung = !over && !target.absent
      if (hung) {
        began = clock.now()
        await this.#cure(key, limit, () => over)
      }
      if (!over) cancel = clock.at(clock.now() + limit, onStuck)
    })
    try {
      const loaded = await target.preload({ endpoint: row.endpoint as Endpoint, model, options, keepAlive }, signal)
      if (hung) onHealed?.(key)
      this.#aftermath.settled = true
      return loaded ? clock.now() - began : undefined
    } catch (error) {
      this.failed(row, error)
      if (evicts && leavesWork(error)) this.#aftermath.settled = false
      throw error
    } finally {
      over = true
      cancel()
    }
  }

  /** Whether Ollama might have to make room for this load by itself, whatever it still does for those broken off. */
  #mayEvict(key: string): boolean {
    const { target, clock } = this.#options
    const there = new Set([...target.listedKeys(), ...this.#aftermath.doubtful, key])
    const replaces = [...there].some((one) => one !== key && weightsIn(one) === weightsIn(key))
    return replaces || fits(target.capacity.room, there, clock.now()) !== true
  }

  /** Unloads everything that is listed, until the load is `over`. */
  async #cure(key: string, ms: number, over: () => boolean): Promise<void> {
    const { target, onHung } = this.#options
    const unloaded = [...target.listedKeys()]
    onHung?.({ key, ms, unloaded })
    for (const one of unloaded) if (!over()) await target.unload(one)
  }
}
