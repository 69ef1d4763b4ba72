// The tRPC instance: what every procedure finds in its context, how errors look over tRPC, and the metadata from which
// the REST adapter and the documents are made.

import { initTRPC, TRPCError } from '@trpc/server'
import { ForemanError, type Code } from '../job/error.ts'
import type { Delivery } from '../job/delivery.ts'
import type { Job, QueuePlan, QueueStatus, TargetStatus } from '../job/schema.ts'
import type { Queue } from '../queue/queue.ts'
import type { JobRow } from '../store/jobs.ts'
import type { Output } from '../worker/output.ts'
import type { z } from 'zod'
import { problemOf } from './problem.ts'

/** What the procedures act on; the composition root provides it. */
export interface Api {
  queue: Queue
  deliveries: {
    /** What a job owes and owed to receivers, in the order in which it arose. */
    ofJob: (row: JobRow) => Delivery[]
    /** Throws `gone` for one whose job was erased in the last 30 days, `not_found` for a stranger. */
    redeliver: (id: string) => Promise<Delivery>
  }
  /** What is only known live of a job: why it waits and for how long, how far it is. Its place is that of the plan that is there. */
  live: (row: JobRow) => Partial<Pick<Job, 'reason' | 'position' | 'eta' | 'progress'>>
  /** What the target has said to a job that runs. */
  output: (job: number) => Output | undefined
  /** Resolves when there is a plan that is not older than a second. */
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
    errorFormatter: ({ shape, error }) => {
      const problem = problemOf(error)
      return { ...shape, message: problem.detail, data: { ...shape.data, httpStatus: problem.status, problem } }
    },
  })

type TrpcCode = ConstructorParameters<typeof TRPCError>[0]['code']

const trpcCodes: Partial<Record<Code, TrpcCode>> = {
  invalid_request: 'BAD_REQUEST',
  unauthorized: 'UNAUTHORIZED',
  forbidden: 'FORBIDDEN',
  not_found: 'NOT_FOUND',
  gone: 'NOT_FOUND',
  conflict: 'CONFLICT',
  idempotency_key_reused: 'UNPROCESSABLE_CONTENT',
  too_large: 'PAYLOAD_TOO_LARGE',
  queue_full: 'SERVICE_UNAVAILABLE',
  stopping: 'SERVICE_UNAVAILABLE',
  target_unreachable: 'SERVICE_UNAVAILABLE',
}

/** Every procedure starts here: foreman's errors keep their code on the way out. */
export const procedure = t.procedure.use(async ({ next }) => {
  const result = await next()
  if (result.ok || !(result.error.cause instanceof ForemanError)) return result
  const { cause } = result.error
  throw new TRPCError({ code: trpcCodes[cause.code] ?? 'INTERNAL_SERVER_ERROR', message: cause.message, cause })
})

export const { router, createCallerFactory } = t
