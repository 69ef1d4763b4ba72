// What went wrong, for whoever typed the command: one line, what to do about it, and the exit code.

import { foremanError, ForemanError } from '../error.ts'

/** The exit codes, documented in docs/cli.md. */
export const exit = { ok: 0, failed: 1, usage: 2, unreachable: 3, refused: 4, interrupted: 130 } as const

/** The command cannot be carried out as it was typed. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** It was begun and did not come to its end. */
export class FailedError extends Error {
  override readonly name = 'FailedError'
}

export interface Failure {
  code: string
  detail: string
  /** What to do about it. */
  hint?: string
  exit: number
}

/** `token` is whether one was sent. */
export function failureOf(error: unknown, { token }: { token: boolean }): Failure {
  if (error instanceof UsageError) return { code: 'usage', detail: error.message, exit: exit.usage }
  if (error instanceof FailedError) return { code: 'failed', detail: error.message, exit: exit.failed }
  if (isOfSystem(error)) return { code: error.code, detail: error.message, exit: exit.failed }
  // fetch throws TypeErrors; of anything else foreman is not the cause.
  if (!(error instanceof ForemanError || error instanceof TypeError))
    return { code: 'internal', detail: error instanceof Error ? error.message : String(error), exit: exit.failed }
  const known = foremanError(error)
  const { code, job, status } = known
  if (job) return { code, detail: `${job.id}: ${known.message}`, hint: hintOfJob(code), exit: exit.failed }
  if (code === 'unreachable') return unreachable(known)
  if (status === 401) return unauthorized(known, token)
  if (code === 'target_unreachable')
    return {
      code,
      detail: known.message,
      hint: '`foreman status` shows the target; a job (`foreman submit`) waits for it.',
      exit: exit.unreachable,
    }
  if (code === 'target_failed') return { code, detail: known.message, exit: exit.failed }
  const fields = known.problem?.errors?.map(({ pointer, detail }) => `\n  ${pointer}: ${detail}`) ?? []
  const of = code === 'not_found' && known.job_id !== undefined ? `${known.job_id}: ` : ''
  return { code, detail: [of, known.message, ...fields].join(''), exit: exit.refused }
}

function unreachable({ status, message }: ForemanError): Failure {
  const common = { code: 'unreachable', detail: message, exit: exit.unreachable }
  if (status === undefined)
    return { ...common, hint: 'Start it with `npm start`, or say where it is: --url or FOREMAN_URL.' }
  return status < 500 ? { ...common, hint: 'Say where it is: --url or FOREMAN_URL.' } : common
}

function unauthorized({ code, message }: ForemanError, token: boolean): Failure {
  const hint = token
    ? 'The token that was sent is not one of its tokens: FOREMAN_TOKEN, FOREMAN_TOKEN_FILE or --token.'
    : 'This foreman wants a token: set FOREMAN_TOKEN or FOREMAN_TOKEN_FILE, or give --token.'
  return { code, detail: message, hint, exit: exit.refused }
}

function hintOfJob(code: string): string | undefined {
  if (code === 'model_missing') return 'Bring the model with `foreman pull`, then `foreman retry` the job.'
  if (code === 'timed_out') return 'Give it more time (--timeout): queued again it has the same.'
  if (code === 'canceled' || code === 'target_refused') return undefined
  return '`foreman retry` queues it again.'
}

/** Of a file, or of the standard output; those of connections are the causes of others. */
function isOfSystem(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return error instanceof Error && 'code' in error && 'syscall' in error
}
