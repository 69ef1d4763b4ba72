// The composition root: builds every part from the Config, hands each the values it uses, and connects the facts they
// report to whoever should know. No rule about jobs or requests lives here.

import type { Logger } from 'pino'
import { systemClock, type Clock } from './clock.ts'
import type { Config } from './config.ts'
import { openDoor } from './door.ts'
import { states } from './job/state.ts'
import { createMetrics, type Metrics } from './metrics/metrics.ts'
import { Target } from './ollama/target.ts'
import { Waker } from './ollama/wake.ts'
import { People } from './people/people.ts'
import { Queue } from './queue/queue.ts'
import { Store } from './store/store.ts'
import { errorShown, Ledger } from './ledger/ledger.ts'
import { ages, starved, writable } from './status.ts'
import { Guard } from './webhooks/guard.ts'
import { Estimates } from './worker/estimates.ts'
import { Loading } from './worker/loading.ts'
import { Deliverer } from './webhooks/deliverer.ts'
import { Worker } from './worker/worker.ts'

export interface AppOptions {
  config: Config
  log: Logger
  /** Process id, for the lock of the data folder. */
  owner: number
  clock?: Clock
  random?: () => number
  /** Where Wake-on-LAN packets go instead of port 9: to listen there takes no privilege. */
  wakePort?: number
  /** Named moments of a commit (`submit:before`, `finish:inside` …) at which a test may end the process. */
  fault?: (point: string) => void
}

export interface App {
  url: string
  queue: Queue
  target: Target
  metrics: Metrics
  /** Jobs that were running when an earlier foreman died, now queued again. */
  recovered: number
  /** Resolves when nothing runs and nothing waits. */
  idle: () => Promise<void>
  /** Takes no new work, gives what runs its grace, lets go of everything. */
  close: () => Promise<void>
}

/** Builds and starts foreman. Throws StoreUnusable with a plain line when the data folder cannot be used. */
export async function startApp({
  config,
  log: plainLog,
  owner,
  clock = systemClock,
  random = Math.random,
  wakePort,
  fault,
}: AppOptions): Promise<App> {
  const log = plainLog.child({}, { serializers: { err: errorShown } })
  let url = config.publicUrl ?? ''
  const store = new Store({
    folder: config.data,
    owner,
    fault,
    onCommit: ({ ms }) => metrics.committed(ms / 1000),
    onTaken: () => ledger.taken(),
  })
  if (store.unwritable !== null)
    log.error({ reason: store.unwritable }, 'the data folder cannot be written: jobs can be read, none is taken or run')
  const guard = new Guard({ allow: config.webhookAllow })
  const queue = new Queue({
    store,
    clock,
    publicUrl: () => url,
    queueMax: config.queueMax,
    jobTimeout_s: Math.ceil(config.jobTimeout / 1000),
    maxAttempts: config.maxAttempts,
    webhooks: config.webhookSecrets.length > 0,
    webhookUrl: config.webhookUrl ?? undefined,
    receiverRefused: (url) => guard.refusal(url),
    keep: { done: config.keepDone, failed: config.keepFailed },
    onRefused: (error) => ledger.refused(error),
    onChange: (row, happening) => {
      ledger.changed(row, happening)
      worker.changed(row)
      deliverer.wake()
    },
  })
  const waker = config.wakeMac
    ? new Waker({
        clock,
        mac: config.wakeMac,
        hosts: [config.wakeBroadcast, new URL(config.target).hostname],
        port: wakePort,
        onSent: (times) => log.info({ times }, 'a Wake-on-LAN packet went out for the target'),
      })
    : undefined
  const target = new Target({
    url: config.target,
    token: config.targetToken ?? undefined,
    clock,
    graceMs: config.grace,
    answerMax: config.bodyMax,
    onState: (state, previous) => {
      ledger.target(state, previous)
      if (target.absent) worker.trust.outage()
      else waker?.back()
      people.decide()
      worker.wake()
    },
    onVanished: () => server.vanished(),
    onAwaited: (on) => waker?.wanted(on),
    onNames: () => {
      worker.renamed()
      people.renamed()
    },
    onResidents: ({ at }) => {
      people.looked(at)
      worker.wake()
    },
  })
  const estimates = new Estimates({
    learnt: store.learning.all(),
    // Lost if the disk refuses: it is learnt again.
    onLearnt: (one) =>
      void store.commit.along('learn', one.name, () => store.learning.put(one, clock.wall())).catch(() => undefined),
  })
  const people = new People({
    clock,
    target,
    patience: config.peoplePatience,
    absentHold: config.absentHold,
    slowestLoad: (key) => estimates.slowestLoad(key),
    onChange: () => worker.wake(),
    onTurn: (key) => ledger.people(key),
    onHolding: (held, absent) => ledger.holding(held, absent),
    onLoad: ({ key, ms }) => estimates.loaded(key, ms),
    onHeld: (ms) => metrics.held(ms / 1000),
    onHung: (key, vain) => ledger.hung({ unloaded: [key], vain }),
    onHealed: (key) => ledger.healed(key),
  })
  const metrics = createMetrics({
    jobs: () => Object.fromEntries(states.map((state) => [state, queue.total(state)])),
    oldestWaitSeconds: () => queue.oldestWait_ms() / 1000,
    starvedSeconds: () => starved(worker, clock.now()),
    people: () => ({ in_flight: people.inFlight, held: people.held }),
    ages: () => ages(worker, clock.now()),
    targetState: () => target.state,
    outboxPending: () => store.deliveries.pending(),
    storeBytes: () => store.size(),
    freeBytes: () => store.free(),
    writable: () => writable(store, worker),
    waitingFor: () => worker.outlook.waitingFor,
  })
  const ledger = new Ledger({ log, metrics, clock, oldestPlace: () => queue.oldestPlace() })
  const loading = new Loading({
    target,
    people,
    clock,
    loadStall_ms: config.loadStall,
    slowestLoad: (key) => estimates.slowestLoad(key),
    onLoad: ({ key, ms }) => {
      estimates.loaded(target.runnerKey(key), ms)
      ledger.loaded(key, ms)
    },
    onHung: (load) => ledger.hung(load),
    onHealed: (key) => ledger.healed(key),
  })
  const { patience, peoplePatience, hold, yieldMax, claim } = config
  const worker = new Worker({
    queue,
    target,
    clock,
    random,
    limits: { patience, peoplePatience, hold, yieldMax, claim },
    loading,
    estimates,
    keepAliveAfter: config.keepAliveAfter,
    people,
    onStart: (row, resident) => {
      if (target.cloud(row.key)) return
      ledger.started(row, { key: target.runnerKey(row.key), loads: !resident }, target.listedKeys())
    },
    onEnded: (row, _ended, ms) => metrics.jobRan(row.endpoint, ms / 1000),
    onEtaError: (ms) => metrics.etaMissed(ms / 1000),
    onTurn: (key) => ledger.turn(key),
    onTurnOver: (turn) => ledger.turnOver(turn),
    onYield: (yielding, reason) => ledger.yielding(yielding, reason),
    onClaim: (key) => ledger.claim(key),
    onStorage: (failing, error) =>
      failing ? log.error({ err: error }, 'the store refuses writes') : log.info('the store takes writes again'),
    onError: (error) => log.error({ err: error }, 'worker'),
  })
  const deliverer = new Deliverer({
    store,
    clock,
    steady: queue.steady,
    random,
    secrets: config.webhookSecrets,
    guard,
    onTried: (row, tried, job) => ledger.tried({ ...tried, row, job }),
    onSettled: (job) => queue.retention.settled(job),
    onStorage: (failing, error) =>
      failing ? log.error({ err: error }, 'deliveries wait: the store refuses writes') : log.info('deliveries go on'),
    onError: (error) => log.error({ err: error }, 'deliverer'),
  })
  const recovered = await worker.recover()
  if (queue.paused) ledger.paused(true)
  const server = await openDoor({
    config,
    clock,
    store,
    queue,
    people,
    target,
    worker,
    deliverer,
    ledger,
    metrics,
    onInternal: (error) => log.error({ err: error }, 'internal error'),
  })
  const listening = await server.listen({ ...config.listen })
  url ||= listening
  // Receivers are told while a sleeping target is still asked for.
  deliverer.start()
  await target.probe()
  // What is loaded already goes on first: known before the first decision, it saves a load after every restart.
  if (target.state === 'awake') await target.look()
  worker.wake()

  const close = async () => {
    queue.stop()
    const grace = config.stopGrace
    await Promise.all([worker.stop(grace), server.drain(grace), deliverer.stop(grace)])
    await server.close(0)
    people.close()
    worker.outlook.planner.end()
    waker?.close()
    target.close()
    store.close()
  }
  return { url: listening, queue, target, metrics, recovered, idle: () => worker.idle(), close }
}
