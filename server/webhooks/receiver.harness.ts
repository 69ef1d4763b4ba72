// For tests of deliveries: receivers that are real HTTP servers on the loopback, and answer as a test has them. No part of
// the running foreman.

import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What reached a receiver. */
export interface Received {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: Buffer
  /** The same connection has the same number. */
  port: number
}

/** How one is answered: a status with headers and a body, or by hand. `n` counts from 0. */
export type Answering = (
  received: Received,
  n: number,
) =>
  | number
  | [status: number, headers: Record<string, string>, body?: string | Buffer]
  | ((answer: ServerResponse) => void)

/** A receiver that was started, and all that has reached it whole. */
export class Receiver {
  readonly received: Received[] = []
  /** Requests whose head has come, those under way among them. */
  begun = 0
  url = ''
  #server
  #listeners = new Set<() => void>()

  constructor(answering: Answering = () => 204) {
    this.#server = createServer((request, answer) => void this.#take(request, answer, answering))
  }

  async listen(port = 0): Promise<this> {
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
    return this
  }

  async #take(request: IncomingMessage, answer: ServerResponse, answering: Answering): Promise<void> {
    this.begun++
    this.#tell()
    const parts: Buffer[] = []
    try {
      for await (const part of request) parts.push(part as Buffer)
    } catch {
      return
    }
    const { method = '', url: path = '', headers } = request
    const received = { method, path, headers, body: Buffer.concat(parts), port: request.socket.remotePort ?? 0 }
    const said = answering(received, this.received.length)
    this.received.push(received)
    if (typeof said === 'function') said(answer)
    else {
      const [status, more, body] = typeof said === 'number' ? [said, {}, undefined] : said
      answer.writeHead(status, more).end(body)
    }
    this.#tell()
  }

  #tell(): void {
    for (const look of this.#listeners) look()
  }

  /** Resolves when so many requests have come whole. */
  got(count: number): Promise<void> {
    return this.#until(() => this.received.length >= count)
  }

  /** Resolves when so many requests have begun. */
  hasBegun(count: number): Promise<void> {
    return this.#until(() => this.begun >= count)
  }

  #until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!holds()) return
        this.#listeners.delete(look)
        resolve()
      }
      this.#listeners.add(look)
      look()
    })
  }

  /** Ends it and all its connections. */
  async close(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    if (this.#server.listening) await once(this.#server, 'close')
  }
}
