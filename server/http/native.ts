// foreman's own errors on proxied routes, in the shape the caller of that route reads: Ollama's, OpenAI's or
// Anthropic's. What the target says is never shaped here. Own routes answer with problems (problem.ts).
import type { ServerResponse } from 'node:http'
import { ForemanError } from '../job/error.ts'
import { problemOf } from './problem.ts'

/** Seconds a client is told to wait. */
const retryAfterS = 5

/** An answer ready to be written: header lines are flat. */
export interface NativeAnswer {
  status: number
  lines: string[]
  body: string
}

/** Any error as the answer on a proxied path. */
export function nativeAnswer(path: string, error: unknown): NativeAnswer {
  const problem = problemOf(error)
  const { status, code } = problem
  const type = typeOf(path, status)
  const body = JSON.stringify(errorShape(path, { message: `foreman: ${problem.detail}`, type, code }))
  const lines = ['Content-Type', 'application/json; charset=utf-8', 'Content-Length', String(Buffer.byteLength(body))]
  if (problem.retry_after_s !== undefined) lines.push('Retry-After', String(problem.retry_after_s))
  if (status === 401) lines.push('WWW-Authenticate', 'Bearer')
  return { status, lines, body }
}

/** Answers with it; `more` are further header lines. */
export function sendNative(res: ServerResponse, path: string, error: unknown, more: readonly string[]): void {
  const { status, lines, body } = nativeAnswer(path, error)
  res.writeHead(status, [...lines, ...more]).end(body)
}

/** An error as callers of a route read it: Anthropic's, OpenAI's or Ollama's. */
export function errorShape(path: string, error: { message: string; type: string; code: string | null }): object {
  const { message, type, code } = error
  if (isAnthropic(path)) return { type: 'error', error: { type, message } }
  if (path.startsWith('/v1/')) return { error: { message, type, param: null, code } }
  return { error: message }
}

const isAnthropic = (path: string) => path === '/v1/messages' || path.startsWith('/v1/messages/')

/** What OpenAI and Anthropic call it; only the latter has a word of its own for one that is overloaded. */
function typeOf(path: string, status: number): string {
  if (status === 503 && isAnthropic(path)) return 'overloaded_error'
  if (status === 401) return 'authentication_error'
  if (status === 403) return 'permission_error'
  return status >= 500 ? 'api_error' : 'invalid_request_error'
}

/** foreman is about to end. */
export function stopping(): ForemanError {
  return new ForemanError('stopping', 'foreman is stopping', { retryAfterS })
}

/** Codes of connections that were never made. */
const unmade = new Set(
  'ECONNREFUSED EHOSTUNREACH ENETUNREACH EHOSTDOWN ETIMEDOUT ENOTFOUND EAI_AGAIN UND_ERR_CONNECT_TIMEOUT'.split(' '),
)

/** Whether undici found nobody to connect to. */
export function isUnmade(cause: Error): boolean {
  return unmade.has((cause as NodeJS.ErrnoException).code ?? '')
}

/** The target has been absent for as long as people wait for it. */
export function absent(): ForemanError {
  return new ForemanError('target_unreachable', 'the target cannot be reached', { retryAfterS })
}

/** Why undici has no answer, as the error to tell. */
export function failure(cause: Error): ForemanError {
  const { code = cause.name } = cause as NodeJS.ErrnoException
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') {
    return new ForemanError('invalid_request', `the request can't be forwarded: ${cause.message}`, {
      status: 400,
      cause,
    })
  }
  const what = isUnmade(cause)
    ? 'the target cannot be reached'
    : 'the connection to the target broke before it answered'
  return new ForemanError('target_unreachable', `${what} (${code})`, { retryAfterS, cause })
}
