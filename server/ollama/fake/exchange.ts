// One HTTP exchange over a bare TCP connection, taken down the way the recordings were: headers as they came, the body
// chunk by chunk, and how the connection ended. For tests that compare what clients hide.

import { connect } from 'node:net'

export interface Exchange {
  status: number | null
  headers: [string, string][]
  /** The body without chunk framing: one entry for each chunk; for a body with a length the whole of it. */
  chunks: string[]
  end: 'clean' | 'mid-chunk' | 'reset'
}

/** Sends the bytes and reads one answer. `method` tells whether the answer has a body. */
export async function exchange(port: number, method: string, request: Buffer): Promise<Exchange> {
  const socket = connect({ port, host: '127.0.0.1' })
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  let received: Buffer = Buffer.alloc(0)
  socket.on('error', () => {})
  socket.on('close', () => end())
  socket.on('data', (piece: Buffer) => {
    received = Buffer.concat([received, piece])
    if (read(received, method).end === 'clean') end()
  })
  socket.write(request)
  await ended
  socket.destroy()
  return read(received, method)
}

/** The bytes of a request with exactly these headers. */
export function requestBytes(method: string, path: string, headers: Record<string, string>, body: Buffer): Buffer {
  const chunked = headers['Transfer-Encoding'] === 'chunked'
  const lines = Object.entries(headers).map(([name, value]) => {
    return `${name}: ${name === 'Content-Length' ? String(body.length) : value}\r\n`
  })
  const framed = chunked
    ? Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')])
    : body
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`), framed])
}

function read(received: Buffer, method: string): Exchange {
  const split = received.indexOf('\r\n\r\n')
  if (split < 0) return { status: null, headers: [], chunks: [], end: 'reset' }
  const [statusLine = '', ...lines] = received.subarray(0, split).toString().split('\r\n')
  const status = Number(statusLine.split(' ')[1])
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(': ')
    return [line.slice(0, colon), line.slice(colon + 2)]
  })
  const body = received.subarray(split + 4)
  if (method === 'HEAD' || status === 204) return { status, headers, chunks: [], end: 'clean' }
  const length = headers.find(([name]) => name === 'Content-Length')?.[1]
  if (length !== undefined) {
    const whole = body.length >= Number(length)
    return { status, headers, chunks: body.length > 0 ? [body.toString()] : [], end: whole ? 'clean' : 'mid-chunk' }
  }
  return { status, headers, ...dechunk(body) }
}

function dechunk(body: Buffer): Pick<Exchange, 'chunks' | 'end'> {
  const chunks: string[] = []
  for (let at = 0; ;) {
    const line = body.indexOf('\r\n', at)
    if (line < 0) return { chunks, end: 'mid-chunk' }
    const size = Number.parseInt(body.subarray(at, line).toString(), 16)
    const next = line + 2 + size + 2
    if (next > body.length) return { chunks, end: 'mid-chunk' }
    if (size === 0) return { chunks, end: 'clean' }
    chunks.push(body.subarray(line + 2, line + 2 + size).toString())
    at = next
  }
}
