// The one writer. Every change of a job goes through here: one transaction that writes the row, its event and what it
// owes the outbox, and after the commit one notification. What may happen to a job is decided in job/state.ts.

import type { Clock } from '../clock.ts'
import { ForemanError } from '../job/error.ts'
import { isTerminal, type Happening, type State } from '../job/state.ts'
import type { WaitingKey } from '../job/schedule.ts'
import type { StagedBlob } from '../store/blobs.ts'
import type { JobRow } from '../store/jobs.ts'
import type { Store } from '../store/store.ts'
import { Drain } from './drain.ts'
import { erase } from './erasure.ts'
import { Followers } from './followers.ts'
import { History } from './history.ts'
import { Intake, type Submission, type Submitted } from './intake.ts'
import type { ReceiverTerms } from './receivers.ts'
import { record } from './record.ts'
import { Register } from './register.ts'
import { Reminders } from './reminders.ts'
import { Retention, type Keep } from './retention.ts'
import { Steady } from './steady.ts'
import type { Facts } from './transition.ts'
import { Vigil } from './vigil.ts'
import { Waiting } from './waiting.ts'

export interface QueueOptions extends ReceiverTerms {
  store: Store
  clock: Clock
  /** Base of links, without a slash at its end; known once foreman listens. */
  publicUrl: () => string
  /** Waiting jobs before submits are refused. */
  queueMax: number
  /** Default and upper limit of a job's working time, in seconds. */
  jobTimeout_s: number
  maxAttempts: number
  keep: Keep
  /** The disk refused a submit. */
  onRefused?: (error: unknown) => void
  /** Called after each commit that changed a job; `due`: its backoff has passed, its state is the same. */
  onChange?: (row: JobRow, happening: Happening | 'submit' | 'delete' | 'due') => void
}

export class Queue extends Register {
  readonly vigil: Vigil
  readonly followers = new Followers()
  readonly history: History
  readonly retention: Retention
  readonly steady: Steady
  #store: Store
  #clock: Clock
  #waiting: Waiting
  #intake: Intake
  #drain: Drain
  #reminders: Reminders
  #onChange: NonNullable<QueueOptions['onChange']>
  #paused: boolean

  constructor(options: QueueOptions) {
    const { store, clock, publicUrl, keep, onChange } = options
    super(store, clock, publicUrl)
    this.#store = store
    this.#clock = clock
    this.history = new History(store, publicUrl)
    this.#onChange = (row, happening) => {
      this.history.changed()
      this.followers.tell(row.seq)
      this.vigil.wake(row.seq)
      onChange?.(row, happening)
    }
    this.#drain = new Drain(clock)
    this.steady = new Steady(clock, store.events.lastSteady)
    this.vigil = new Vigil(clock)
    this.#waiting = new Waiting({
      affinities: store.affinities.all(),
      tallies: store.affinities.tallies(),
      head: (affinity) => store.jobs.head(affinity),
    })
    const { steady } = this
    this.#intake = new Intake({ ...options, steady, drain: this.#drain, waiting: () => this.total('queued') })
    this.#reminders = new Reminders({ store, clock, steady, queue: this })
    this.retention = new Retention({ store, clock, keep, queue: this })
    this.#paused = store.settings.get('paused') === '1'
  }

  /** Puts back what was running when foreman died. Resolves with how many jobs that were. Call before listening. */
  async recover(): Promise<number> {
    if (this.#store.unwritable) return 0
    const running = this.#store.jobs.running()
    const changes = running.map((seq) => this.advance(seq, 'interrupt'))
    this.#store.commit.flush()
    await Promise.all(changes)
    void this.#store.blobs.sweep()
    this.#reminders.set()
    this.retention.look()
    return running.length
  }

  /** Stores the submissions in one transaction, all or none, and resolves when they are on disk. */
  async submit(submissions: readonly Submission[]): Promise<Submitted[]> {
    const { results, added } = await this.#intake.take(submissions)
    for (const row of added) {
      this.#store.affinities.remember(row.key, row.affinity)
      this.#waiting.added(row)
      this.#onChange(row, 'submit')
    }
    if (added.some((row) => row.start_by !== null)) this.#reminders.set()
    return results.map(({ row, replayed }) => ({ job: this.view(row), replayed }))
  }

  /**
   * Applies a happening to a job: row, event, artifacts and outbox in one transaction. Resolves with the changed row
   * once that is on disk. Throws `conflict` when the job's state does not allow it, `not_found` when it is gone.
   */
  async advance(seq: number, happening: Happening, facts: Facts = {}): Promise<JobRow> {
    const { before, after } = await this.#store.commit.run(happening, () => {
      const row = this.#store.jobs.at(seq)
      if (!row) throw new ForemanError('not_found', 'no such job')
      return { before: row, after: this.#write(row, happening, facts) }
    })
    if (after !== before) this.#changed(before, after, happening)
    return after
  }

  /** Fails a job that is still queued at its start_by. Resolves with whether it did. */
  async expire(seq: number): Promise<boolean> {
    const change = await this.#store.commit.run('fail', () => {
      const row = this.#store.jobs.at(seq)
      if (row?.state !== 'queued' || row.start_by === null || row.start_by > this.#clock.wall()) return undefined
      const error = { code: 'start_by_passed', detail: 'the job had not started by start_by' }
      return { before: row, after: this.#write(row, 'fail', { error }) }
    })
    if (change) this.#changed(change.before, change.after, 'fail')
    return change !== undefined
  }

  #changed(before: JobRow, after: JobRow, happening: Happening): void {
    if (happening === 'load') this.#waiting.started(after, this.steady.now())
    this.#waiting.changed(before, after)
    if (after.state === 'queued' && (after.due ?? after.start_by) !== null) this.#reminders.set()
    if (happening === 'retry') void this.#store.blobs.sweep()
    if (isTerminal(after.state)) {
      this.#drain.ended(this.total('queued'))
      this.retention.ended(after)
    }
    this.#onChange(after, happening)
  }

  #write(row: JobRow, happening: Happening, facts: Facts): JobRow {
    const moment = { wall: this.#clock.wall(), steady: this.steady.now(), sequence: this.#store.events.next() }
    return record(this.#store, row, { happening, facts, moment }, (after) => this.view(after))
  }

  /** Erases a terminal job in one transaction; its bytes go in small steps after it. */
  remove(id: string): Promise<void> {
    return this.#erase('delete', () => {
      const row = this.find(id)
      if (isTerminal(row.state)) return [row]
      throw new ForemanError('conflict', `a ${row.state} job cannot be deleted: cancel it first`, { jobId: id })
    })
  }

  /** The same for those of these that have ended and owe nothing to receivers, all in one transaction. */
  purge(seqs: readonly number[]): Promise<void> {
    const rows = () => seqs.flatMap((seq) => this.at(seq) ?? [])
    const isFree = ({ state, seq }: JobRow) => isTerminal(state) && !this.#store.deliveries.owed(seq)
    return this.#erase('purge', () => rows().filter(isFree))
  }

  async #erase(label: string, which: () => JobRow[]): Promise<void> {
    const all = () => which().map((row) => erase(this.#store, row, this.#clock.wall()))
    const rows = await this.#store.commit.run(label, all)
    void this.#store.blobs.sweep()
    this.retention.erased()
    for (const row of rows) {
      this.#waiting.removed(row)
      this.#onChange(row, 'delete')
    }
  }

  /** Makes a backed-off job wait again. Its state does not change, so nothing else does. */
  async wait(seq: number): Promise<void> {
    const change = await this.#store.commit.run('due', () => {
      const row = this.#store.jobs.at(seq)
      if (!row || row.due === null) return undefined
      const after: JobRow = { ...row, due: null }
      this.#store.jobs.change(seq, after)
      return { row, after }
    })
    if (!change) return
    this.#waiting.changed(change.row, change.after)
    this.#onChange(change.after, 'due')
  }

  async pause(paused: boolean): Promise<void> {
    await this.#store.commit.run('pause', () => this.#store.settings.set('paused', paused ? '1' : '0'))
    this.#paused = paused
  }

  /** Writes what tells nothing. Throws `storage_full` while the disk refuses. */
  touch(): Promise<undefined> {
    return this.#store.commit.run('touch', () => void this.#store.settings.set('asked', String(this.#clock.wall())))
  }

  get paused(): boolean {
    return this.#paused
  }

  stage(bytes: readonly Buffer[]): Promise<StagedBlob> {
    return this.#store.blobs.stage(bytes)
  }

  /** The keys that wait, as decisions see them; times are steady. */
  keys(fold: (key: string) => string): WaitingKey[] {
    return this.#waiting.keys(fold)
  }

  headAt(place: number): JobRow | undefined {
    const seq = this.#waiting.headAt(place)
    return seq === undefined ? undefined : this.#store.jobs.at(seq)
  }

  /** Queue place of the oldest waiting job; Infinity when none waits. */
  oldestPlace(): number {
    return this.#waiting.oldestPlace()
  }

  /** Jobs in a state, backed-off ones among the queued. */
  total(state: State): number {
    return this.#waiting.total(state) + (state === 'queued' ? this.#waiting.total('backing_off') : 0)
  }

  models(): ReturnType<Waiting['models']> {
    return this.#waiting.models()
  }

  /** How long the oldest waiting job has waited; 0 when none does. */
  oldestWait_ms(): number {
    const since = this.#waiting.oldestSince()
    return since === undefined ? 0 : Math.max(0, this.steady.now() - since)
  }

  /** Refuses new submits and lets every waiting caller go. */
  stop(): void {
    this.#intake.stop()
    this.#reminders.stop()
    this.retention.stop()
    this.vigil.end()
    this.followers.end()
  }
}
