// The queue as the next decision sees it, and what that says of each waiting job. Looks only; acting is worker.ts.

import type { Clock } from '../clock.ts'
import { outcome, reasonFor, type Decision, type Limits, type Reason, type Snapshot } from '../job/schedule.ts'
import type { Job } from '../job/schema.ts'
import { isNative } from '../job/submit.ts'
import type { Target } from '../ollama/target.ts'
import type { People } from '../people/people.ts'
import type { Queue } from '../queue/queue.ts'
import { time } from '../queue/view.ts'
import type { JobRow } from '../store/jobs.ts'
import { Planner, type PlannerOptions } from './planner.ts'
import type { Run } from './run.ts'
import type { Turns } from './turns.ts'

export interface OutlookOptions extends Pick<PlannerOptions, 'estimates' | 'look' | 'onEtaError'> {
  queue: Queue
  target: Target
  people: People
  clock: Clock
  limits: Limits
  turns: Turns
  run: () => Run | null
  /** Whether the disk refuses what must be written. */
  storageFailing: () => boolean
}

/** What is only known live of a job. */
export type Live = Partial<Pick<Job, 'reason' | 'position' | 'progress'>>
/** What a plan knows of one. */
export type Place = Partial<Pick<Job, 'position' | 'eta'>>

/** The queue as it is seen in one turn of the event loop. */
interface Glance {
  snapshot: Snapshot
  decision: Decision
  /** Who runs has not begun yet: it waits as before, and is in no plan any more. */
  starting: boolean
}

export class Outlook {
  readonly planner: Planner
  #options: OutlookOptions
  #glance: Glance | null = null

  constructor(options: OutlookOptions) {
    this.#options = options
    this.planner = new Planner({ ...options, snapshot: () => this.snapshot() })
  }

  /** Something happened: the next look is a new one. */
  changed(): void {
    this.#glance = null
  }

  /** What the next decision sees, in monotonic time. Names that share a runner are one key here. */
  snapshot(): Snapshot {
    const { queue, target, people, clock, limits, turns } = this.#options
    const keys = queue.keys((key) => target.runnerKey(key))
    const elsewhere = new Set<string>()
    for (const one of keys) {
      one.starvedSince = queue.steady.monotonic(one.starvedSince)
      // What runs elsewhere needs no load and no room: it is as good as loaded.
      if (!target.cloud(one.key)) continue
      one.elsewhere = true
      elsewhere.add(one.key)
    }
    return {
      now: clock.now(),
      keys,
      resident: elsewhere.size > 0 ? target.residentKeys().union(elsewhere) : target.residentKeys(),
      listed: target.listedKeys(),
      ...turns.state,
      people: people.crowds,
      strangers: people.strangers,
      room: target.capacity.room,
      target: target.state,
      paused: queue.paused,
      limits,
    }
  }

  /** How the oldest waiting job of a runner spells its key. */
  spelled(key: string): string {
    const { queue, target } = this.#options
    const waiting = queue.keys((name) => target.runnerKey(name)).find((one) => one.key === key)
    return (waiting && queue.headAt(waiting.head)?.key) ?? key
  }

  /** Why a job waits, or how far it is. */
  live(row: JobRow): Live {
    const run = this.#options.run()
    if (row.state === 'working' && run?.row.seq === row.seq && isNative(row.endpoint))
      return { progress: run.progress.view() }
    if (row.state !== 'queued') return {}
    if (this.#options.storageFailing()) return { reason: 'storage_failing' }
    const { snapshot, decision } = this.#look()
    const job = { place: row.place, key: this.#options.target.runnerKey(row.key), backingOff: row.due !== null }
    const reason = reasonFor(job, snapshot, decision)
    return { ...(reason ? { reason } : {}), ...(reason === 'next' ? { position: 1 } : {}) }
  }

  /** When it will start, by the last plan; nothing of those that have come or gone since. */
  place(row: JobRow): Place {
    const entry = this.planner.entry(row.seq)
    if (!entry) return {}
    const { startAt, finishAt } = entry
    const position = entry.position + (this.#look().starting ? 1 : 0)
    const at = (monotonic: number) => time(this.#options.queue.steady.of(monotonic))
    const finish = finishAt === undefined ? {} : { finish_at: at(finishAt) }
    return { position, ...(startAt === undefined ? {} : { eta: { start_at: at(startAt), ...finish } }) }
  }

  /** Why nothing starts although jobs wait. */
  get waitingFor(): Reason | null {
    if (this.#options.storageFailing()) return 'storage_failing'
    const decision = this.#options.run() ? null : this.#look().decision
    return decision?.act === 'wait' ? decision.reason : null
  }

  /** One snapshot and its decision serve every job of a list. */
  #look(): Glance {
    if (this.#glance) return this.#glance
    const { queue, run } = this.#options
    const snapshot = this.snapshot()
    const first = run()?.row
    const starting = first !== undefined && queue.at(first.seq)?.sequence === first.sequence
    this.#glance = { snapshot, decision: outcome(snapshot), starting }
    setImmediate(() => (this.#glance = null))
    return this.#glance
  }
}
