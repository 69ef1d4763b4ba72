// Bringing in the runner of a job: room is made first where it is known that there is none, the load itself is watched, and
// one that hangs is cured once. What a run does before and after is run.ts.

import type { Clock } from '../clock.ts'
import { parseAffinityKey } from '../job/affinity.ts'
import { evicted } from '../job/evict.ts'
import type { Endpoint } from '../job/submit.ts'
import { TargetFailure } from '../ollama/failure.ts'
import type { Target } from '../ollama/target.ts'
import type { People } from '../people/people.ts'
import type { JobRow } from '../store/jobs.ts'

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

/** How a runner is wanted. */
export interface Wanted {
  /** It is in memory already; the request then only carries `keepAlive`. */
  resident: boolean
  /** A duration as Ollama reads it. */
  keepAlive?: string
  signal: AbortSignal
  /** The load hung although everything else was told to go. */
  onStuck: () => void
}

/** How often /api/ps is read while runners are to go, and for how long at most that is waited for. */
const look_ms = 100
const gone_ms = 30_000
/** A load may take so many times as long as the slowest one seen. */
const patience = 4

export class Loading {
  readonly #options: LoadingOptions

  constructor(options: LoadingOptions) {
    this.#options = options
  }

  /** Resolves when the runner is in memory. Throws like Target.preload. */
  async bring(row: JobRow, wanted: Wanted): Promise<void> {
    const { target, clock, onLoad } = this.#options
    const key = target.runnerKey(row.key)
    if (!wanted.resident) await this.#makeRoom(key, wanted.signal)
    const began = clock.now()
    try {
      const loaded = await this.#watched(row, key, wanted)
      if (loaded && !wanted.resident) onLoad?.({ key: row.key, ms: clock.now() - began })
    } catch (error) {
      target.capacity.withdrawn(key)
      if (!(error instanceof TargetFailure && error.failure.memory && this.#unused)) throw error
      // Whatever else is in memory may be what there was no room beside.
      const others = [...target.listedKeys()].filter((one) => one !== key)
      if (others.length === 0) throw error
      await this.#letGo(others, wanted.signal)
      await this.#watched(row, key, wanted)
      onLoad?.({ key: row.key, ms: clock.now() - began })
    }
  }

  /** Lets go of as many runners as must, so that Ollama has none to evict. Does nothing while people use any. */
  async #makeRoom(key: string, signal: AbortSignal): Promise<void> {
    const { target, people, clock } = this.#options
    if (!this.#unused) return
    const used = new Map(people.crowds.map((crowd) => [crowd.key, crowd.used]))
    const age = (one: string) => used.get(one) ?? -Infinity
    const listed = [...target.listedKeys()].sort((a, b) => (age(a) < age(b) ? -1 : 1))
    const going = evicted({ now: clock.now(), listed, room: target.capacity.room }, key)
    if (going.length > 0) await this.#letGo(going, signal)
  }

  /** Nothing of people is in flight. */
  get #unused(): boolean {
    const { people } = this.#options
    return people.strangers === 0 && people.crowds.every(({ flight }) => flight === 0)
  }

  /** Tells runners to go and waits until they are not listed any more, or for as long as that is worth it. */
  async #letGo(keys: readonly string[], signal: AbortSignal): Promise<void> {
    const { target, clock } = this.#options
    const end = clock.now() + gone_ms
    for (const key of keys) await target.unload(key)
    while (keys.some((key) => target.listedKeys().has(key)) && clock.now() < end) {
      signal.throwIfAborted()
      await new Promise<void>((resolve) => clock.at(clock.now() + look_ms, resolve))
      await target.lookAnew()
    }
  }

  /** The load, looked into when it takes longer than it ever did. */
  async #watched(row: JobRow, key: string, { signal, keepAlive, onStuck }: Wanted): Promise<boolean> {
    const { target, clock, loadStall_ms, slowestLoad, onHealed } = this.#options
    const { model, options } = parseAffinityKey(row.key)
    const limit = Math.max(loadStall_ms, patience * slowestLoad(key))
    let hung = false
    let over = false
    let cancel = clock.at(clock.now() + limit, async () => {
      await target.probe()
      hung = !target.absent
      if (hung) await this.#cure(key, limit)
      if (!over) cancel = clock.at(clock.now() + limit, onStuck)
    })
    try {
      const loaded = await target.preload({ endpoint: row.endpoint as Endpoint, model, options, keepAlive }, signal)
      if (hung) onHealed?.(key)
      return loaded
    } finally {
      over = true
      cancel()
    }
  }

  /** Unloads everything that is listed. */
  async #cure(key: string, ms: number): Promise<void> {
    const { target, onHung } = this.#options
    await target.look()
    const unloaded = [...target.listedKeys()]
    onHung?.({ key, ms, unloaded })
    for (const one of unloaded) await target.unload(one)
  }
}

/**
 * What the runner of a job is told of how long to stay, as Ollama reads it. The last request that carries it decides there, so
 * it is left alone but for the last job there is, and for a runner that went although its turn goes on.
 */
export function stay(job: {
  resident: boolean
  last: boolean
  after: number | null
  goesOn: boolean
}): string | undefined {
  const { resident, last, after, goesOn } = job
  if (last && after !== null) return after === Infinity ? '-1s' : `${after}ms`
  return !resident && goesOn ? '1m' : undefined
}
