// What is kept for how long: jobs that ended, and the ids of erased ones. What has had its time is erased a few rows in a
// turn of the event loop. One timer waits for what comes next; nothing polls.

import type { Clock } from '../clock.ts'
import type { State } from '../job/state.ts'
import type { JobRow } from '../store/jobs.ts'
import type { Store } from '../store/store.ts'
import type { Queue } from './queue.ts'
import { remembered_ms } from './register.ts'

/** How long jobs are kept after their end, in milliseconds; null for ever. */
export interface Keep {
  done: number | null
  /** Canceled ones as well: both did not do what they were to do, and somebody may want to know why. */
  failed: number | null
}

interface RetentionOptions {
  store: Store
  clock: Clock
  keep: Keep
  queue: Pick<Queue, 'purge'>
}

/** Jobs that one step looks at: a few milliseconds of the event loop. */
const stepJobs = 10
/** It goes by wall time by contract, which may be set; and a job may be owed to a receiver still. So it is looked at this often at least. */
const longest_ms = 3_600_000
/** After a write that failed (a full disk, say). */
const again_ms = 60_000

export class Retention {
  #options: RetentionOptions
  #kept: ReadonlyMap<State, number>
  #cancel = () => {}
  /** Wall time the timer waits for. */
  #next = Infinity
  #looking: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(options: RetentionOptions) {
    const { done, failed } = options.keep
    const all: [State, number | null][] = [
      ['done', done],
      ['failed', failed],
      ['canceled', failed],
    ]
    this.#options = options
    this.#kept = new Map(all.filter((one): one is [State, number] => one[1] !== null))
  }

  /** Erases what has had its time, in steps, then waits for what comes next. */
  look(): void {
    this.#looking = this.#looking.then(() => this.#pass())
  }

  /** A job has ended. */
  ended({ state, finished_at }: JobRow): void {
    const keep = this.#kept.get(state)
    if (keep !== undefined && finished_at !== null) this.#wakeAt(finished_at + keep)
  }

  /** Nothing of a job is left to be delivered: one whose time is over has waited for that alone. */
  settled(seq: number): void {
    const { store, clock, queue } = this.#options
    const row = store.jobs.at(seq)
    const keep = row && this.#kept.get(row.state)
    if (this.#stopped || keep === undefined || (row?.finished_at ?? Infinity) + keep > clock.wall()) return
    // What the disk refuses is looked at again with the others.
    queue.purge([seq]).catch(() => undefined)
  }

  /** A job was erased. */
  erased(): void {
    this.#wakeAt(this.#options.clock.wall() + remembered_ms + 1)
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  async #pass(): Promise<void> {
    this.#cancel()
    this.#next = Infinity
    try {
      for (const [state, keep] of this.#kept) this.#wakeAt(await this.#purge(state, keep))
      this.#wakeAt(await this.#forget())
    } catch {
      this.#wakeAt(this.#options.clock.wall() + again_ms)
    }
  }

  /** Erases the jobs of a state whose time is over. Resolves with the wall time of the next one. */
  async #purge(state: State, keep: number): Promise<number> {
    const { store, clock, queue } = this.#options
    let passed = { finished_at: -Infinity, seq: 0 }
    let held = false
    while (!this.#stopped) {
      const rows = store.jobs.ended(state, passed, stepJobs)
      const over = rows.filter(({ finished_at }) => finished_at + keep <= clock.wall())
      const free = over.filter(({ owed }) => !owed).map(({ seq }) => seq)
      if (free.length > 0) await queue.purge(free)
      held ||= free.length < over.length
      const following = rows[over.length]
      if (following || rows.length < stepJobs)
        return Math.min(
          following ? following.finished_at + keep : Infinity,
          held ? clock.wall() + longest_ms : Infinity,
        )
      passed = over.at(-1)!
    }
    return Infinity
  }

  /** Drops the ids of jobs erased long ago. Resolves with the wall time of the next one. */
  async #forget(): Promise<number> {
    const { store, clock } = this.#options
    while (!this.#stopped) {
      const before = clock.wall() - remembered_ms
      const oldest = store.events.oldestBurial() ?? Infinity
      if (oldest >= before) return oldest + remembered_ms + 1
      await store.commit.run('forget', () => store.events.forget(before))
    }
    return Infinity
  }

  #wakeAt(wall: number): void {
    if (this.#stopped || wall >= this.#next) return
    const { clock } = this.#options
    this.#cancel()
    this.#next = wall
    const left = Math.min(Math.max(wall - clock.wall(), 0), longest_ms)
    this.#cancel = clock.at(clock.now() + left, () => this.look())
  }
}
