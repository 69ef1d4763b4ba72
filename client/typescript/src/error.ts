// The one error of the client, told apart by `code`.

import type { Job, Problem } from './api.ts'

interface ErrorFacts {
  problem?: Problem
  job?: Job
  status?: number
  retry_after_s?: number
  cause?: unknown
}

/**
 * foreman's own codes, and the client's: `unreachable` (no answer from foreman, or one that broke off), `canceled` (somebody
 * canceled the job), `restarted` (a streamed answer begins anew), `unverified` (a call to a receiver that is not to be
 * believed). A later foreman may have more.
 */
export type ErrorCode =
  | 'invalid_request'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'gone'
  | 'conflict'
  | 'idempotency_key_reused'
  | 'too_large'
  | 'queue_full'
  | 'storage_full'
  | 'stopping'
  | 'target_unreachable'
  | 'model_missing'
  | 'target_refused'
  | 'target_failed'
  | 'timed_out'
  | 'start_by_passed'
  | 'interrupted'
  | 'internal'
  | 'unreachable'
  | 'canceled'
  | 'restarted'
  | 'unverified'
  | (string & {})

/** A refused call, a failed job, or a foreman that cannot be reached; `code` says which. */
export class ForemanError extends Error {
  override readonly name = 'ForemanError'
  readonly code: ErrorCode
  /** What foreman answered, when it refused the call. */
  readonly problem?: Problem
  /** The job, when it failed or was canceled. */
  readonly job?: Job
  /** The job that the call is about, when it is known: also of one that is not waited for any longer, and goes on. */
  job_id?: string
  /** The HTTP status of the answer, whoever gave it (foreman or a gateway); undefined without an answer. In browsers a redirect has 0. */
  readonly status?: number
  /** Seconds to stay away for, when the answer said so. */
  readonly retry_after_s?: number

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.code = code
    this.problem = facts.problem
    this.job = facts.job
    this.job_id = facts.job?.id ?? facts.problem?.job_id
    this.status = facts.status ?? facts.problem?.status
    this.retry_after_s = facts.retry_after_s ?? facts.problem?.retry_after_s
  }
}

/** Whatever a call threw, as a ForemanError. */
export function foremanError(error: unknown): ForemanError {
  if (error instanceof ForemanError) return error
  const { data, meta, message, cause } = error as {
    data?: { problem?: Problem } | null
    /** tRPC keeps the answer it could make nothing of. */
    meta?: { response?: { status?: number } }
    message?: string
    cause?: unknown
  }
  if (cause instanceof ForemanError) return cause
  const status = meta?.response?.status
  if (data?.problem)
    return new ForemanError(data.problem.code, data.problem.detail, { problem: data.problem, status, cause: error })
  const told = status === undefined ? reasonOf(error) : `not an answer of foreman's: HTTP ${status}: ${message ?? ''}`
  return new ForemanError('unreachable', told, { status, cause: error })
}

/** fetch says only that it failed; why stands at the end of its causes. */
export function reasonOf(error: unknown): string {
  let reason = String(error)
  for (let at = error; at instanceof Error; at = at.cause) {
    const [first] = at instanceof AggregateError ? (at.errors as unknown[]) : []
    reason = (first instanceof Error ? first : at).message || reason
  }
  return reason
}

/** An answer of `url` that is none of foreman's. One of a gateway has a status of its own for that. */
export function strange(url: string, answer: Response): ForemanError {
  const { status } = answer
  const who = status < 500 && status !== 429 ? `what answers at ${url} is not foreman` : `no foreman behind ${url}`
  return new ForemanError('unreachable', `${who}: HTTP ${status}`, { status, retry_after_s: retryAfter(answer) })
}

/** What a call about a job threw, with the job's id. */
export function ofJob(id: string, error: unknown): unknown {
  if (error instanceof ForemanError) error.job_id ??= id
  return error
}

/** Whether the job has ended, one way or another. */
export function hasEnded({ state }: Job): boolean {
  return state === 'done' || state === 'failed' || state === 'canceled'
}

/** Throws for a job that ended otherwise than done. */
export function throwUnlessDone(job: Job): void {
  if (job.state === 'canceled') throw new ForemanError('canceled', 'the job was canceled', { job })
  if (job.state === 'failed')
    throw new ForemanError(job.error?.code ?? 'internal', job.error?.detail ?? 'the job failed', { job })
}

/** `Retry-After` of an answer in seconds, if that is a number of them or a date. */
export function retryAfter({ headers }: Response): number | undefined {
  const said = headers.get('retry-after') ?? ''
  if (/^\d+$/.test(said)) return Number(said)
  const at = said.endsWith(' GMT') ? Date.parse(said) : NaN
  return Number.isNaN(at) ? undefined : Math.max(0, (at - Date.now()) / 1000)
}
