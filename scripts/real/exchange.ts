// One HTTP exchange, seen as it is on the wire: the answer's lines in their order and spelling, its body in the pieces
// in which it was sent. Clients hide all that.
import { connect } from 'node:net'
import { once } from 'node:events'

export interface Asked {
  method: string
  /** As written into the request line. */
  path: string
  headers?: [name: string, value: string][]
  body?: string | Buffer
}

export interface Answered {
  /** `HTTP/1.1 200 OK`. */
  status: string
  headers: [name: string, value: string][]
  /** How the body's end is told. */
  framing: 'chunked' | 'length' | 'close'
  /** The chunks, or all of the body as one. */
  pieces: Buffer[]
  body: Buffer
}

/** What belongs to one connection, or to one moment. */
const passing = new Set(['connection', 'keep-alive', 'transfer-encoding', 'date'])

/** Sends it on a connection of its own and reads until the other side closes that. */
export async function exchange(url: string, { method, path, headers = [], body = '' }: Asked): Promise<Answered> {
  const { hostname, port, host } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  const given = new Set(headers.map(([name]) => name.toLowerCase()))
  const lines = [...headers]
  if (!given.has('host')) lines.unshift(['Host', host])
  if (body.length > 0 && !given.has('content-length')) lines.push(['Content-Length', String(Buffer.byteLength(body))])
  lines.push(['Connection', 'close'])
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.write(`${method} ${path} HTTP/1.1\r\n${head}\r\n`)
  if (body.length > 0) socket.write(body)
  const bytes: Buffer[] = []
  try {
    for await (const piece of socket) bytes.push(piece as Buffer)
  } catch (error) {
    // A server that does not read the body it refuses may reset the connection behind its answer.
    if (bytes.length === 0) throw error
  }
  return read(Buffer.concat(bytes))
}

/** The header lines that are the answer's own. */
export function lasting({ headers }: Answered): [name: string, value: string][] {
  return headers.filter(([name]) => !passing.has(name.toLowerCase()))
}

function read(bytes: Buffer): Answered {
  const end = bytes.indexOf('\r\n\r\n')
  const [status = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  const value = (name: string) => headers.find(([other]) => other.toLowerCase() === name)?.[1]
  const rest = bytes.subarray(end + 4)
  const length = value('content-length')
  const framing = value('transfer-encoding') ? 'chunked' : length ? 'length' : 'close'
  const pieces = framing === 'chunked' ? chunks(rest) : length ? whole(rest, Number(length)) : [rest]
  return { status, headers, framing, pieces, body: Buffer.concat(pieces) }
}

/** Throws when there is less than the length says: such an answer was cut. */
function whole(bytes: Buffer, length: number): Buffer[] {
  if (bytes.length > 0 && bytes.length !== length) throw new Error(`${bytes.length} bytes came instead of ${length}`)
  return [bytes]
}

/** Throws when the last chunk is missing: such an answer was cut. */
function chunks(bytes: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let at = 0; ;) {
    const line = bytes.indexOf('\r\n', at)
    if (line < 0) throw new Error('the answer ended inside its chunks')
    const size = Number.parseInt(bytes.subarray(at, line).toString(), 16)
    if (size === 0) return found
    found.push(bytes.subarray(line + 2, line + 2 + size))
    at = line + 2 + size + 2
  }
}
