// The one error class of foreman and its closed list of codes. A code is what programs branch on; which HTTP status
// it becomes is the business of the edge (http/problem.ts), never of the code that throws.

/** Every code foreman can answer or record, as listed in its documents. */
export const codes = [
  'invalid_request',
  'unauthorized',
  'forbidden',
  'not_found',
  'gone',
  'conflict',
  'idempotency_key_reused',
  'too_large',
  'queue_full',
  'storage_full',
  'stopping',
  'target_unreachable',
  'model_missing',
  'target_refused',
  'target_failed',
  'timed_out',
  'start_by_passed',
  'interrupted',
  'internal',
] as const

export type Code = (typeof codes)[number]

/** One fault inside a request: a JSON pointer (RFC 6901) into it and what was wrong there. */
export interface Fault {
  pointer: string
  detail: string
}

export interface ErrorFacts {
  /** The faults of an invalid request, all of them. */
  errors?: Fault[]
  /** Seconds after which trying again makes sense. */
  retryAfterS?: number
  /** The job the error is about. */
  jobId?: string
  /** What the target said, if the target said it. */
  targetStatus?: number
  targetBody?: string
  /** A status of its own for codes that have several (invalid_request: 400, 405, 415, 422). */
  status?: number
  cause?: unknown
}

/** An error that may be told to the caller. Anything else that is thrown is `internal` outside and logged whole. */
export class ForemanError extends Error {
  readonly code: Code
  readonly errors?: Fault[]
  readonly retryAfterS?: number
  readonly jobId?: string
  readonly targetStatus?: number
  readonly targetBody?: string
  readonly status?: number

  constructor(code: Code, detail: string, facts: ErrorFacts = {}) {
    super(detail, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.name = 'ForemanError'
    this.code = code
    this.errors = facts.errors
    this.retryAfterS = facts.retryAfterS
    this.jobId = facts.jobId
    this.targetStatus = facts.targetStatus
    this.targetBody = facts.targetBody
    this.status = facts.status
  }
}
