// Errors on foreman's own routes: RFC 9457 problems. This is the only place that knows which status a code has, and
// the only way an unknown error leaves: masked, while the log has it whole.

import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { ForemanError, type Code, type Fault } from '../job/error.ts'

export const Problem = z
  .object({
    type: z.string().meta({ description: '`urn:foreman:problem:<code>`.' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string().optional().meta({ description: 'The path that was asked.' }),
    code: z.string(),
    errors: z
      .array(z.object({ pointer: z.string(), detail: z.string() }))
      .optional()
      .meta({ description: 'Each fault with a JSON pointer into the request.' }),
    retry_after_s: z.int().optional(),
    job_id: z.string().optional(),
    source: z.literal('foreman'),
  })
  .meta({ id: 'Problem' })
export type Problem = z.infer<typeof Problem>

const table: Record<Code, [status: number, title: string]> = {
  invalid_request: [422, 'Invalid request'],
  unauthorized: [401, 'Unauthorized'],
  forbidden: [403, 'Forbidden'],
  not_found: [404, 'Not found'],
  gone: [410, 'Gone'],
  conflict: [409, 'Conflict'],
  idempotency_key_reused: [422, 'Idempotency key reused'],
  too_large: [413, 'Too large'],
  queue_full: [503, 'Queue full'],
  storage_full: [507, 'Storage full'],
  stopping: [503, 'Stopping'],
  target_unreachable: [503, 'Target unreachable'],
  model_missing: [502, 'Model missing'],
  target_refused: [502, 'Refused by the target'],
  target_failed: [502, 'Target failed'],
  timed_out: [504, 'Timed out'],
  start_by_passed: [504, 'Not started in time'],
  interrupted: [503, 'Interrupted'],
  internal: [500, 'Internal error'],
}

/** The HTTP status of an error. */
export function statusOf(error: ForemanError): number {
  return error.status ?? table[error.code][0]
}

/** Any error as a problem. Unknown ones come out as `internal` and say nothing. */
export function problemOf(error: unknown, instance?: string): Problem {
  const known = foremanError(error)
  const [status, title] = table[known.code]
  return {
    type: `urn:foreman:problem:${known.code}`,
    title,
    status: known.status ?? status,
    detail: detailOf(known),
    ...(instance === undefined ? {} : { instance }),
    code: known.code,
    ...(known.errors ? { errors: known.errors } : {}),
    ...(known.retryAfterS === undefined ? {} : { retry_after_s: known.retryAfterS }),
    ...(known.jobId === undefined ? {} : { job_id: known.jobId }),
    source: 'foreman',
  }
}

function detailOf({ code, message }: ForemanError): string {
  if (code === 'internal') return 'something went wrong inside foreman; its log says what'
  return code === 'storage_full' ? withoutPaths(message) : message
}

/** What the system says of a file, without telling where on this machine it is. */
export function withoutPaths(text: string): string {
  return text.replaceAll(/(^|[\s'"(])\/[^\s'",)]*/g, '$1…')
}

/** Answers with the problem of `error`. Unknown errors go whole to `onInternal`. */
export function sendProblem(
  reply: FastifyReply,
  error: unknown,
  request: FastifyRequest,
  onInternal?: (error: unknown) => void,
): FastifyReply {
  const problem = problemOf(error, request.url.split('?', 1)[0])
  if (problem.code === 'internal') onInternal?.(error)
  return reply
    .code(problem.status)
    .headers(problemHeaders(problem))
    .header('content-type', 'application/problem+json')
    .send(JSON.stringify(problem))
}

/** What a problem says in the head of its answer, whatever shape the body has. */
export function problemHeaders({ status, retry_after_s }: Problem): Record<string, string> {
  return {
    ...(retry_after_s === undefined ? {} : { 'Retry-After': String(retry_after_s) }),
    ...(status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}),
    // What is left of a refused body is not read: the connection cannot serve another request.
    ...(status === 413 || status === 408 ? { Connection: 'close' } : {}),
  }
}

/** What tRPC itself refuses before any procedure is called. */
const trpcRefusals = new Map([
  ['BAD_REQUEST', 400],
  ['PARSE_ERROR', 400],
  ['METHOD_NOT_SUPPORTED', 405],
  ['UNSUPPORTED_MEDIA_TYPE', 415],
])

function foremanError(error: unknown): ForemanError {
  if (error instanceof ForemanError) return error
  const { cause, code, statusCode, message } = (error ?? {}) as {
    cause?: unknown
    code?: unknown
    statusCode?: number
    message?: string
  }
  if (cause instanceof ForemanError) return cause
  if (error instanceof z.ZodError) return refused(error)
  // tRPC wraps a refused input; a refused output is foreman's own fault and stays internal.
  if (cause instanceof z.ZodError && code === 'BAD_REQUEST') return refused(cause)
  if (typeof code === 'string' && code.startsWith('FST_')) return fastifyError(code, statusCode ?? 500, message ?? code)
  const status = typeof code === 'string' ? trpcRefusals.get(code) : undefined
  if (status !== undefined) return new ForemanError('invalid_request', message ?? 'bad request', { status })
  if (code === 'PAYLOAD_TOO_LARGE') return new ForemanError('too_large', message ?? 'the body is too large')
  if (code === 'NOT_FOUND') return new ForemanError('not_found', message ?? 'no such procedure')
  return new ForemanError('internal', 'internal error', { cause: error })
}

function refused({ issues }: z.ZodError): ForemanError {
  const errors = issues.flatMap(faults)
  return new ForemanError(
    'invalid_request',
    errors[0] ? `${errors[0].pointer || 'request'}: ${errors[0].detail}` : 'invalid request',
    { errors },
  )
}

function faults(issue: z.core.$ZodIssue): Fault[] {
  const base = issue.path.map(escape)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ pointer: pointerOf([...base, escape(key)]), detail: 'unknown field' }))
  }
  return [{ pointer: pointerOf(base), detail: issue.message }]
}

const pointerOf = (parts: string[]) => parts.map((part) => `/${part}`).join('')
const escape = (part: PropertyKey) => String(part).replaceAll('~', '~0').replaceAll('/', '~1')

/** Fastify's own refusals, in foreman's words. */
function fastifyError(code: string, status: number, message: string): ForemanError {
  if (status === 413) return new ForemanError('too_large', message)
  if (status === 415) return new ForemanError('invalid_request', 'send JSON as application/json', { status: 415 })
  if (status === 404) return new ForemanError('not_found', message)
  if (status >= 400 && status < 500) return new ForemanError('invalid_request', message, { status })
  return new ForemanError('internal', `${code}: ${message}`)
}
