// One HTTP response written the way Go's net/http writes it: headers sorted by name, then Date, then the length or
// `Transfer-Encoding: chunked` (a body of more than 2048 bytes gets no length), no Connection and no Keep-Alive of its
// own. Also knows whether the client is still there. What is said is the routes' business.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../clock.ts'
import type { Sleep, Span } from './sleep.ts'

/** What Go buffers before it must decide between a length and chunks. */
const goBuffer = 2048
/** How much unread body Go still takes in order to keep a connection. */
const goDrain = 256 * 1024
/** How long Go lingers after an early answer, so that the client can read it before the reset. */
const goLinger = 500

export type Header = [name: string, value: string]

export class Answer {
  readonly signal: AbortSignal
  /** Headers that middleware adds to whatever is answered. */
  readonly headers: Header[] = []
  status: number | undefined
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  readonly #sleep: Sleep
  readonly #clock: Clock
  readonly #gone = new AbortController()
  #cut = false

  constructor(req: IncomingMessage, res: ServerResponse, sleep: Sleep, clock: Clock, noticeMs?: () => Span) {
    this.#req = req
    this.#res = res
    this.#sleep = sleep
    this.#clock = clock
    this.signal = this.#gone.signal
    res.sendDate = false
    // Node then keeps the connection without saying so, as Go does.
    res.removeHeader('Connection')
    res.on('error', () => {})
    res.on('close', () => {
      if (res.writableFinished) return
      const noticed = noticeMs ? sleep.pause(noticeMs(), new AbortController().signal) : sleep.awake()
      void noticed.then(() => this.#gone.abort(new Error('client left')))
    })
  }

  /** Whether the client has left, noticed or not. */
  get gone(): boolean {
    return this.#req.socket.destroyed
  }

  /** Whether the connection was destroyed from this side. */
  get cut(): boolean {
    return this.#cut
  }

  get started(): boolean {
    return this.#res.headersSent
  }

  /** A whole answer. `chunked` leaves the length out, as where the handler streams before it ends. */
  async send(status: number, headers: Header[], body: string | Buffer, chunked = false): Promise<void> {
    await this.#sleep.awake()
    const bytes = Buffer.from(body)
    const bodyless = this.#req.method === 'HEAD' ? bytes.length === 0 || bytes.length > goBuffer : status === 204
    const long = chunked || bytes.length > goBuffer
    const tail: Header[] = bodyless
      ? []
      : long
        ? [['Transfer-Encoding', 'chunked']]
        : [['Content-Length', String(bytes.length)]]
    this.#head(status, headers, tail)
    if (this.#req.method === 'HEAD' || bytes.length === 0) this.#res.end()
    else this.#res.end(bytes)
  }

  async sendJson(status: number, value: unknown): Promise<void> {
    await this.send(status, [['Content-Type', 'application/json; charset=utf-8']], encode(value))
  }

  /** One chunk of a streamed answer; the head goes out with the first. Waits for a client that reads slowly. */
  async chunk(headers: Header[], text: string): Promise<void> {
    await this.#sleep.awake()
    this.signal.throwIfAborted()
    if (!this.#res.headersSent) this.#head(200, headers, [['Transfer-Encoding', 'chunked']])
    // Node merges what is written in one turn into one chunk; Go flushes each. So the write is waited for.
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const leave = () => reject(this.signal.reason)
    this.signal.addEventListener('abort', leave, { once: true })
    this.#res.write(text, () => resolve())
    try {
      await promise
    } finally {
      this.signal.removeEventListener('abort', leave)
    }
  }

  /** The clean end of a streamed answer. */
  async end(headers: Header[]): Promise<void> {
    await this.#sleep.awake()
    if (!this.#res.headersSent) this.#head(200, headers, [['Transfer-Encoding', 'chunked']])
    this.#res.end()
  }

  /** Ends the connection as the death of the server does: no last chunk, or no answer at all. */
  destroy(): void {
    this.#cut = true
    this.#req.socket.destroy()
  }

  /** The request's body, piece by piece; reading starts when the server is awake. */
  async *body(): AsyncGenerator<Buffer> {
    await this.#sleep.awake()
    for await (const piece of this.#req) yield piece as Buffer
  }

  async text(): Promise<Buffer> {
    const pieces: Buffer[] = []
    for await (const piece of this.body()) pieces.push(piece)
    return Buffer.concat(pieces)
  }

  /**
   * An empty answer before the body was read. Go takes a small rest in; with a large one it says `Connection: close`,
   * stops reading and lets the client find the answer before it closes.
   */
  async sendEarly(status: number): Promise<void> {
    await this.#sleep.awake()
    let left = goDrain
    if (Number(this.#req.headers['content-length'] ?? 0) <= goDrain) {
      const rest = this.#req.iterator({ destroyOnReturn: false })
      for await (const piece of rest) {
        left -= (piece as Buffer).length
        if (left < 0) break
      }
      if (left >= 0) return this.send(status, [], '')
    }
    const { socket } = this.#req
    this.#req.pause()
    this.status = status
    const date = `Date: ${new Date(this.#clock.wall()).toUTCString()}`
    socket.write(`HTTP/1.1 ${status} OK\r\n${date}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
    socket.end()
    setTimeout(() => socket.destroy(), goLinger).unref()
  }

  #head(status: number, headers: Header[], tail: Header[]): void {
    this.status = status
    const sorted = [...this.headers, ...headers].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))
    const all: Header[] = [...sorted, ['Date', new Date(this.#clock.wall()).toUTCString()], ...tail]
    this.#res.writeHead(status, all.flat())
  }
}

/** JSON as Go's encoder writes it: `<`, `>` and `&` escaped. */
export function encode(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** A Go timestamp: RFC 3339 with as many digits of a second as it needs. `nanos` are those below the millisecond. */
export function timestamp(wallMs: number, nanos = 0): string {
  const whole = new Date(Math.floor(wallMs)).toISOString()
  const fraction = `${whole.slice(20, 23)}${String(nanos % 1_000_000).padStart(6, '0')}`.replace(/0+$/, '')
  return `${whole.slice(0, 19)}${fraction === '' ? '' : `.${fraction}`}Z`
}
