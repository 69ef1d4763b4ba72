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
export function failureOf(error: unknown, { url, token }: { url: string; token: boolean }): Failure {
  if (error instanceof UsageError) return { code: 'usage', detail: error.message, exit: exit.usage }
  if (error instanceof FailedError) return { code: 'failed', detail: error.message, exit: exit.failed }
  if (isOfSystem(error)) return { code: error.code, detail: error.message, exit: exit.failed }
  // fetch throws TypeErrors; of anything else foreman is not the cause.
  if (!(error instanceof ForemanError || error instanceof TypeError))
    return { code: 'internal', detail: error instanceof Error ? error.message : String(error), exit: exit.failed }
  const known = foremanError(error)
  const { code, job, status } = known
  if (job) return { code, detail: `${job.id}: ${known.message}`, hint: hintOfJob(code), exit: exit.failed }
  if (code === 'unreachable') return unreachable(known, url)
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
  return { code, detail: [known.message, ...fields].join(''), exit: exit.refused }
}

function unreachable({ status, message, cause }: ForemanError, url: string): Failure {
  const common = { code: 'unreachable', exit: exit.unreachable }
  if (status !== undefined && status < 500)
    return {
      ...common,
      detail: `what answers at ${url} is not foreman: ${message}`,
      hint: 'Say where it is: --url or FOREMAN_URL.',
    }
  if (status !== undefined) return { ...common, detail: `no foreman behind ${url}: ${message}` }
  return {
    ...common,
    detail: `no foreman at ${url}: ${rootOf(cause) ?? message}`,
    hint: 'Start it with `npm start`, or say where it is: --url or FOREMAN_URL.',
  }
}

function unauthorized({ code, message }: ForemanError, token: boolean): Failure {
  const hint = token
    ? 'The token that was sent is not one of its tokens: FOREMAN_TOKEN, FOREMAN_TOKEN_FILE or --token.'
    : 'This foreman wants a token: set FOREMAN_TOKEN or FOREMAN_TOKEN_FILE, or give --token.'
  return { code, detail: message, hint, exit: exit.refused }
}

function hintOfJob(code: string): string | undefined {
  if (code === 'model_missing') return 'Bring the model with `foreman pull`, then `foreman retry` the job.'
  if (code === 'canceled') return undefined
  return '`foreman retry` queues it again.'
}

/** fetch says only that it failed; why stands at the end of its causes. */
function rootOf(error: unknown): string | undefined {
  let reason: string | undefined
  for (let at = error; at instanceof Error; at = at.cause) {
    const [first] = at instanceof AggregateError ? (at.errors as unknown[]) : []
    reason = (first instanceof Error ? first : at).message || reason
  }
  return reason
}

/** Of a file, or of the standard output; those of connections are the causes of others. */
function isOfSystem(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return error instanceof Error && 'code' in error && 'syscall' in error
}
