// What foreman tells of its work: one log line per transition of a job, and the figures. Neither ever holds a prompt,
// an output or a token.

import pino, { type Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { Code } from '../job/error.ts'
import type { Outcome } from '../job/redelivery.ts'
import type { JobError, Usage } from '../job/schema.ts'
import type { TargetState } from '../job/schedule.ts'
import type { Happening } from '../job/state.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { DeliveryRow } from '../store/deliveries.ts'
import type { JobRow } from '../store/jobs.ts'
import { Arrivals, type Started } from './arrivals.ts'

/** A proxied request that has ended, as the door tells it. */
export interface Passed {
  route: string
  method: string
  status: number
  outcome: string
  ms: number
  overheadMs: number | undefined
  requestId: string
}

/** A try to deliver something that has ended, as the deliverer tells it. */
export interface Delivered {
  /** The delivery's row after it; of its URL only the host is told. */
  row: Pick<DeliveryRow, 'id' | 'kind' | 'host' | 'state' | 'tries'>
  job: string
  outcome: Outcome
  status?: number
  reason?: string
  ms: number
}

export interface LedgerOptions {
  log: Logger
  metrics: Metrics
  clock: Clock
  /** Queue place of the oldest waiting job; Infinity when none waits. */
  oldestPlace: () => number
}

/** An error as the log shows it. What a parser says quotes what it read: a prompt, or an output. */
export function errorShown(error: unknown): unknown {
  if (!(error instanceof SyntaxError)) return pino.stdSerializers.err(error as Error)
  const stack = (error.stack ?? '').replace(`${error.name}: ${error.message}`, error.name)
  return { type: error.name, message: 'not what it should be', stack }
}

/** The disk has taken everything for so long when that is told: one that is nearly full takes small jobs and refuses large ones. */
const taken_ms = 60_000

const targetWords: Record<TargetState, string> = {
  unknown: 'unknown',
  awake: 'awake',
  asleep: 'asleep: nothing answers there',
  down: 'down: no Ollama listens there',
  stuck: 'stuck: it answers, but a load hangs',
}

export class Ledger {
  #options: LedgerOptions
  #arrivals = new Arrivals()
  /** The job that is about to start. */
  #starting: { seq: number; job: Started; listed: ReadonlySet<string> } | null = null
  /** What was last said of people who are held; null: that nobody is. */
  #holding: string | null = null
  /** It was said that submits are refused, and nothing else since. */
  #refusing = false
  /** Takes back that the opposite is about to be said. */
  #unsay = () => {}

  constructor(options: LedgerOptions) {
    this.#options = options
  }

  /** A job changed, and the change is on disk. */
  changed(row: JobRow, happening: Happening | 'submit' | 'delete' | 'due'): void {
    if (happening === 'due') return
    const { log, metrics } = this.#options
    const error = row.error === null ? null : (JSON.parse(row.error) as JobError)
    const facts = {
      job: row.id,
      state: row.state,
      model: row.model,
      endpoint: row.endpoint,
      attempt: row.attempt,
      ...(row.interruptions > 0 ? { interruptions: row.interruptions } : {}),
      // The detail may quote what the target said, and that may quote a prompt: the code must do.
      ...(error ? { code: error.code, target_status: error.target_status } : {}),
    }
    const words =
      happening === 'delete' ? 'erased' : row.state === 'queued' && happening !== 'submit' ? 'queued again' : row.state
    log[words === 'failed' ? 'warn' : 'info']({ ...facts, happening }, `job ${words}`)
    if (happening === 'load') {
      metrics.jobStarted(Math.max(0, (row.loading_at ?? 0) - row.queued_at) / 1000)
      this.#replay(row)
    }
    if (happening === 'delete') return
    if (row.state === 'done' || row.state === 'failed' || row.state === 'canceled') {
      metrics.jobFinished(row.state, error?.code as Code | undefined)
    }
    if (row.state === 'done') this.#tokens(row)
  }

  /** The disk refused a submit: told once until `taken` was. */
  refused(err: unknown): void {
    this.#unsay()
    if (this.#refusing) return
    this.#refusing = true
    this.#options.log.warn({ err }, 'a submit was refused: the store refuses writes')
  }

  /** The disk takes writes again. */
  taken(): void {
    const { log, clock } = this.#options
    this.#unsay()
    if (!this.#refusing) return
    this.#unsay = clock.at(clock.now() + taken_ms, () => {
      this.#refusing = false
      log.info('the store takes submits again')
    })
  }

  /** A preload ended well. */
  loaded(key: string, ms: number): void {
    const { log, metrics } = this.#options
    log.info({ key, ms: Math.round(ms) }, 'model loaded')
    metrics.modelLoaded(ms / 1000)
  }

  /** So many requests of people are held now: for each other's sake, or because the target is `absent`. */
  holding(held: number, absent: boolean): void {
    const words = held === 0 ? null : absent ? 'people wait for the target' : 'people are held until their turn'
    if (this.#holding === words) return
    this.#holding = words
    this.#options.log.info({ held }, words ?? 'nobody is held any more')
  }

  /** People have a runner that jobs had, or nobody. */
  people(key: string): void {
    this.#options.log.info({ key }, 'people have the target')
  }

  /** The target is in another state than before. */
  target(state: TargetState, previous: TargetState): void {
    this.#options.log.info({ state, previous }, `the target is ${targetWords[state]}`)
  }

  /** Jobs step aside for people, or no longer; then `reason` is what they wait for instead. */
  yielding(on: boolean, reason: string | null): void {
    const words = on ? 'jobs step aside for people' : 'jobs no longer step aside for people'
    this.#options.log.info({ yielding: on, ...(on || reason === null ? {} : { reason }) }, words)
  }

  /** Jobs of this key claimed a turn from people; null: that is over. */
  claim(key: string | null): void {
    this.#options.log.info(key === null ? {} : { key }, key === null ? 'the claim is over' : 'jobs claim a turn')
  }

  /** A run of jobs of one key begins. */
  turn(key: string): void {
    this.#options.log.info({ key }, 'a turn of jobs begins')
  }

  /** A run of jobs of one key is over. */
  turnOver({ key, ms }: { key: string; ms: number }): void {
    this.#options.log.info({ key, ms: Math.round(ms) }, 'turn over')
    this.#options.metrics.turnEnded(ms / 1000)
  }

  /** Jobs are paused, or no longer. */
  paused(on: boolean): void {
    this.#options.log.info(on ? 'the queue is paused: no job starts' : 'the queue goes on')
  }

  /**
   * A load takes far longer than it ever did, or people wait for one beside an idle runner: that of `key`, if it can be told. Or
   * people wait for a loaded runner, in `vain`.
   */
  hung({ key, ms, unloaded, vain }: { key?: string; ms?: number; unloaded: string[]; vain?: boolean }): void {
    const facts = {
      ...(key === undefined ? {} : { key }),
      ...(ms === undefined ? {} : { ms: Math.round(ms) }),
      unloaded,
    }
    const what = vain ? 'callers wait in vain since an answer was left' : 'a load hangs'
    this.#options.log.warn(facts, `${what}: what is in memory is told to go, once`)
  }

  /** A load that hung went on once this runner, or what stood in its way, was told to go. */
  healed(key: string): void {
    this.#options.log.warn({ key }, 'a hang of the target was ended by unloading (ollama#17408)')
    this.#options.metrics.healed()
  }

  /**
   * A job is about to start that needs a runner; `key` is that runner's, `loads` when it is not in memory, `listed` what is.
   * Only its first start is replayed, and only if nobody cancels it in this moment.
   */
  started(row: JobRow, { key, loads }: { key: string; loads: boolean }, listed: ReadonlySet<string>): void {
    const first = row.attempt + row.interruptions + row.free_requeues === 0
    this.#starting = first ? { seq: row.seq, job: { place: row.place, key, loads }, listed } : null
  }

  /** A try to deliver a webhook or an artifact has ended. */
  tried({ row, job, outcome, status, reason, ms }: Delivered): void {
    const { log, metrics } = this.#options
    metrics.attempted(outcome)
    const { id, kind, host, state, tries } = row
    if (state !== 'pending') metrics.deliveryEnded(kind, state)
    const words = { delivered: 'delivered', pending: 'not delivered yet', gave_up: 'not delivered: given up' }[state]
    const facts = { delivery: id, job, kind, host, outcome, status, reason, tries, ms: Math.round(ms) }
    // Nobody but whoever runs foreman can mend these.
    const ours = outcome === 'unsigned' || outcome === 'forbidden'
    log[ours || state === 'gave_up' ? 'warn' : 'info'](facts, words)
  }

  /** A proxied request has ended. */
  served({ route, method, status, outcome, ms, overheadMs, requestId }: Passed): void {
    const { log, metrics } = this.#options
    metrics.proxied(route, status, overheadMs === undefined ? undefined : overheadMs / 1000)
    if (log.isLevelEnabled('debug'))
      log.debug({ route, method, status, outcome, ms: Math.round(ms), request: requestId }, 'passed through')
  }

  #replay({ seq }: JobRow): void {
    const starting = this.#starting
    this.#starting = null
    if (starting?.seq === seq) this.#arrivals.started(starting.job, starting.listed)
    this.#options.metrics.loadsAvoided(this.#arrivals.settled(this.#options.oldestPlace()))
  }

  #tokens(row: JobRow): void {
    const { prompt_tokens, output_tokens } = JSON.parse(row.usage ?? '{}') as Usage
    if (prompt_tokens) this.#options.metrics.tokens('prompt', prompt_tokens)
    if (output_tokens) this.#options.metrics.tokens('output', output_tokens)
  }
}
