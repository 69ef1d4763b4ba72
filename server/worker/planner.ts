// The plan of the queue for whoever asks: made only then and not often, over the first of the waiting jobs, in steps between
// which the event loop has its turn. What it said is held against what came: that is the error of the estimates.

import { setImmediate as breathe } from 'node:timers/promises'
import type { Clock } from '../clock.ts'
import { ForemanError } from '../job/error.ts'
import { plan, type Planned } from '../job/plan.ts'
import { schedule, type Snapshot } from '../job/schedule.ts'
import type { Target } from '../ollama/target.ts'
import type { Queue } from '../queue/queue.ts'
import type { JobRow, WaitingRow } from '../store/jobs.ts'
import type { Estimates } from './estimates.ts'
import type { Run } from './run.ts'

export interface PlannerOptions {
  queue: Queue
  target: Target
  clock: Clock
  estimates: Estimates
  snapshot: () => Snapshot
  run: () => Run | null
  /** Looks at the target's memory if nothing recent is known of it; undefined when nobody is to wait for that. */
  look: () => Promise<void> | undefined
  /** A job started so many milliseconds away from when it was last said to. */
  onEtaError?: (ms: number) => void
}

/** A row whose key is that of its runner and whose time is monotonic. */
export type Entry = Planned<WaitingRow>

/** A plan is good for so long. */
const lasts_ms = 1_000
/**
 * It is good for so long, for each job in it, once others have come to wait, so that those have their place soon: planning a job
 * takes a twentieth of that.
 */
const lastsEach_ms = 0.1
/** So many of the waiting jobs are planned. */
const planned = 10_000
/** So many of them are read, or planned, in one turn of the event loop: a millisecond or two of work. Divides the above. */
const step = 500

export class Planner {
  readonly #options: PlannerOptions
  #made = -Infinity
  #making: Promise<void> | undefined
  /** Somebody has come to wait since the last one was begun. */
  #outdated = false
  /** Who has left since that was begun. */
  readonly #gone = new Set<number>()
  #entries: readonly Entry[] = []
  #bySeq = new Map<number, Entry>()
  #over = false

  constructor(options: PlannerOptions) {
    this.#options = options
  }

  /**
   * Resolves when there is a plan that is good still. All who ask while it is made share it, and its error; throws `stopping`
   * once foreman has ended.
   */
  async ready(): Promise<void> {
    if (!this.#old) return
    this.#making ??= this.#make().finally(() => (this.#making = undefined))
    await this.#making
  }

  /** The waiting jobs in the order in which the last plan expects them to start, without those that have left since. */
  get entries(): readonly Entry[] {
    this.#moveUp()
    return this.#entries
  }

  /** What the last plan says of a job that waits since before that. */
  entry(seq: number): Entry | undefined {
    this.#moveUp()
    return this.#bySeq.get(seq)
  }

  /** A job starts now. */
  started(seq: number): void {
    const { clock, onEtaError } = this.#options
    const expected = this.#bySeq.get(seq)?.startAt
    if (expected !== undefined) onEtaError?.(Math.abs(clock.now() - expected))
    this.#left(seq)
  }

  /** A job has come to wait, or waits no longer. */
  changed({ state, seq }: Pick<JobRow, 'state' | 'seq'>): void {
    if (state === 'queued') this.#outdated = true
    else this.#left(seq)
  }

  #left(seq: number): void {
    if (this.#making) this.#gone.add(seq)
    this.#bySeq.delete(seq)
  }

  /** No plan is made any more; one that is being made ends at its next step. */
  end(): void {
    this.#over = true
  }

  get #old(): boolean {
    const age = this.#options.clock.now() - this.#made
    return age >= lasts_ms || (this.#outdated && age >= this.#entries.length * lastsEach_ms)
  }

  async #make(): Promise<void> {
    const { target, clock, estimates, snapshot, run, look } = this.#options
    this.#gone.clear()
    this.#outdated = false
    await look()
    const rows = await this.#read()
    // What is planned is of this moment: rows, keys, what these mean, what runs. Whoever leaves later is left out at the end.
    const now = snapshot()
    const running = run()?.row
    const jobs = rows.filter(({ seq }) => seq !== running?.seq && !this.#gone.has(seq))
    for (const job of jobs) job.key = target.runnerKey(job.key)
    const expected = { load: (key: string) => estimates.load(key), work: remembered(estimates) }
    const entries: Entry[] = []
    const bySeq = new Map<number, Entry>()
    const steps = plan(now, jobs, expected, this.#free(now), running && target.runnerKey(running.key))
    await this.#rest()
    for (const entry of steps) {
      entries.push(entry)
      bySeq.set(entry.job.seq, entry)
      if (entries.length % step === 0) await this.#rest()
    }
    for (const seq of this.#gone) bySeq.delete(seq)
    this.#entries = entries
    this.#bySeq = bySeq
    this.#made = clock.now()
  }

  /** The first of the queue, page by page: one who leaves and comes back meanwhile may be met twice. */
  async #read(): Promise<WaitingRow[]> {
    const { queue } = this.#options
    const rows: WaitingRow[] = []
    let page: WaitingRow[]
    do {
      await this.#rest()
      page = queue.waiting(rows.at(-1)?.place ?? 0, step)
      for (const row of page) {
        row.queuedAt = queue.steady.monotonic(row.queuedAt)
        rows.push(row)
      }
    } while (page.length === step && rows.length < planned)
    return rows
  }

  async #rest(): Promise<void> {
    await breathe()
    if (this.#over) throw new ForemanError('stopping', 'foreman is stopping')
  }

  /** Takes those that have left out of the plan. */
  #moveUp(): void {
    if (this.#entries.length === this.#bySeq.size) return
    this.#entries = this.#entries.filter(({ job }) => this.#bySeq.has(job.seq))
    for (const [i, entry] of this.#entries.entries()) entry.position = i + 1
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

/** How long jobs work, asked once for each endpoint and model: a plan has thousands of jobs over a few of them. */
function remembered(estimates: Estimates): (job: WaitingRow) => number | undefined {
  const known = new Map<string, Map<string, number | undefined>>()
  return ({ model, endpoint }) => {
    let models = known.get(endpoint)
    if (!models) known.set(endpoint, (models = new Map()))
    if (!models.has(model)) models.set(model, estimates.work(model, endpoint))
    return models.get(model)
  }
}
