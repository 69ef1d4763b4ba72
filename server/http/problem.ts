// Errors on foreman's own routes: RFC 9457 problem details, and the one table from a code to its HTTP status. On
// proxied routes an error has the route's own shape instead (native.ts). What isn't a ForemanError is `internal`
// outside; whoever catches it logs it whole.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ForemanError, type Code, type Fault } from '../job/error.ts'

/** The body of an error answer (`application/problem+json`), and `error.data.problem` over tRPC. */
export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  instance?: string
  code: Code
  errors?: Fault[]
  retry_after_s?: number
  job_id?: string
  source: 'foreman'
}

/** Status and title of every code. Codes that only a job can have stand for what the target did. */
const table: Record<Code, { status: number; title: string }> = {
  invalid_request: { status: 422, title: 'The request is not valid' },
  unauthorized: { status: 401, title: 'A token is required' },
  forbidden: { status: 403, title: 'Not allowed from here' },
  not_found: { status: 404, title: 'Not found' },
  gone: { status: 410, title: 'Deleted' },
  conflict: { status: 409, title: 'Not possible in this state' },
  idempotency_key_reused: { status: 422, title: 'The idempotency key belongs to another request' },
  too_large: { status: 413, title: 'Too large' },
  queue_full: { status: 503, title: 'The queue is full' },
  storage_full: { status: 507, title: 'The storage is full' },
  stopping: { status: 503, title: 'foreman is stopping' },
  target_unreachable: { status: 503, title: 'The target cannot be reached' },
  model_missing: { status: 502, title: 'The target does not have the model' },
  target_refused: { status: 502, title: 'The target refused the request' },
  target_failed: { status: 502, title: 'The target failed' },
  timed_out: { status: 504, title: 'The time limit has passed' },
  start_by_passed: { status: 504, title: 'Not started in time' },
  interrupted: { status: 503, title: 'Interrupted too often' },
  internal: { status: 500, title: 'Internal error' },
}

/** The HTTP status an error is answered with. */
export function statusOf(error: ForemanError): number {
  return error.status ?? table[error.code].status
}

/** Any error as one that may be told: Fastify's own become codes of foreman, the unknown becomes a masked `internal`. */
export function toForemanError(error: unknown): ForemanError {
  if (error instanceof ForemanError) return error
  // tRPC and others wrap what was thrown.
  if (error instanceof Error && error.cause instanceof ForemanError) return error.cause
  const status = (error as { statusCode?: unknown } | null)?.statusCode
  const message = error instanceof Error ? error.message : ''
  if (status === 404) return new ForemanError('not_found', message)
  if (status === 413) return new ForemanError('too_large', message)
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new ForemanError('invalid_request', message, { status })
  }
  return new ForemanError('internal', 'An internal error occurred; the log has the details.', { cause: error })
}

/** The problem an error is told as. `instance` is the request's path. */
export function problemOf(error: unknown, instance?: string): Problem {
  const known = toForemanError(error)
  const { code, message, errors, retryAfterS, jobId } = known
  return {
    type: `urn:foreman:problem:${code}`,
    title: table[code].title,
    status: statusOf(known),
    detail: message,
    ...(instance === undefined ? {} : { instance }),
    code,
    ...(errors === undefined ? {} : { errors }),
    ...(retryAfterS === undefined ? {} : { retry_after_s: retryAfterS }),
    ...(jobId === undefined ? {} : { job_id: jobId }),
    source: 'foreman',
  }
}

/** Answers with an error as a problem, with the headers that belong to it. */
export function sendProblem(reply: FastifyReply, error: unknown, request: FastifyRequest): FastifyReply {
  const problem = problemOf(error, request.url.split('?', 1)[0])
  if (problem.retry_after_s !== undefined) reply.header('retry-after', String(problem.retry_after_s))
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer')
  return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem))
}
