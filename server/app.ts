// The composition root: builds every part from the Config, hands each the values it uses, and connects the facts they
// report to whoever should know. No rule about jobs or requests lives here.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { systemClock, type Clock } from './clock.ts'
import type { Config } from './config.ts'
import { mountPlain } from './http/plain.ts'
import { Receiving } from './http/receiving.ts'
import { mountRest } from './http/rest.ts'
import { buildServer } from './http/server.ts'
import type { Api } from './http/trpc.ts'
import { mountTrpc } from './http/trpc-mount.ts'
import { states } from './job/state.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { Target } from './ollama/target.ts'
import { Waker } from './ollama/wake.ts'
import { People } from './people/people.ts'
import { Queue } from './queue/queue.ts'
import { Store } from './store/store.ts'
import { errorShown, Ledger } from './ledger/ledger.ts'
import { queuePlan, queueStatus, readinessOf, targetStatus } from './status.ts'
import { Estimates } from './worker/estimates.ts'
import { Loading } from './worker/loading.ts'
import { Worker } from './worker/worker.ts'

export interface AppOptions {
  config: Config
  log: Logger
  /** Process id, for the lock of the data folder. */
  owner: number
  clock?: Clock
  random?: () => number
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
  fault,
}: AppOptions): Promise<App> {
  const log = plainLog.child({}, { serializers: { err: errorShown } })
  let url = config.publicUrl ?? ''
  const store = new Store({
    folder: config.data,
    owner,
    fault,
    onCommit: ({ ms }) => metrics.committed(ms / 1000),
  })
  if (store.unwritable !== null)
    log.error({ reason: store.unwritable }, 'the data folder cannot be written: jobs can be read, none is taken or run')
  const queue = new Queue({
    store,
    clock,
    publicUrl: () => url,
    queueMax: config.queueMax,
    jobTimeout_s: Math.floor(config.jobTimeout / 1000),
    maxAttempts: config.maxAttempts,
    webhooks: config.webhookSecrets.length > 0,
    webhookUrl: config.webhookUrl ?? undefined,
    onChange: (row, happening) => {
      ledger.changed(row, happening)
      worker.changed(row)
    },
  })
  const waker = config.wakeMac
    ? new Waker({
        clock,
        mac: config.wakeMac,
        hosts: [config.wakeBroadcast, new URL(config.target).hostname],
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
      log.info({ state, previous }, 'target')
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
      ledger.holding(people.held, target.absent)
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
    onChange: () => {
      ledger.holding(people.held, target.absent)
      worker.wake()
    },
    onLoad: ({ key, ms }) => estimates.loaded(key, ms),
    onHeld: (ms) => metrics.held(ms / 1000),
    onHung: (key) => ledger.hung({ unloaded: [key] }),
    onHealed: (key) => ledger.healed(key),
  })
  const metrics = createMetrics({
    jobs: () => Object.fromEntries(states.map((state) => [state, queue.total(state)])),
    oldestWaitSeconds: () => queue.oldestWait_ms() / 1000,
    targetState: () => target.state,
    outboxPending: () => store.deliveries.pending(),
    storeBytes: () => store.size(),
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
      if (worker.turns.current) ledger.turns(row.key)
      if (target.cloud(row.key)) return
      ledger.started(row, { key: target.runnerKey(row.key), loads: !resident }, target.listedKeys())
    },
    onEnded: (row, _ended, ms) => metrics.jobRan(row.endpoint, ms / 1000),
    onEtaError: (ms) => metrics.etaMissed(ms / 1000),
    onTurn: (turn) => ledger.turnEnded(turn),
    onYield: (yielding) => log.info({ yielding }, yielding ? 'jobs step aside for people' : 'jobs go on'),
    onClaim: (key) => log.info(key === null ? {} : { key }, key === null ? 'the claim is over' : 'jobs claim a turn'),
    onStorage: (failing, error) =>
      failing ? log.error({ err: error }, 'the store refuses writes') : log.info('the store takes writes again'),
    onError: (error) => log.error({ err: error }, 'worker'),
  })
  const api: Api = {
    queue,
    live: (row) => worker.outlook.live(row),
    planned: () => worker.outlook.planner.ready(),
    queuePlan: (limit) => queuePlan(queue, worker, limit),
    queueStatus: () => queueStatus(queue, worker, people),
    targetStatus: () => targetStatus(target, people),
    onPause: () => {
      ledger.paused(queue.paused)
      worker.wake()
    },
  }
  const onInternal = (error: unknown) => log.error({ err: error }, 'internal error')
  const receiving = new Receiving({ bodyMax: config.bodyMax })
  const recovered = await worker.recover()
  if (queue.paused) ledger.paused(true)
  const server = await buildServer({
    tokens: config.tokens,
    targetUrl: config.target,
    clock,
    targetToken: config.targetToken ?? undefined,
    hosts: config.hosts,
    corsOrigins: config.corsOrigins,
    publicUrl: config.publicUrl ?? undefined,
    people,
    onServed: (served) => {
      ledger.served(served)
      if (changesNames.has(served.route) && served.status === 200) void target.refresh()
    },
    onInternal,
    routes: (app) => {
      void app.register(async (scope) => mountRest(scope, { api, receiving }))
      void app.register(async (scope) => mountTrpc(scope, { api, receiving, onInternal }))
      void app.register(async (scope) =>
        mountPlain(scope, {
          readiness: readinessOf({ store, clock, target, worker, stopping: () => queue.vigil.over }),
          metrics: async () => ({ text: await metrics.text(), contentType: metrics.contentType }),
          documents: { '3.1.1': document('openapi.json'), '3.0.3': document('openapi-3.0.json') },
        }),
      )
    },
  })
  const listening = await server.listen({ ...config.listen })
  url ||= listening
  await target.probe()
  // What is loaded already goes on first: known before the first decision, it saves a load after every restart.
  if (target.state === 'awake') await target.look()
  worker.wake()

  const close = async () => {
    queue.stop()
    await Promise.all([worker.stop(config.stopGrace), server.drain(config.stopGrace)])
    await server.close(0)
    worker.outlook.planner.end()
    waker?.close()
    target.close()
    store.close()
  }
  return { url: listening, queue, target, metrics, recovered, idle: () => worker.idle(), close }
}

/** After these the target may have other models than before. */
const changesNames = new Set(['/api/pull', '/api/create', '/api/copy', '/api/delete'])

/** The committed documents, served as they are. */
const document = (name: string) => readFileSync(join(import.meta.dirname, '..', 'openapi', name), 'utf8')
