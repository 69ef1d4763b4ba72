// The target of every proxy here: canned answers over node:net, as cheap as a server in Node can be, so that the proxies
// are what is measured. It reads requests only as far as it must, and imitates no Ollama: server/ollama/fake does that.

import { createServer, type AddressInfo, type Socket } from 'node:net'
import { ready } from './answers.ts'

const empty = Buffer.alloc(0)
const version = canned('{"version":"0.12.0"}')
const none = canned('{"models":[]}')
const loaded = canned(
  '{"models":[{"name":"bench:latest","model":"bench:latest","size":1,"digest":"0","expires_at":"2100-01-01T00:00:00Z","context_length":8192}]}',
)
const small = canned(
  '{"model":"bench:latest","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"Hello!"},"done":true,"done_reason":"stop","total_duration":1000,"eval_count":2}',
)
const answers = new Map([
  ['/', text('Ollama is running')],
  ['/api/version', version],
  ['/api/tags', none],
  ['/api/ps', loaded],
  ['/api/chat', small],
])
const missing = canned('{"error":"not found"}', '404 Not Found')
const created = text('', '201 Created')

const server = createServer({ noDelay: true }, (socket) => new Connection(socket))
server.listen(0, '127.0.0.1', () => ready((server.address() as AddressInfo).port))

class Connection {
  readonly #socket: Socket
  /** The start of a head that has not ended yet. */
  #held: Buffer = empty
  /** Bytes of the body that are still to come. */
  #left = 0
  #answer: Buffer | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#read(chunk)).on('error', () => undefined)
  }

  #read(chunk: Buffer): void {
    let rest = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk
    this.#held = empty
    while (rest.length > 0) {
      if (this.#left === 0) {
        const end = rest.indexOf('\r\n\r\n')
        if (end < 0) {
          this.#held = rest
          return
        }
        this.#head(rest.toString('latin1', 0, end))
        rest = rest.subarray(end + 4)
      }
      const part = Math.min(this.#left, rest.length)
      this.#left -= part
      rest = rest.subarray(part)
      if (this.#left === 0 && this.#answer) this.#socket.write(this.#answer)
    }
  }

  #head(head: string): void {
    const url = head.slice(head.indexOf(' ') + 1, head.indexOf(' HTTP/1.1'))
    const [path = '', query] = url.split('?', 2)
    this.#left = head.startsWith('GET') ? 0 : Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
    this.#answer = path.startsWith('/api/blobs/') ? created : (answers.get(path) ?? missing)
    const [, chunks, every_ms] = /^chunks=(\d+)&every_ms=(\d+)$/.exec(query ?? '') ?? []
    if (chunks === undefined) return
    this.#answer = undefined
    stream(this.#socket, Number(chunks), Number(every_ms))
  }
}

/** Writes `chunks` lines as chunks of HTTP, each with the time it was sent (milliseconds of the machine's own clock). */
function stream(socket: Socket, chunks: number, every_ms: number): void {
  socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n')
  const started = performance.now()
  let n = 0
  const next = () => {
    if (socket.destroyed) return
    const sent = (Number(process.hrtime.bigint()) / 1e6).toFixed(6)
    const line = `{"model":"bench:latest","n":${n},"sent":${sent},"message":{"role":"assistant","content":" word"},"done":false}\n`
    n++
    const chunk = `${line.length.toString(16)}\r\n${line}\r\n`
    if (n === chunks) {
      socket.write(`${chunk}0\r\n\r\n`)
      return
    }
    socket.write(chunk)
    setTimeout(next, Math.max(0, started + n * every_ms - performance.now()))
  }
  next()
}

function canned(json: string, status = '200 OK'): Buffer {
  return head(json, status, 'application/json; charset=utf-8')
}

function text(body: string, status = '200 OK'): Buffer {
  return head(body, status, 'text/plain; charset=utf-8')
}

function head(body: string, status: string, type: string): Buffer {
  const date = 'Date: Thu, 01 Jan 2026 00:00:00 GMT'
  return Buffer.from(
    `HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\n${date}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
}
