// Who calls an edge: HTTP/2 over TLS, on one connection as browsers do it, and HTTP/1.1 beside it. Nothing is given up or tried
// again here.

import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { once } from 'node:events'
import type { Readable } from 'node:stream'

export interface Answer {
  status: number
  headers: Record<string, unknown>
  /** What comes, as it comes. */
  pieces: AsyncIterator<Buffer>
  /** What is left of it. */
  text(): Promise<string>
  leave(): void
}

export class Caller {
  readonly url: string
  readonly #session: ClientHttp2Session
  readonly #certificate: string
  readonly #headers: Record<string, string>

  /** `certificate` is the edge's own. */
  constructor(url: string, certificate: string, token: string) {
    this.url = url
    this.#certificate = certificate
    this.#headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    this.#session = connect(url, { ca: certificate })
  }

  /** A request that goes on as long as its caller writes, unless `body` is all of it. */
  open(method: string, path: string, body?: string, headers: Record<string, string> = {}): ClientHttp2Stream {
    const head = { ...this.#headers, ...headers, ':method': method, ':path': path }
    const stream = this.#session.request(head, { endStream: method === 'GET' })
    if (body !== undefined && method !== 'GET') stream.end(body)
    return stream
  }

  async answer(stream: ClientHttp2Stream): Promise<Answer> {
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
    const pieces = (stream as Readable).iterator() as AsyncIterator<Buffer>
    return {
      status: Number(headers[':status']),
      headers,
      pieces,
      text: () => rest(pieces),
      leave: () => stream.close(constants.NGHTTP2_CANCEL),
    }
  }

  post(path: string, body: string): Promise<Answer> {
    return this.answer(this.open('POST', path, body))
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.answer(this.open('GET', path, undefined, headers))
  }

  /** A POST over HTTP/1.1, on a connection of its own. */
  openPlain(path: string, body: string) {
    const options = { method: 'POST', headers: this.#headers, ca: this.#certificate, agent: false } as const
    return request(`${this.url}${path}`, options).end(body)
  }

  /** The same, and what was answered. */
  async plain(path: string, body: string): Promise<string> {
    const [answer] = (await once(this.openPlain(path, body), 'response')) as [IncomingMessage]
    return rest(answer.iterator() as AsyncIterator<Buffer>)
  }

  close(): void {
    this.#session.destroy()
  }
}

async function rest(pieces: AsyncIterator<Buffer>): Promise<string> {
  let text = ''
  for (;;) {
    const { value, done } = await pieces.next()
    if (done) return text
    text += value.toString()
  }
}
