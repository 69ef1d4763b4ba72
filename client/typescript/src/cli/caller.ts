// The way from the command line to foreman: where it is, with which token, and its routes that carry bytes or lines.

import { readFileSync } from 'node:fs'
import { addressOf, headersOf } from '../address.ts'
import { foremanError, ForemanError, retryAfter, strange } from '../error.ts'
import { Foreman } from '../foreman.ts'
import { straight } from '../redirect.ts'
import type { Problem } from '../api.ts'
import { UsageError } from './failure.ts'
import { noticing } from './presence.ts'

/** Where foreman is unless somebody says otherwise. */
export const usual = 'http://127.0.0.1:11435'

export interface CallerOptions {
  url: string
  token?: string | undefined
  tokenFile?: string | undefined
}

export class Caller {
  readonly url: string
  readonly token: string | undefined
  /** Gives up at once when foreman does not answer. */
  readonly foreman: Foreman
  /** Waits for foreman for minutes: for what goes on after a first answer. */
  readonly patient: Foreman
  /** The same, and tells when foreman is away and when it is back. */
  readonly telling: (tell: (text: string) => void) => Foreman
  readonly #headers: Record<string, string>
  readonly #fetch: typeof fetch

  /** Throws UsageError for an address or a token that is none, and for a file that cannot be read. */
  constructor({ url, token, tokenFile }: CallerOptions) {
    // A variable that is set to nothing is not set, and the server's own may list several: each is accepted.
    this.token = (token || (tokenFile && contentOf(tokenFile)))?.split(',')[0]?.trim() || undefined
    try {
      this.url = addressOf(url || usual)
      this.#headers = headersOf(this.token)
    } catch (error) {
      throw new UsageError((error as Error).message)
    }
    this.#fetch = straight(fetch, this.url)
    const where = { url: this.url, token: this.token }
    this.foreman = new Foreman({ ...where, unreachable_ms: 0 })
    this.patient = new Foreman(where)
    this.telling = (tell) => new Foreman({ ...where, fetch: noticing(fetch, tell) })
  }

  /** Any route. Resolves with the head of an answer that is no refusal; throws ForemanError, or the signal's reason. */
  async ask(path: string, init: RequestInit & { headers?: Record<string, string> } = {}): Promise<Response> {
    let answer: Response
    let said = ''
    try {
      answer = await this.#fetch(this.url + path, { ...init, headers: { ...init.headers, ...this.#headers } })
      if (answer.ok) return answer
      said = await answer.text()
    } catch (error) {
      init.signal?.throwIfAborted()
      throw foremanError(error)
    }
    throw this.#refusal(answer, said)
  }

  /** foreman's own problems, and errors in Ollama's shape, of which foreman's begin with its name. */
  #refusal(answer: Response, said: string): ForemanError {
    const { status } = answer
    const head = { status, retry_after_s: retryAfter(answer) }
    const body = parsed(said) as Partial<Problem> & { error?: unknown }
    if (typeof body.code === 'string')
      return new ForemanError(body.code, body.detail ?? body.code, { problem: body as Problem, ...head })
    if (typeof body.error !== 'string') return strange(this.url, answer)
    if (status === 401) return new ForemanError('unauthorized', body.error, head)
    const ours = body.error.startsWith('foreman: ')
    return new ForemanError(ours ? 'target_unreachable' : 'target_failed', body.error.replace(/^foreman: /, ''), head)
  }
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`the token's file: ${(error as Error).message}`)
  }
}

function parsed(text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}
