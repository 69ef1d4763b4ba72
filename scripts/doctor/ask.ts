// One question over HTTP, with a limit of time; and whose clocks were seen on the way.

import { Agent, request, type Dispatcher } from 'undici'

const limit_ms = 5_000

export interface Answer {
  status: number
  text: string
  /** The body as an object; empty when it is none. */
  json: Record<string, unknown>
}

export interface Question {
  method?: 'GET' | 'HEAD' | 'POST'
  headers?: Record<string, string>
  body?: string
}

/** How far somebody's clock, as the answer's Date has it, is ahead of ours. */
export interface Skew {
  readonly who: string
  readonly ms: number
}

/** As foreman itself asks: no port is refused, as it would be by `fetch`. */
const direct = new Agent({ connect: { timeout: limit_ms } })

export class Asker {
  readonly skews: Skew[] = []

  /** The answer, or why there is none, in words. Redirects are not followed. `who` is whose clock the Date is. */
  async ask(
    who: string,
    url: string,
    question: Question = {},
    dispatcher: Dispatcher = direct,
  ): Promise<Answer | string> {
    const began = Date.now()
    try {
      const signal = AbortSignal.timeout(limit_ms)
      const { statusCode, headers, body } = await request(url, { method: 'GET', signal, dispatcher, ...question })
      const date = Date.parse(String(headers.date))
      // A Date has whole seconds, cut off; it was written somewhere between question and answer.
      if (!Number.isNaN(date)) this.skews.push({ who, ms: date + 500 - (began + Date.now()) / 2 })
      const text = await body.text()
      return { status: statusCode, text, json: objectOf(text) }
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

const silence = `no answer within ${limit_ms / 1000} s`

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused: nobody listens there',
  ENOTFOUND: 'its name has no address',
  EAI_AGAIN: 'its name cannot be looked up just now',
  UND_ERR_CONNECT_TIMEOUT: silence,
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.name === 'TimeoutError') return silence
  // A host with several addresses fails with all their errors in one.
  const { code = '', message } = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException) : error
  return words[code] ?? (/CERT|SELF_SIGNED|UNABLE_TO/.test(code) ? `no secure connection: ${code}` : message || code)
}
