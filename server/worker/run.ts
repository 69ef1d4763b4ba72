// One run of one job on the target: load, work, results, end. Deadline, cancel and shutdown share the one AbortSignal
// that reaches the target, because closing the connection is Ollama's only cancel.

import type { Clock } from '../clock.ts'
import { ForemanError } from '../job/error.ts'
import { backoff } from '../job/retry.ts'
import type { JobError, Usage } from '../job/schema.ts'
import { advance } from '../job/state.ts'
import { streams, type Endpoint } from '../job/submit.ts'
import { withLoad, type Answer } from '../ollama/answer.ts'
import { TargetAbsent, TargetFailure, told } from '../ollama/failure.ts'
import type { Target } from '../ollama/target.ts'
import type { People } from '../people/people.ts'
import type { Queue } from '../queue/queue.ts'
import type { Facts } from '../queue/transition.ts'
import type { JobRow } from '../store/jobs.ts'
import { isRefusal } from '../store/keeper.ts'
import type { Loading, Wanted } from './loading.ts'
import { Output } from './output.ts'
import { Progress } from './progress.ts'
import { settled, stageResults } from './results.ts'
import { emptied, isEmpty, silence, stalled } from './suspect.ts'
import type { Trust } from './trust.ts'

/** Why a run was told to end before its answer. */
export type Halt = 'canceled' | 'deadline' | 'stopping' | 'load_stalled' | 'silent'

export interface RunOptions {
  queue: Queue
  target: Target
  clock: Clock
  /** In [0, 1), for the jitter of the backoff. */
  random: () => number
  loading: Loading
  trust: Trust
  people: Pick<People, 'handOver'>
  /** An answer was complete so many milliseconds after its request went out. */
  onWorked?: (facts: { row: JobRow; usage: Usage; ms: number }) => void
  /** Writes that must not be lost: tried again while the disk refuses. */
  persist: <T>(write: () => Promise<T>) => Promise<T>
}

/** What became of a run, for the worker's log. */
export type Ended = 'done' | 'failed' | 'requeued' | 'canceled' | 'interrupted'

export class Run {
  readonly row: JobRow
  readonly progress: Progress
  readonly output: Output
  /** Monotonic milliseconds. */
  readonly began: number
  /** Its runner was not in memory when it began. */
  loads = false
  #options: RunOptions
  #abort = new AbortController()
  #halt: Halt | null = null

  constructor(row: JobRow, options: RunOptions) {
    this.row = row
    this.#options = options
    this.progress = new Progress(options.clock)
    this.output = new Output(() => options.queue.followers.tellOutput(row.seq))
    this.began = options.clock.now()
  }

  /** Ends the run early; the target's connection is closed at once. The first reason stays. */
  halt(reason: Halt): void {
    this.#halt ??= reason
    this.#abort.abort(new Error(reason))
  }

  /** An attempt, to wherever it leads; undefined: nowhere, as the disk refused its start. Never throws for what the target does. */
  async go(resident: boolean, keepAlive?: string): Promise<Ended | undefined> {
    const { queue, persist, loading } = this.#options
    this.loads = !resident
    const wanted = { resident, keepAlive, signal: this.#abort.signal, onStuck: () => this.halt('load_stalled') }
    const begun = await this.#begin(wanted)
    if (!begun) return undefined
    let [row, load_ms] = [begun, 0]
    try {
      if (row.state === 'loading') {
        load_ms = await loading.bring(row, wanted)
        row = await persist(() => queue.advance(row.seq, 'work'))
      }
      this.output.sequence = row.sequence
      return await this.#finish(row, await this.#work(row), load_ms)
    } catch (error) {
      return await this.#end(row, error)
    } finally {
      this.output.close()
    }
  }

  /** Loading begins; where there is nothing to load the work does too, as a second commit would only keep the GPU waiting. */
  #begin(wanted: Wanted): Promise<JobRow | undefined> {
    const { queue, loading, persist } = this.#options
    let tried = false
    return persist(async () => {
      // After a refusal what was decided is old: people may have come, or start_by may have passed.
      if (tried) return queue.touch()
      tried = true
      const loads = queue.advance(this.row.seq, 'load')
      if (!loading.ready(this.row, wanted)) return loads
      return (await Promise.all([loads, queue.advance(this.row.seq, 'work')]))[1]
    })
  }

  async #work(row: JobRow): Promise<Answer> {
    const { target, clock, queue, trust, people, loading, onWorked } = this.#options
    const sent = clock.now()
    const deadline = clock.at(sent + row.timeout_s * 1000, () => this.halt('deadline'))
    // What does not stream is silent until it is done.
    const watched = streams(row.endpoint)
      ? trust.watch(row.model, people.handOver(target.runnerKey(row.key)), () => void this.#silent())
      : undefined
    let well = false
    try {
      const answer = await target.run({
        endpoint: row.endpoint as Endpoint,
        body: queue.body(row),
        signal: this.#abort.signal,
        onOutput: (line) => {
          this.output.add(line)
          this.progress.line()
          watched?.piece()
        },
      })
      if (trust.shaken && isEmpty(row, answer)) throw new TargetFailure(emptied)
      well = true
      trust.answered()
      onWorked?.({ row, usage: answer.usage, ms: clock.now() - sent })
      return answer
    } catch (error) {
      loading.failed(row, error)
      throw error
    } finally {
      watched?.end(well)
      deadline()
    }
  }

  /** The answer has been silent for longer than this model ever was: if the target is there, its runner is not. */
  async #silent(): Promise<void> {
    const { target } = this.#options
    await target.probe()
    if (!target.absent) this.halt('silent')
  }

  async #finish(row: JobRow, { response, text, images, ...answer }: Answer, load_ms: number): Promise<Ended> {
    const { queue, persist } = this.#options
    const usage = withLoad(answer.usage, load_ms)
    const results = { response, lines: this.output.lines, text, images, jsonAsked: row.json_output === 1 }
    await persist(async () => {
      const artifacts = await stageResults(results, (bytes) => queue.stage(bytes))
      await settled(queue.advance(row.seq, 'finish', { usage, artifacts, response, progressed: true }), artifacts)
    })
    return 'done'
  }

  /** Decides, from what went wrong, where the job goes. */
  async #end(row: JobRow, error: unknown): Promise<Ended> {
    if (error instanceof ForemanError && error.code === 'conflict') return 'canceled'
    const progressed = this.output.count > 0
    switch (this.#halt) {
      case 'canceled':
        return 'canceled'
      case 'stopping':
        await this.#advance(row, 'interrupt', { progressed })
        return 'interrupted'
      case 'load_stalled':
        // Until a load goes through, or five minutes have passed, no other job is sent after this one.
        this.#options.target.stuck()
        return this.#back(row, 'give_back', { error: stalled, backoff_ms: this.#backoff(row) })
      case 'silent':
        await this.#options.target.unload(this.#options.target.runnerKey(row.key))
        return this.#back(row, 'back_off', { error: silence, progressed, backoff_ms: this.#backoff(row) })
      case 'deadline':
        return this.#fail(row, { code: 'timed_out', detail: `not done after ${row.timeout_s} s of work` })
    }
    if (error instanceof TargetAbsent) return this.#giveBack(row, error.message, progressed)
    if (!(error instanceof TargetFailure)) {
      // Nobody would ever come back to a job that is left as it is.
      if (!isRefusal(error)) await this.#fail(row, { code: 'internal', detail: 'something went wrong inside foreman' })
      throw error
    }
    if (error.failure === emptied) await this.#options.target.unload(this.#options.target.runnerKey(row.key))
    const { retry, retryAfter_ms } = error.failure
    const said = told(error.failure)
    if (retry === 'never' || (retry === 'once' && row.attempt > 1)) return this.#fail(row, said)
    return this.#back(row, 'back_off', { error: said, progressed, backoff_ms: this.#backoff(row, retryAfter_ms) })
  }

  /** The target is away: the job goes back at no cost, once it is known how the target is. */
  async #giveBack(row: JobRow, detail: string, progressed: boolean): Promise<Ended> {
    const { target } = this.#options
    await target.probe()
    // A target that answers probes but no requests would otherwise be asked again at once, for ever.
    const backoff_ms = target.state === 'awake' ? this.#backoff(row) : undefined
    const error = { code: 'target_unreachable', detail }
    return this.#back(row, 'give_back', { error, progressed, backoff_ms })
  }

  /** Back to the queue, or to failed when that used up the job's last attempt. */
  async #back(row: JobRow, happening: 'give_back' | 'back_off', facts: Facts): Promise<Ended> {
    const after = await this.#advance(row, happening, facts)
    return after?.state === 'failed' ? 'failed' : 'requeued'
  }

  #backoff(row: JobRow, retryAfter_ms?: number): number {
    return backoff(row.attempt, this.#options.random(), retryAfter_ms)
  }

  async #fail(row: JobRow, error: JobError): Promise<Ended> {
    await this.#advance(row, 'fail', { error })
    return 'failed'
  }

  /** What had arrived of the stream. */
  #partial() {
    const results = { lines: this.output.lines, text: '', images: [], jsonAsked: false }
    return stageResults(results, (bytes) => this.#options.queue.stage(bytes))
  }

  /**
   * Advances unless the job ended otherwise in the same moment (a cancel), which then is the truth. If that fails the
   * job, what had arrived of the stream is kept; it is staged anew with each try, as a refused write lets go of it.
   */
  async #advance(
    row: JobRow,
    happening: 'interrupt' | 'give_back' | 'back_off' | 'fail',
    facts: Facts,
  ): Promise<JobRow | undefined> {
    const { queue, persist } = this.#options
    const fails = advance(row, happening, facts.progressed).state === 'failed'
    try {
      return await persist(async () => {
        const artifacts = fails ? await this.#partial() : []
        return settled(queue.advance(row.seq, happening, { ...facts, artifacts }), artifacts)
      })
    } catch (error) {
      if (error instanceof ForemanError && (error.code === 'conflict' || error.code === 'not_found')) return undefined
      throw error
    }
  }
}
