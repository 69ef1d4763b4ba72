// The hands: one loop that asks job/schedule.ts what to do, does it, and asks again. It is woken by what happens (a
// submit, an answer, the target coming back), never by a poll, and runs one job at a time.

import { ForemanError } from '../job/error.ts'
import { schedule, type Decision, type Limits, type Snapshot } from '../job/schedule.ts'
import type { Target } from '../ollama/target.ts'
import type { People } from '../people/people.ts'
import type { Queue } from '../queue/queue.ts'
import type { JobRow } from '../store/jobs.ts'
import type { Loading } from './loading.ts'
import { Outlook } from './outlook.ts'
import type { Estimates } from './estimates.ts'
import { isRefusal, Keeper, type KeeperOptions } from '../store/keeper.ts'
import { Notice } from './notice.ts'
import type { PlannerOptions } from './planner.ts'
import { Run, type Ended, type RunOptions } from './run.ts'
import { Sight } from './sight.ts'
import { Stay, type StayOptions } from './stay.ts'
import { Trust } from './trust.ts'
import { Turns, type TurnsOptions } from './turns.ts'

export interface WorkerOptions
  extends KeeperOptions, TurnsOptions, Pick<PlannerOptions, 'onEtaError'>, Pick<StayOptions, 'keepAliveAfter'> {
  queue: Queue
  target: Target
  random: () => number
  people: People
  limits: Limits
  loading: Loading
  estimates: Estimates
  /** A job starts; `resident` when its runner is in memory already. */
  onStart?: (row: JobRow, resident: boolean) => void
  onEnded?: (row: JobRow, ended: Ended, ms: number) => void
  /** The loop met something it does not know; it goes on after a pause. */
  onError?: (error: unknown) => void
}

/** How long to wait before a broken decision is tried again. */
const again_ms = 5000

export class Worker {
  readonly turns: Turns
  readonly outlook: Outlook
  readonly trust: Trust
  #options: WorkerOptions
  #run: Run | null = null
  #keeper: Keeper
  #notice: Notice
  #sight: Sight
  #stay: Stay
  #recovering = false
  #resting = false
  #stopping = false
  #scheduled = false
  #cancelTimer = () => {}
  #idle: (() => void)[] = []
  #stopped: (() => void)[] = []

  constructor(options: WorkerOptions) {
    this.#options = options
    const onStorage: KeeperOptions['onStorage'] = (failing, error) => {
      options.onStorage?.(failing, error)
      this.#notice.tell()
    }
    this.#keeper = new Keeper({ ...options, onStorage })
    this.#sight = new Sight(options)
    this.turns = new Turns({ ...options, spelled: (key) => this.outlook.spelled(key) })
    const running = () => this.#run?.row ?? null
    this.#notice = new Notice({ ...options, turns: this.turns, keeper: this.#keeper, running })
    this.trust = new Trust(options.clock)
    this.#stay = new Stay({ ...options, turns: this.turns, trust: this.trust })
    this.outlook = new Outlook({
      ...options,
      turns: this.turns,
      run: () => this.#run,
      look: () => this.#sight.glance(),
      storageFailing: () => this.#keeper.failing,
    })
  }

  /**
   * Puts back what an earlier foreman was running; until that is on disk nothing starts. Resolves with the number of
   * those jobs, or with 0 when the disk refuses: then it goes on trying.
   */
  async recover(): Promise<number> {
    const { queue } = this.#options
    this.#recovering = true
    const first = Promise.withResolvers<number>()
    const write = () =>
      queue.recover().catch((error: unknown) => {
        if (isRefusal(error)) first.resolve(0)
        throw error
      })
    const recovery = this.#keeper.keep(write).finally(() => {
      this.#recovering = false
      this.wake()
    })
    recovery.then(first.resolve, first.reject)
    return first.promise
  }

  /** Something happened that may change the decision. */
  wake(): void {
    this.outlook.changed()
    if (this.#scheduled || this.#run || this.#stopping) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      try {
        this.#decide()
      } catch (error) {
        // A database that cannot be read: people go on, jobs wait.
        this.#rest(error)
      }
    })
  }

  /** Names mean other runners than before. People's are compared with the running job's, so this is to be called first. */
  renamed(): void {
    this.#notice.tell()
    this.wake()
  }

  /** A job changed: a cancel of the running one reaches the target through its signal. */
  changed(row: JobRow): void {
    this.outlook.planner.changed(row)
    if (this.#run?.row.seq === row.seq && row.state === 'canceled') this.#run.halt('canceled')
    this.wake()
  }

  #decide(): void {
    if (this.#run || this.#stopping || this.#resting || this.#recovering) return
    this.#cancelTimer()
    const { queue, target, clock, people } = this.#options
    if (!this.#sight.clear(() => this.wake())) return
    // People go first, always.
    people.decide()
    const { snapshot, decision } = this.#ask()
    target.demand('waiting', snapshot.keys.length > 0 && !snapshot.paused)
    if (decision.act === 'wait') {
      if (decision.until !== null) this.#cancelTimer = clock.at(decision.until, () => this.wake())
      if (snapshot.keys.length === 0) this.#drained(snapshot.now)
    }
    if (decision.act !== 'start') return
    const row = queue.headAt(decision.place)
    if (row?.state !== 'queued') return this.#rest()
    void this.#start(row, snapshot.resident.has(decision.key))
  }

  /** Decides; people learn of a claim, and of its end, before jobs are decided about again. */
  #ask(): { snapshot: Snapshot; decision: Decision } {
    for (;;) {
      const snapshot = this.outlook.snapshot()
      const decision = schedule(snapshot)
      if (!this.turns.follow(decision, snapshot.now)) return { snapshot, decision }
      this.#notice.tell()
    }
  }

  /** Nothing is waiting. A retry in backoff keeps the turn of its key open. */
  #drained(now: number): void {
    if (this.#options.queue.total('queued') === 0) this.#endTurn(now)
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  #endTurn(now: number): void {
    this.turns.end(now)
    this.#notice.tell()
  }

  async #start(row: JobRow, resident: boolean): Promise<void> {
    const { queue, target, clock, random, loading, people, estimates } = this.#options
    const keepAlive = this.#stay.starts(row, resident)
    const { trust } = this
    const onWorked: RunOptions['onWorked'] = ({ row: { model, endpoint }, usage, ms }) =>
      estimates.worked(model, endpoint, usage, ms)
    const persist = <T>(write: () => Promise<T>) => this.#keeper.keep(write)
    const run = new Run(row, { queue, target, clock, random, loading, trust, people, persist, onWorked })
    this.#run = run
    this.outlook.planner.started(row.seq)
    this.#notice.tell()
    const began = clock.now()
    try {
      this.#options.onStart?.(row, resident)
      if (row.start_by !== null && clock.wall() >= row.start_by) await queue.expire(row.seq)
      else {
        const ended = await run.go(resident, keepAlive)
        if (ended) {
          this.#options.onEnded?.(row, ended, clock.now() - began)
          await this.#stay.ended(row, ended)
        }
      }
    } catch (error) {
      // Canceled, or canceled and deleted, in the moment it was to start: the next one's turn.
      const gone = error instanceof ForemanError && (error.code === 'conflict' || error.code === 'not_found')
      if (!gone) this.#rest(error)
    } finally {
      this.#run = null
      this.#notice.tell()
      for (const resolve of this.#stopped.splice(0)) resolve()
      this.wake()
    }
  }

  /** Decides again after a pause, so that what goes wrong every time cannot spin. */
  #rest(error?: unknown): void {
    const { clock } = this.#options
    if (error !== undefined) this.#options.onError?.(error)
    this.#resting = true
    this.#endTurn(clock.now())
    clock.at(clock.now() + again_ms, () => {
      this.#resting = false
      this.wake()
    })
  }

  /** The job that is loading or working. */
  get running(): Run | null {
    return this.#run
  }

  get storageFailing(): boolean {
    return this.#keeper.failing
  }

  /** Resolves when nothing runs and nothing waits. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve)
      this.wake()
    })
  }

  /** Takes no new work, gives the running job `grace_ms`, then puts it back at no cost. */
  async stop(grace_ms: number): Promise<void> {
    const { clock } = this.#options
    this.#stopping = true
    this.#keeper.stop()
    this.#cancelTimer()
    this.#options.target.demand('waiting', false)
    const run = this.#run
    if (run) {
      const cancel = clock.at(clock.now() + grace_ms, () => run.halt('stopping'))
      await new Promise<void>((resolve) => this.#stopped.push(resolve))
      cancel()
    }
    this.#endTurn(clock.now())
  }
}
