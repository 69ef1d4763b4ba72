// One HTTP request to the target on foreman's own behalf: its head, its bytes, its abort. Every request has a fresh
// connection, so that it is always clear whether the target was reached, and so that nothing waits behind it. There is
// no total timeout: an answer may be silent for as long as a model loads. People's requests don't come through here.

import { Readable } from 'node:stream'
import { Client } from 'undici'
import type { Clock } from '../clock.ts'
import { waitFrom } from '../job/retry-after.ts'
import { TargetAbsent, TargetFailure, brokenOff } from './failure.ts'

export interface WireOptions {
  /** http or https; a path prefix is kept, credentials in it are sent as Basic when there is no token. */
  url: string
  /** Sent as bearer. */
  token?: string
  clock: Clock
  /** How long a connection may take to be made. */
  connectMs?: number
  /** Silence after which TCP itself asks whether the target is there; must be longer than the grace time. */
  keepAliveMs?: number
}

export interface Outgoing {
  method: 'GET' | 'POST'
  path: string
  /** JSON text, sent as it comes. */
  body?: string | AsyncIterable<Buffer>
  signal?: AbortSignal
}

/** The head of an answer. Read `body` to its end or call `close`. */
export interface Reply {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: AsyncIterable<Buffer>
  close(): void
}

/** A small answer, read whole. */
export interface Answered {
  status: number
  text: string
  /** What the target's clock said, epoch milliseconds: rounded up, as the header has whole seconds only. Undefined: nothing. */
  date: number | undefined
  /** The wait it asked for. */
  retryAfter_ms: number | undefined
}

export class Wire {
  /** The target's address without credentials. */
  readonly url: string
  readonly #clock: Clock
  readonly #origin: string
  readonly #prefix: string
  readonly #authorization: string | undefined
  readonly #connect: { timeout: number; keepAliveInitialDelay: number }

  constructor({ url, token, clock, connectMs = 5_000, keepAliveMs = 180_000 }: WireOptions) {
    const parsed = new URL(url)
    this.#clock = clock
    this.#origin = parsed.origin
    this.#prefix = parsed.pathname.replace(/\/+$/, '')
    this.url = this.#origin + this.#prefix
    const user = `${decodeURIComponent(parsed.username)}:${decodeURIComponent(parsed.password)}`
    if (token) this.#authorization = `Bearer ${token}`
    else if (parsed.username !== '') this.#authorization = `Basic ${Buffer.from(user).toString('base64')}`
    this.#connect = { timeout: connectMs, keepAliveInitialDelay: keepAliveMs }
  }

  /**
   * Sends a request and waits for the head of its answer. Throws TargetAbsent when no connection was made,
   * TargetFailure when one was and broke, the signal's reason when it aborts, and what `body` throws. So does reading.
   */
  async send({ method, path, body, signal }: Outgoing): Promise<Reply> {
    signal?.throwIfAborted()
    const client = new Client(this.#origin, {
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: this.#connect,
    })
    let connected = false
    client.once('connect', () => {
      connected = true
    })
    const upload = watched(body)
    const close = () => void client.destroy().catch(() => {})
    const translate = (error: unknown): unknown => {
      if (signal?.aborted) return signal.reason
      if (upload.failed) return upload.error
      if (!connected) return new TargetAbsent(isRefused(error) ? 'refused' : 'unreachable', error)
      return new TargetFailure(brokenOff(`the connection to the target broke: ${messageOf(error)}`))
    }
    // undici heeds an abort only once the connection is made, which may be never.
    const aborted = Promise.withResolvers<never>()
    const onAbort = () => aborted.reject(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      const headers: Record<string, string> = { accept: 'application/json' }
      if (body !== undefined) headers['content-type'] = 'application/json'
      if (this.#authorization) headers.authorization = this.#authorization
      const reply = await Promise.race([
        // `reset` says Connection: close, as nothing follows.
        client.request({ method, path: this.#prefix + path, headers, body: upload.body, signal, reset: true }),
        aborted.promise,
      ])
      return { status: reply.statusCode, headers: reply.headers, body: pieces(reply.body, translate, close), close }
    } catch (error) {
      close()
      throw translate(error)
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /**
   * A small request answered within `limitMs` (without one, whenever it is) by at most `most` bytes of text. Throws
   * like `send`; running out of time is TargetAbsent, out of bytes TargetFailure.
   */
  async ask(request: Outgoing & { limitMs?: number; most?: number }): Promise<Answered> {
    const { limitMs, most = 16 * 1024 * 1024 } = request
    const late = new AbortController()
    const cancel =
      limitMs === undefined
        ? undefined
        : this.#clock.at(this.#clock.now() + limitMs, () => late.abort(new TargetAbsent('unreachable')))
    const signal = request.signal ? AbortSignal.any([request.signal, late.signal]) : late.signal
    try {
      const reply = await this.send({ ...request, signal })
      const parts: Buffer[] = []
      let size = 0
      for await (const part of reply.body) {
        size += part.length
        if (size > most) throw new TargetFailure(brokenOff(`the target answered ${request.path} with too much`))
        parts.push(part)
      }
      const { status, headers } = reply
      const retryAfter_ms = waitFrom(headers['retry-after'], this.#clock.wall())
      return { status, text: Buffer.concat(parts).toString(), date: dateIn(headers), retryAfter_ms }
    } finally {
      cancel?.()
    }
  }
}

function dateIn({ date }: Reply['headers']): number | undefined {
  const time = Date.parse(String(date)) + 999
  return Number.isNaN(time) ? undefined : time
}

async function* pieces(body: AsyncIterable<unknown>, translate: (error: unknown) => unknown, close: () => void) {
  try {
    for await (const piece of body) yield piece as Buffer
  } catch (error) {
    throw translate(error)
  } finally {
    close()
  }
}

/** The body, remembering what it threw, so that its failure isn't taken for the target's. */
function watched(body: Outgoing['body']) {
  const upload = { body: undefined as string | Readable | undefined, failed: false, error: undefined as unknown }
  if (typeof body !== 'object') return { ...upload, body }
  async function* watch(source: AsyncIterable<Buffer>) {
    try {
      yield* source
    } catch (error) {
      upload.failed = true
      upload.error = error
      throw error
    }
  }
  upload.body = Readable.from(watch(body), { objectMode: false })
  return upload
}

/** A host with several addresses fails with all their errors in one. */
function isRefused(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isRefused)
  return (error as NodeJS.ErrnoException)?.code === 'ECONNREFUSED'
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || (error as NodeJS.ErrnoException).code || error.name : String(error)
}
