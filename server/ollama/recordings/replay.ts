// The recorded exchanges of a real Ollama as the tests use them: read one, or serve several over a raw socket with
// the recorded bytes, pieces and end. Only tests import this.

import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'

export interface Recording {
  case: string
  request: { method: string; path: string; body: string }
  response: {
    /** null: the connection ended before any status line. */
    status: number | null
    headers: [string, string][]
    chunks: { text?: string; base64?: string }[]
    end: 'clean' | 'mid-chunk' | 'reset'
  }
}

/** One recorded exchange by the name of its file. */
export function recording(name: string): Recording {
  return JSON.parse(readFileSync(new URL(`${name}.json`, import.meta.url), 'utf8')) as Recording
}

/** The names of all recordings that match, sorted. */
export function recordingNames(pattern: RegExp): string[] {
  return readdirSync(new URL('.', import.meta.url))
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .filter((name) => pattern.test(name))
    .sort()
}

/** The body of a recorded response, without its chunking. */
export function bodyOf({ response }: Recording): Buffer {
  return Buffer.concat(response.chunks.map(bytesOf))
}

/** The text of a recorded response's body. */
export const textOf = (name: string) => bodyOf(recording(name)).toString()

export interface Received {
  method: string
  path: string
  headers: Record<string, string>
  body: string
}

export interface Replay {
  url: string
  /** What was asked, oldest first. */
  received: Received[]
  /** Sockets that were opened so far. */
  connections: number
  close(): Promise<void>
}

/** What a route answers: a recording, or a function that has the socket to itself. */
export type Route = string | ((socket: Socket, request: Received) => void)

/**
 * A server on a free port that answers each `METHOD /path` with its recording, byte by recorded byte, and anything
 * else with 404. A list is answered in its order, its last entry for good.
 */
export async function replay(routes: Record<string, Route | Route[]>): Promise<Replay> {
  const sockets = new Set<Socket>()
  const served = new Map<string, number>()
  const answer = (socket: Socket, request: Received) => {
    const name = `${request.method} ${request.path}`
    const all = [routes[name] ?? []].flat()
    const turn = served.get(name) ?? 0
    served.set(name, turn + 1)
    const route = all[Math.min(turn, all.length - 1)]
    if (route === undefined) socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 18\r\n\r\n404 page not found')
    else if (typeof route === 'string') void send(socket, recording(route))
    else route(socket, request)
  }
  const server = createServer({ allowHalfOpen: false }, (socket) => {
    handle.connections++
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    let bytes = Buffer.alloc(0)
    socket.on('data', (piece) => {
      bytes = Buffer.concat([bytes, Buffer.from(piece)])
      const request = read(bytes)
      if (!request) return
      bytes = Buffer.alloc(0)
      handle.received.push(request)
      answer(socket, request)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const handle: Replay = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: [],
    connections: 0,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
  return handle
}

/** An answer of one's own, with a length. */
export function plain(status: number, body: string, headers: Record<string, string> = {}): Route {
  const lines = Object.entries({ 'Content-Length': String(Buffer.byteLength(body)), ...headers })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return (socket) => void socket.end(`HTTP/1.1 ${status} X\r\n${head}\r\n${body}`)
}

const bytesOf = (chunk: { text?: string; base64?: string }) =>
  chunk.base64 === undefined ? Buffer.from(chunk.text ?? '') : Buffer.from(chunk.base64, 'base64')

async function send(socket: Socket, { response }: Recording): Promise<void> {
  if (response.status === null) {
    socket.resetAndDestroy()
    return
  }
  const head = response.headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const chunked = response.headers.some(([name]) => name.toLowerCase() === 'transfer-encoding')
  socket.write(`HTTP/1.1 ${response.status} X\r\n${head}\r\n`)
  for (const chunk of response.chunks) {
    const bytes = bytesOf(chunk)
    if (chunked) socket.write(`${bytes.length.toString(16)}\r\n`)
    socket.write(bytes)
    if (chunked) socket.write('\r\n')
    // A turn of the loop, so that pieces leave as they were recorded.
    await new Promise((resolve) => setImmediate(resolve))
  }
  if (response.end === 'mid-chunk') socket.end('40\r\n{"model"')
  else socket.end(chunked ? '0\r\n\r\n' : '')
}

/** The request when `bytes` hold all of it. */
function read(bytes: Buffer): Received | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const [method = '', path = ''] = first.split(' ')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  const rest = bytes.subarray(end + 4)
  const chunked = headers['transfer-encoding'] === 'chunked'
  if (!chunked && rest.length < Number(headers['content-length'] ?? 0)) return undefined
  if (chunked && !rest.toString('latin1').endsWith('0\r\n\r\n')) return undefined
  return { method, path, headers, body: chunked ? dechunk(rest) : rest.toString() }
}

function dechunk(bytes: Buffer): string {
  const parts: Buffer[] = []
  for (let at = 0; ;) {
    const end = bytes.indexOf('\r\n', at)
    const size = Number.parseInt(bytes.toString('latin1', at, end), 16)
    if (!(size > 0)) return Buffer.concat(parts).toString()
    parts.push(bytes.subarray(end + 2, end + 2 + size))
    at = end + 2 + size + 2
  }
}
