// The tRPC instance: what every procedure finds in its context, how errors look over tRPC, and the metadata from which
// the REST adapter and the documents are made.

import { initTRPC } from '@trpc/server'
import type { Delivery } from '../job/delivery.ts'
import type { Job, QueuePlan, QueueStatus, TargetStatus } from '../job/schema.ts'
import type { Queue } from '../queue/queue.ts'
import type { JobRow } from '../store/jobs.ts'
import type { Output } from '../worker/output.ts'
import type { z } from 'zod'
import type { Include } from './present.ts'
import { problemOf } from './problem.ts'
import { shapeOf } from './trpc-error.ts'

/** What the procedures act on; the composition root provides it. */
export interface Api {
  queue: Queue
  deliveries: {
    /** What a job owes and owed to receivers, in the order in which it arose. */
    ofJob: (row: JobRow) => Delivery[]
    /** Throws `gone` for one whose job was erased in the last 30 days, `not_found` for a stranger. */
    redeliver: (id: string) => Promise<Delivery>
  }
  /** What is only known live of a job: why it waits, how far it is. */
  live: (row: JobRow) => Partial<Pick<Job, 'reason' | 'position' | 'progress'>>
  /** When a job is expected to start, by the last plan. */
  place: (row: JobRow) => Partial<Pick<Job, 'position' | 'eta'>>
  /** What the target has said to a job that runs. */
  output: (job: number) => Output | undefined
  /** Resolves when there is a plan that is good still, which it is for a second at most. */
  planned: () => Promise<void>
  /** The first of that plan. */
  queuePlan: (limit: number) => Promise<z.infer<typeof QueuePlan>>
  queueStatus: () => z.infer<typeof QueueStatus>
  targetStatus: () => z.infer<typeof TargetStatus>
  /** An operator's switch was thrown. */
  onPause: () => void
}

/** The answer's own head, over REST. */
export interface Head {
  status?: number
  headers: Record<string, string>
}

export interface Context {
  api: Api
  /** Aborts when the caller leaves. */
  signal?: AbortSignal
  /** REST: the exact text of each `request.body`, by JSON pointer. */
  bodies?: ReadonlyMap<string, readonly Buffer[]>
  /** SHA-256 over the text of the input at a JSON pointer, its key left out; without it that is made from the parsed input. */
  fingerprint?: (pointer: string) => Promise<Buffer>
  /** REST: the bytes of the request are stored, and take no more room while its caller waits. */
  letGo?: () => void
  /** Seconds the caller is willing to wait, from `?wait=` or `Prefer: wait=`. */
  wait_s?: number
  /** REST: what is to be shown beside the job, from `?include=`. */
  include?: Include
  /** traceparent and tracestate. */
  trace?: Record<string, string>
  /** REST: lets a procedure set status and headers, and return JSON text verbatim. */
  head?: Head
}

export interface OpenApi {
  method: 'GET' | 'POST' | 'DELETE'
  path: `/${string}`
  operationId: string
  summary: string
  description?: string
  tags: string[]
}

/** A procedure with `openapi` is served over REST and stands in the documents. */
export interface Meta extends Record<string, unknown> {
  openapi?: OpenApi
  /** Success status; 200 unless said. */
  status?: 200 | 202 | 204
  /** The answer carries `ETag: W/"<sequence>"`. */
  etag?: boolean
  /** `?wait=` and `Prefer: wait=` are understood. */
  waits?: boolean
  /** Where in the input the exact text of bodies is taken from the request; `*` is any index. */
  verbatim?: string[]
  /** Statuses besides the success that its callers should know. */
  problems?: number[]
}

const t = initTRPC
  .context<Context>()
  .meta<Meta>()
  .create({
    isDev: false,
    // Below the 30 s at which many gateways cut an idle connection.
    sse: { ping: { enabled: true, intervalMs: 15_000 } },
    errorFormatter: ({ error, path }) => shapeOf(problemOf(error), path),
  })

export const { procedure, router } = t
