// For tests: one end of a TCP connection, spoken by hand, so that a test sees and says every byte of an exchange. No
// part of the running foreman.
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net'

/** One end of a connection. Everything that arrives is kept. */
export class Line {
  readonly socket: Socket
  #pieces: Buffer[] = []
  #ended = false
  #waiting: (() => void)[] = []
  /** When the connection was over, on the monotonic clock. */
  closedAt: number | undefined
  /** Why it was over, if for a reason. */
  error: NodeJS.ErrnoException | undefined

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.#pieces.push(chunk)
      this.#wake()
    })
    socket.on('end', () => {
      this.#ended = true
      this.#wake()
    })
    socket.on('error', (error) => {
      this.error = error
    })
    socket.on('close', () => {
      this.closedAt = performance.now()
      this.#wake()
    })
  }

  static async to(url: string, options: { allowHalfOpen?: boolean } = {}): Promise<Line> {
    const { hostname, port } = new URL(url)
    const socket = connect({ host: hostname, port: Number(port), ...options })
    const line = new Line(socket)
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return line
  }

  /** All that has arrived, one character a byte. */
  get text(): string {
    return this.bytes.toString('latin1')
  }

  get bytes(): Buffer {
    if (this.#pieces.length !== 1) this.#pieces = [Buffer.concat(this.#pieces)]
    return this.#pieces[0]!
  }

  /** The other end has said that it is done, or all is over. */
  get ended(): boolean {
    return this.#ended || this.closedAt !== undefined
  }

  send(data: string | Buffer): void {
    this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data)
  }

  /** Forgets what has arrived. */
  clear(): void {
    this.#pieces = []
  }

  /** Waits until what has arrived ends with or matches it. Fails if the connection is over before. */
  async until(wanted: string | RegExp | ((text: string) => boolean)): Promise<string> {
    const met = () => {
      if (typeof wanted === 'string') return this.text.includes(wanted)
      return typeof wanted === 'function' ? wanted(this.text) : wanted.test(this.text)
    }
    while (!met()) {
      if (this.ended) throw new Error(`the connection ended before ${String(wanted)}: ${JSON.stringify(this.text)}`)
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    return this.text
  }

  /** Waits until the connection is over. */
  async closed(): Promise<void> {
    while (this.closedAt === undefined) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

/** A server whose connections are played by the test. */
export class Exchange {
  readonly #server: Server
  readonly #lines: Line[] = []
  #taken = 0
  #waiting: (() => void)[] = []

  constructor(options: { allowHalfOpen?: boolean } = {}) {
    this.#server = createServer(options, (socket) => {
      this.#lines.push(new Line(socket))
      for (const resolve of this.#waiting.splice(0)) resolve()
    })
  }

  async open(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Connections there have been. */
  get count(): number {
    return this.#lines.length
  }

  /** The next connection, when it is there. */
  async next(): Promise<Line> {
    while (this.#lines.length <= this.#taken) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    return this.#lines[this.#taken++]!
  }

  async close(): Promise<void> {
    for (const line of this.#lines) line.socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** A raw HTTP message taken apart: start line, header lines as written, body bytes as sent. */
export function taken(bytes: Buffer): { start: string; lines: [string, string][]; body: Buffer } {
  const end = bytes.indexOf('\r\n\r\n')
  const [start = '', ...rest] = bytes.toString('latin1', 0, end < 0 ? undefined : end).split('\r\n')
  const lines = rest.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  return { start, lines, body: end < 0 ? Buffer.alloc(0) : bytes.subarray(end + 4) }
}

/** The chunks of a chunked body as far as it has come, and whether its end is there. */
export function chunksOf(body: Buffer): { chunks: Buffer[]; ended: boolean } {
  const chunks: Buffer[] = []
  let at = 0
  for (;;) {
    const lineEnd = body.indexOf('\r\n', at)
    if (lineEnd < 0) return { chunks, ended: false }
    const size = parseInt(body.toString('latin1', at, lineEnd), 16)
    const start = lineEnd + 2
    if (size === 0) return { chunks, ended: body.length >= start + 2 }
    if (body.length < start + size + 2) return { chunks, ended: false }
    chunks.push(body.subarray(start, start + size))
    at = start + size + 2
  }
}
