// The ceiling: the least that a proxy on node:http with undici's dispatch must do, hop-by-hop headers, back-pressure,
// aborts and errors included. No framework, no rules, no figures.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool, type Dispatcher } from 'undici'
import { ready } from './answers.ts'

const hopByHop = new Set(
  'connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade host expect'.split(
    ' ',
  ),
)
const pool = new Pool(process.argv[2] as string, { connections: null, headersTimeout: 0, bodyTimeout: 0 })

const server = createServer((req, res) => {
  const { method, url, headers } = req
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0
  pool.dispatch(
    {
      path: url as string,
      method: method as Dispatcher.HttpMethod,
      headers: lines(req.rawHeaders),
      body: hasBody ? req : null,
    },
    new Passage(req, res),
  )
})

class Passage implements Dispatcher.DispatchHandler {
  readonly #res: ServerResponse
  #abort: (() => void) | undefined
  #over = false

  constructor(req: IncomingMessage, res: ServerResponse) {
    this.#res = res
    req.on('error', () => undefined)
    res.on('close', () => {
      if (!this.#over) this.#abort?.()
    })
  }

  onConnect(abort: () => void): void {
    this.#abort = abort
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void, statusText: string): boolean {
    if (status < 200) return true
    this.#res.sendDate = false
    this.#res.on('drain', resume)
    this.#res.writeHead(status, statusText, lines(raw.map((line) => line.toString('latin1'))))
    return true
  }

  onData(chunk: Buffer): boolean {
    return this.#res.write(chunk)
  }

  onComplete(): void {
    this.#over = true
    this.#res.end()
  }

  onError(): void {
    this.#over = true
    if (this.#res.headersSent) this.#res.destroy()
    else this.#res.writeHead(502).end()
  }
}

function lines(raw: readonly string[]): string[] {
  const kept: string[] = []
  for (let i = 0; i < raw.length; i += 2) {
    if (!hopByHop.has(raw[i]!.toLowerCase())) kept.push(raw[i]!, raw[i + 1]!)
  }
  return kept
}

server.listen(0, '127.0.0.1', () => ready((server.address() as AddressInfo).port))
