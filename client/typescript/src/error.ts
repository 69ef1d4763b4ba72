// The one error of the client, told apart by `code`.

import type { Job, Problem } from './api.ts'

interface ErrorFacts {
  problem?: Problem
  job?: Job
  status?: number
  cause?: unknown
}

/**
 * A refused call, a failed job, or a foreman that cannot be reached. `code` is one of foreman's own codes,
 * `unreachable` (no answer from foreman), or `canceled` (somebody canceled the job).
 */
export class ForemanError extends Error {
  override readonly name = 'ForemanError'
  readonly code: string
  /** What foreman answered, when it refused the call. */
  readonly problem?: Problem
  /** The job, when it failed or was canceled. */
  readonly job?: Job
  /** The HTTP status of the answer, whoever gave it (foreman or a gateway); undefined without an answer. */
  readonly status?: number

  constructor(code: string, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.code = code
    this.problem = facts.problem
    this.job = facts.job
    this.status = facts.status ?? facts.problem?.status
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
  const told = status === undefined ? (message ?? 'no answer from foreman') : `HTTP ${status}: ${message ?? ''}`
  return new ForemanError('unreachable', told, { status, cause: error })
}
