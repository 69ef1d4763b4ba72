// One question over HTTP, with a limit of time; and whose clocks were seen on the way.

import { fetch, type Dispatcher, type RequestInit } from 'undici'

const limit_ms = 5_000

export interface Answer {
  status: number
  text: string
  /** The body as an object; empty when it is none. */
  json: Record<string, unknown>
}

/** How far somebody's clock, as the answer's Date has it, is ahead of ours. */
export interface Skew {
  readonly who: string
  readonly ms: number
}

export class Asker {
  readonly skews: Skew[] = []

  /** The answer, or why there is none, in words. Redirects are not followed. `who` is whose clock the Date is. */
  async ask(who: string, url: string, init: RequestInit = {}, dispatcher?: Dispatcher): Promise<Answer | string> {
    const began = Date.now()
    try {
      const signal = AbortSignal.timeout(limit_ms)
      const answer = await fetch(url, { redirect: 'manual', signal, dispatcher, ...init })
      const date = Date.parse(answer.headers.get('date') ?? '')
      // A Date has whole seconds, cut off; it was written somewhere between question and answer.
      if (!Number.isNaN(date)) this.skews.push({ who, ms: date + 500 - (began + Date.now()) / 2 })
      const text = await answer.text()
      return { status: answer.status, text, json: objectOf(text) }
    } catch (error) {
      return reasonOf(error as Error)
    }
  }
}

function objectOf(text: string): Record<string, unknown> {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused: nobody listens there',
  ENOTFOUND: 'its name has no address',
  EAI_AGAIN: 'its name cannot be looked up just now',
}

function reasonOf(error: Error): string {
  if (error.name === 'TimeoutError') return `no answer within ${limit_ms / 1000} s`
  const cause = (error.cause ?? error) as NodeJS.ErrnoException & { errors?: NodeJS.ErrnoException[] }
  const { code = '', message } = cause.errors?.[0] ?? cause
  return words[code] ?? (/CERT|SELF_SIGNED|UNABLE_TO/.test(code) ? `no secure connection: ${code}` : message || code)
}
