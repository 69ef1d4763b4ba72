// Every metric of foreman is declared here (proxied requests in proxied.ts), in base units and with bounded labels. A part reports a fact by a callback
// that app.ts connects to a method of Metrics; what has a present value (queue depth, target state, file size) is read
// when somebody scrapes. No metric is looked up by name anywhere else, and no decision reads one.
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Code } from '../job/error.ts'
import { outcomes, type Outcome } from '../job/redelivery.ts'
import type { Reason } from '../job/schedule.ts'
import { collectProcess } from './process.ts'
import { proxyCounter } from './proxied.ts'

/** What is read at each scrape. A reader that throws loses its own value, not the page. */
export interface Readers {
  /** Jobs by state, every state named even at zero. */
  jobs(): Readonly<Record<string, number>>
  /** Seconds the longest waiting job has been queued; 0 when none waits. */
  oldestWaitSeconds(): number
  /** Seconds since the model that was served longest ago was served, or its oldest job came; 0 when none waits. */
  starvedSeconds(): number
  /** People's requests by state: in_flight and held. */
  people(): Readonly<Record<string, number>>
  /** Seconds since the turn of jobs, their stepping aside and their claim began; 0 for what doesn't go on. */
  ages(): { turn: number; yielding: number; claim: number }
  /** One of unknown, awake, asleep, down, stuck. */
  targetState(): string
  outboxPending(): number
  /** Bytes of the database and its write-ahead log. */
  storeBytes(): number
  /** Bytes that the disk of the data folder has left for foreman. */
  freeBytes(): number
  /** Whether what is to be written is taken. */
  writable(): boolean
  /** Why nothing starts although jobs wait; null when that is not so. */
  waitingFor(): string | null
}

export interface Metrics {
  /** A job reached a terminal state; `code` says why it failed. */
  jobFinished(state: 'done' | 'failed' | 'canceled', code?: Code): void
  /** A job left the queue after `seconds` in it. */
  jobStarted(seconds: number): void
  /** A job's request to the target ended, whatever came of it; `endpoint` is one of the few a job can name. */
  jobRan(endpoint: string, seconds: number): void
  /** The target loaded a model for foreman. */
  modelLoaded(seconds: number): void
  /** So many loads more than happened would have been needed in the order of arrival. */
  loadsAvoided(count: number): void
  /** A run of jobs of one model ended. */
  turnEnded(seconds: number): void
  /** A person's request was held for `seconds` before it went to the target. */
  held(seconds: number): void
  /** A job started so many seconds away from when it was last said to. */
  etaMissed(seconds: number): void
  /** A hang of the target was ended by unloading the runner it waited for. */
  healed(): void
  tokens(kind: 'prompt' | 'output', count: number): void
  /** A try to deliver a webhook or an artifact has ended. */
  attempted(outcome: Outcome): void
  /** No more is tried of a webhook or an artifact. */
  deliveryEnded(kind: 'webhook' | 'artifact', state: 'delivered' | 'gave_up'): void
  /** One transaction, fsync included. */
  committed(seconds: number): void
  /**
   * A proxied request was answered; `route` is one of a few names, never a path as it came, and `overheadSeconds` is what
   * foreman added; undefined when nothing was passed on. 499: the caller left before a status.
   */
  proxied(route: string, status: number, overheadSeconds: number | undefined): void
  /** The page in Prometheus' text format. */
  text(): Promise<string>
  readonly contentType: string
}

const targetStates = ['unknown', 'awake', 'asleep', 'down', 'stuck']

/** What can keep all jobs waiting at once. */
const waits = [
  'yielding_to_people',
  'paused',
  'storage_failing',
  'target_asleep',
  'target_down',
  'target_stuck',
] satisfies Reason[]

/** Codes a job can end with; each gets its series at once, so that the first failure is an increase from zero. */
const jobCodes = [
  'model_missing',
  'target_refused',
  'target_failed',
  'target_unreachable',
  'timed_out',
  'start_by_passed',
  'interrupted',
  'too_large',
  'storage_full',
  'internal',
] satisfies Code[]

const long = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 1_800, 3_600, 14_400, 43_200, 86_400]
const short = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 1]

/** Declares everything on a registry of its own. The process's own metrics come along unless `process` is false. */
export function createMetrics(readers: Readers, { process = true } = {}): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const counter = (name: string, help: string) => new Counter({ name: `foreman_${name}`, help, registers })
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name: `foreman_${name}`, help, buckets, registers })
  // A value that can't be read goes missing: that says more than the last one would.
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `foreman_${name}`,
      help,
      registers,
      collect() {
        try {
          this.set(read())
        } catch {
          this.remove()
        }
      },
    })
  const gaugeBy = (label: string, name: string, help: string, read: () => Readonly<Record<string, number>>) =>
    new Gauge({
      name: `foreman_${name}`,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset()
        try {
          for (const [one, value] of Object.entries(read())) this.set({ [label]: one }, value)
        } catch {
          this.reset()
        }
      },
    })

  gaugeBy('state', 'jobs', 'Jobs by state.', readers.jobs)
  gauge('oldest_wait_seconds', 'How long the longest waiting job has been queued.', readers.oldestWaitSeconds)
  gaugeBy('state', 'people', "People's inference requests by state.", readers.people)
  const age = (of: keyof ReturnType<Readers['ages']>) => () => readers.ages()[of]
  gauge('starved_seconds', 'How long the model served longest ago has had jobs waiting.', readers.starvedSeconds)
  gauge('turn_age_seconds', 'For how long the present turn of jobs has gone on; 0: there is none.', age('turn'))
  gauge('yield_age_seconds', 'For how long jobs have stepped aside for people; 0: they do not.', age('yielding'))
  gauge('claim_age_seconds', 'For how long jobs have claimed a turn from people; 0: they have not.', age('claim'))
  gauge('target_up', 'Whether the target answers.', () => Number(readers.targetState() === 'awake'))
  gaugeBy('state', 'target_state', 'The state of the target: 1 for the present one.', () =>
    oneOf(targetStates, readers.targetState()),
  )
  gaugeBy('reason', 'waiting', 'Why nothing starts although jobs wait: 1 for the present reason.', () =>
    oneOf(waits, readers.waitingFor()),
  )
  gauge('outbox_pending', 'Webhooks and pushes still to be delivered.', readers.outboxPending)
  gauge('store_bytes', 'Size of the database and its write-ahead log.', readers.storeBytes)
  gauge('store_free_bytes', 'What the disk of the data folder has left for foreman.', readers.freeBytes)
  gauge('store_writable', 'Whether the store takes writes.', () => Number(readers.writable()))

  const finished = new Counter({
    name: 'foreman_jobs_finished_total',
    help: 'Jobs that reached a terminal state; code is none unless they failed.',
    labelNames: ['state', 'code'],
    registers,
  })
  for (const state of ['done', 'canceled']) finished.inc({ state, code: 'none' }, 0)
  for (const code of jobCodes) finished.inc({ state: 'failed', code }, 0)
  const ran = new Histogram({
    name: 'foreman_job_run_seconds',
    help: 'Time from sending a job to the target to the end of the answer, whatever came of it.',
    labelNames: ['endpoint'],
    buckets: long,
    registers,
  })
  const tokens = new Counter({
    name: 'foreman_tokens_total',
    help: 'Tokens of jobs, as the target counted them.',
    labelNames: ['kind'],
    registers,
  })
  for (const kind of ['prompt', 'output']) tokens.inc({ kind }, 0)
  const attempts = new Counter({
    name: 'foreman_webhook_attempts_total',
    help: 'Tries to deliver a webhook or an artifact, by what came of them.',
    labelNames: ['outcome'],
    registers,
  })
  for (const outcome of outcomes) attempts.inc({ outcome }, 0)
  const deliveries = new Counter({
    name: 'foreman_deliveries_ended_total',
    help: 'Webhooks and artifacts that were delivered, and those that were given up after the last try.',
    labelNames: ['kind', 'state'],
    registers,
  })
  for (const kind of ['webhook', 'artifact'])
    for (const state of ['delivered', 'gave_up']) deliveries.inc({ kind, state }, 0)
  const waited = histogram('job_wait_seconds', 'Time a job spent queued before it was started.', long)
  const loads = counter('model_loads_total', 'Models the target loaded for foreman.')
  const avoided = counter('model_loads_avoided_total', 'Loads that the order of arrival would have needed on top.')
  const loadTime = histogram('target_load_seconds', 'Time the target took to load a model.', long)
  const turn = histogram(
    'turn_seconds',
    'Length of a turn, from the first start of a run of jobs of one model to the next turn or the end of the queue: time in which jobs stepped aside, were paused or had no target is part of it.',
    long,
  )
  const commit = histogram('store_commit_seconds', 'Length of a transaction, fsync included.', short)
  const overhead = histogram('proxy_overhead_seconds', 'Time foreman added to a proxied request.', short)
  const held = histogram('proxy_held_seconds', 'Time a request of people was held before it went to the target.', long)
  const eta = histogram('eta_error_seconds', 'How far a start was from its last estimate.', long)
  const healed = counter('target_healed_total', 'Hangs of the target that were ended by unloading a runner.')
  const proxied = proxyCounter(registry)
  if (process) collectProcess(registry)

  return {
    jobFinished: (state, code) => finished.inc({ state, code: code ?? 'none' }),
    jobStarted: (seconds) => waited.observe(seconds),
    jobRan: (endpoint, seconds) => ran.observe({ endpoint }, seconds),
    modelLoaded(seconds) {
      loads.inc()
      loadTime.observe(seconds)
    },
    loadsAvoided: (count) => avoided.inc(count),
    turnEnded: (seconds) => turn.observe(seconds),
    held: (seconds) => held.observe(seconds),
    etaMissed: (seconds) => eta.observe(seconds),
    healed: () => healed.inc(),
    tokens: (kind, count) => tokens.inc({ kind }, count),
    attempted: (outcome) => attempts.inc({ outcome }),
    deliveryEnded: (kind, state) => deliveries.inc({ kind, state }),
    committed: (seconds) => commit.observe(seconds),
    proxied(route, status, overheadSeconds) {
      proxied(route, status)
      if (overheadSeconds !== undefined) overhead.observe(overheadSeconds)
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}

/** 1 for the present one of those there are, 0 for the others. */
function oneOf(names: readonly string[], present: string | null): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, Number(name === present)]))
}
