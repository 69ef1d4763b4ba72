// The way to foreman: its procedures over tRPC, its other routes over REST, and how long one goes on trying.

import { createTRPCClient, httpLink, type TRPCClient } from '@trpc/client'
import { addressOf, headersOf } from './address.ts'
import type { AppRouter } from './api.ts'
import { foremanError, strange } from './error.ts'
import { patiently } from './patience.ts'
import { straight } from './redirect.ts'
import { Rest } from './rest.ts'

export interface ConnectionOptions {
  /** Where foreman listens, for example `http://127.0.0.1:11435`. */
  url: string
  /** One of foreman's tokens. */
  token?: string | undefined
  /** In place of the global fetch. */
  fetch?: typeof fetch | undefined
  /** Milliseconds without an answer from foreman after which a call gives up; default 5 minutes. */
  unreachable_ms?: number | undefined
}

/** What every call takes. */
export interface SignalOptions {
  /** Aborting gives up, and throws the signal's reason. */
  signal?: AbortSignal | undefined
}

export class Connection {
  readonly trpc: TRPCClient<AppRouter>
  readonly rest: Rest
  readonly #unreachable_ms: number

  /** Throws TypeError for an address that is none, and for a token that cannot be sent. */
  constructor({ url, token, fetch, unreachable_ms = 300_000 }: ConnectionOptions) {
    const base = addressOf(url)
    const headers = headersOf(token)
    // Called through a function of its own: a browser's fetch insists on its window.
    const ask = straight(fetch ?? ((input, init) => globalThis.fetch(input, init)), base)
    this.rest = new Rest({ url: base, headers, fetch: ask })
    this.trpc = createTRPCClient<AppRouter>({
      links: [httpLink({ url: `${base}/trpc`, headers, fetch: orStatus(ask, base) as never })],
    })
    this.#unreachable_ms = unreachable_ms
  }

  /** For calls that are safe to repeat. */
  patiently<T>(call: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return patiently(call, { signal, unreachable_ms: this.#unreachable_ms })
  }

  /** For calls that are not: whatever they throw is a ForemanError, or the signal's reason. */
  async once<T>(call: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    signal?.throwIfAborted()
    try {
      return await call()
    } catch (error) {
      signal?.throwIfAborted()
      throw foremanError(error)
    }
  }
}

/** An answer that is no JSON is a gateway's: tRPC would lose its status over reading it. */
function orStatus(ask: typeof fetch, url: string): typeof fetch {
  return async (input, init) => {
    const answer = await ask(input, init)
    const type = answer.headers.get('content-type') ?? ''
    if (/\bjson\b/.test(type) || (answer.ok && type === '')) return answer
    // Unread it would hold its connection.
    await answer.body?.cancel().catch(() => undefined)
    throw strange(url, answer)
  }
}
