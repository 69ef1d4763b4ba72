// The plan of the queue for whoever asks: made at most once a second and only then, over the first of the waiting jobs. What it
// said is held against what came: that is the error of the estimates.
import type { Clock } from '../clock.ts'
import { plan, type Planned } from '../job/plan.ts'
import { schedule, type Snapshot } from '../job/schedule.ts'
import type { Target } from '../ollama/target.ts'
import type { Queue } from '../queue/queue.ts'
import type { WaitingRow } from '../store/jobs.ts'
import type { Estimates } from './estimates.ts'
import type { Run } from './run.ts'

export interface PlannerOptions {
  queue: Queue
  target: Target
  clock: Clock
  estimates: Estimates
  snapshot: () => Snapshot
  run: () => Run | null
  /** A job started so many milliseconds away from when it was last said to. */
  onEtaError?: (ms: number) => void
}

export interface PlannedJob extends WaitingRow {
  key: string
  queuedAt: number
}
export type Entry = Planned<PlannedJob>

const lasts_ms = 1_000
/** So many of the waiting jobs are planned. */
export const planned = 10_000

export class Planner {
  readonly #options: PlannerOptions
  #made = -Infinity
  #entries: readonly Entry[] = []
  #bySeq = new Map<number, Entry>()

  constructor(options: PlannerOptions) {
    this.#options = options
  }

  /** The waiting jobs in the order in which they are expected to start. */
  get entries(): readonly Entry[] {
    const { clock } = this.#options
    if (clock.now() - this.#made >= lasts_ms) this.#make()
    return this.#entries
  }

  /** What the plan says of a job; one that is older than a second is only made anew if `fresh` says so. */
  entry(seq: number, fresh: boolean): Entry | undefined {
    const old = this.#options.clock.now() - this.#made >= lasts_ms
    if (old && fresh) this.#make()
    return old && !fresh ? undefined : this.#bySeq.get(seq)
  }

  /** A job starts now. */
  started(seq: number): void {
    const { clock, onEtaError } = this.#options
    const expected = this.#bySeq.get(seq)?.startAt
    if (expected !== undefined) onEtaError?.(Math.abs(clock.now() - expected))
    this.#bySeq.delete(seq)
  }

  #make(): void {
    const { queue, target, clock, estimates, snapshot } = this.#options
    const folded = new Map<string, string>()
    const runner = (name: string) => {
      let key = folded.get(name)
      if (key === undefined) folded.set(name, (key = target.runnerKey(name)))
      return key
    }
    const jobs = queue.firstWaiting(planned).map((row) => ({
      ...row,
      key: runner(row.key),
      queuedAt: queue.steady.monotonic(row.waiting_since),
    }))
    const work = ({ model, endpoint }: { model: string; endpoint: string }) => estimates.work(model, endpoint)
    const load = (key: string) => estimates.load(key)
    this.#made = clock.now()
    const now = snapshot()
    this.#entries = [...plan(now, jobs, { load, work }, this.#free(now))]
    this.#bySeq = new Map(this.#entries.map((entry) => [entry.job.seq, entry]))
  }

  /** When the running job is expected to be done. Nobody can tell while nothing may start: how long people stay is theirs. */
  #free(now: Snapshot): number | undefined {
    const { target, clock, estimates, run } = this.#options
    if (schedule(now).act === 'wait') return undefined
    const running = run()
    if (!running) return clock.now()
    const { model, endpoint, key } = running.row
    const work = estimates.work(model, endpoint)
    const load = running.loads ? estimates.load(target.runnerKey(key)) : 0
    if (work === undefined || load === undefined) return undefined
    return Math.max(clock.now(), running.began + load + work)
  }
}
