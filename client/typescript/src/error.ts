// The one error of the client, told apart by `code`.

import type { Job, Problem } from './api.ts'

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

  constructor(code: string, message: string, facts: { problem?: Problem; job?: Job; cause?: unknown } = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.code = code
    this.problem = facts.problem
    this.job = facts.job
  }
}

/** Whatever a tRPC call threw, as a ForemanError. */
export function foremanError(error: unknown): ForemanError {
  if (error instanceof ForemanError) return error
  const { data, message } = error as { data?: { problem?: Problem; httpStatus?: number } | null; message?: string }
  if (data?.problem)
    return new ForemanError(data.problem.code, data.problem.detail, { problem: data.problem, cause: error })
  return new ForemanError('unreachable', message ?? 'no answer from foreman', { cause: error })
}
