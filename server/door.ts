// The door as this house has it: foreman's own routes with what stands behind each, and the passage beside them.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { Background } from './http/background.ts'
import { Deferral } from './http/defer.ts'
import { mountEvents } from './http/events.ts'
import { mountDownload } from './http/download.ts'
import { mountDocs } from './http/docs.ts'
import { mountPlain } from './http/plain.ts'
import { Receiving } from './http/receiving.ts'
import { mountRest } from './http/rest.ts'
import { buildServer, type Server } from './http/server.ts'
import { mountStream } from './http/stream.ts'
import type { Api } from './http/trpc.ts'
import { mountTrpc } from './http/trpc-mount.ts'
import type { Served } from './http/way.ts'
import type { Ledger } from './ledger/ledger.ts'
import type { Metrics } from './metrics/metrics.ts'
import { Routes } from './ollama/routes.ts'
import type { Target } from './ollama/target.ts'
import type { People } from './people/people.ts'
import type { Queue } from './queue/queue.ts'
import { queuePlan, queueStatus, readinessOf, targetStatus } from './status.ts'
import type { Store } from './store/store.ts'
import type { Deliverer } from './webhooks/deliverer.ts'
import { Receipts } from './webhooks/receipts.ts'
import type { Worker } from './worker/worker.ts'

/** What stands behind the door. */
export interface House {
  config: Config
  clock: Clock
  store: Store
  queue: Queue
  people: People
  target: Target
  worker: Worker
  deliverer: Deliverer
  ledger: Ledger
  metrics: Metrics
  /** A route threw what it should not have. */
  onInternal: (error: unknown) => void
}

/** Builds the server with all its routes; nothing listens yet. */
export function openDoor(house: House): Promise<Server> {
  const { config, clock, store, queue, people, target, worker, deliverer, ledger, metrics, onInternal } = house
  const api: Api = {
    queue,
    deliveries: new Receipts({ store, clock, queue, deliverer }),
    output: (job) => (worker.running?.row.seq === job ? worker.running.output : undefined),
    live: (row) => worker.outlook.live(row),
    place: (row) => worker.outlook.place(row),
    planned: () => worker.outlook.planner.ready(),
    queuePlan: (limit) => queuePlan(queue, worker, limit),
    queueStatus: () => queueStatus(queue, worker, people, target),
    targetStatus: () => targetStatus(target, people),
    onPause: () => {
      ledger.paused(queue.paused)
      worker.wake()
    },
  }
  const deferral = new Deferral({ api, bodyMax: config.bodyMax, onInternal })
  const routes = new Routes({
    url: config.target,
    token: config.targetToken ?? undefined,
    clock,
    version: () => (target.absent ? undefined : target.version),
  })
  const onServed = (served: Served) => {
    ledger.served(served)
    if (changesNames.has(served.route) && served.status === 200) void target.refresh()
  }
  const lacks = (path: string) => routes.lacks(path)
  const background = new Background({ queue, deferral, lacks, onServed, onInternal })
  const receiving = new Receiving({ bodyMax: config.bodyMax })
  return buildServer({
    tokens: config.tokens,
    targetUrl: config.target,
    clock,
    targetToken: config.targetToken ?? undefined,
    hosts: config.hosts,
    corsOrigins: config.corsOrigins,
    publicUrl: config.publicUrl ?? undefined,
    people,
    // A response of OpenAI's is what its caller can read, whatever it prefers beside that.
    defer: (call) => background.take(call) || deferral.take(call),
    onServed,
    onInternal,
    ahead: (app, pass) => background.mount(app, pass),
    routes: (app) => {
      const readiness = readinessOf({ store, clock, target, worker, stopping: () => queue.vigil.over })
      void app.register(async (scope) => mountRest(scope, { api, receiving }))
      void app.register(async (scope) => mountTrpc(scope, { api, receiving, onInternal }))
      void app.register(async (scope) => {
        mountEvents(scope, { scene: api, clock, onInternal })
        mountStream(scope, { scene: api, onInternal })
      })
      void app.register(async (scope) => mountDownload(scope, { queue }))
      void app.register(async (scope) =>
        mountPlain(scope, {
          readiness,
          metrics: async () => {
            // A store that refused is tried again for those who look at figures, too.
            await readiness()
            return { text: await metrics.text(), contentType: metrics.contentType }
          },
          documents: { '3.1.1': () => document('openapi.json'), '3.0.3': () => document('openapi-3.0.json') },
        }),
      )
      void app.register(async (scope) =>
        mountDocs(scope, {
          document: () => document('openapi.json'),
          renderer: () => committed('redoc/redoc.standalone.js'),
        }),
      )
    },
  })
}

/** After these the target may have other models than before. */
const changesNames = new Set(['/api/pull', '/api/create', '/api/copy', '/api/delete'])

/** What is committed beside the code, served as it is. */
const committed = (name: string) => readFileSync(join(import.meta.dirname, '..', 'openapi', name))
const document = (name: string) => committed(name).toString()
