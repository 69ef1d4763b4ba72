// So many streams at once, each read to its end: how long every chunk was under way, and whether it came as the target
// had sent it, one chunk of HTTP with one whole line in it.

import { connect } from 'node:net'

export interface StreamsInput {
  port: number
  request: string
  streams: number
  /** How many chunks each must have. */
  chunks: number
}

export interface Streamed {
  /** Milliseconds from the target's write to the arrival here, of every chunk of every stream. */
  delays: Float64Array
  /** Chunks of HTTP that held more or less than one line, and lines lost or out of order. */
  disturbed: number
  /** Reads from the sockets. Fewer than chunks only says that this process was late. */
  reads: number
}

const patience_ms = 30_000

export async function streams({ port, request, streams, chunks }: StreamsInput): Promise<Streamed> {
  const all = await Promise.all(Array.from({ length: streams }, () => one(port, request, chunks)))
  return {
    delays: Float64Array.from(all.flatMap(({ delays }) => delays)),
    disturbed: all.reduce((sum, { disturbed }) => sum + disturbed, 0),
    reads: all.reduce((sum, { reads }) => sum + reads, 0),
  }
}

function one(
  port: number,
  request: string,
  chunks: number,
): Promise<{ delays: number[]; disturbed: number; reads: number }> {
  return new Promise((resolve, reject) => {
    const delays: number[] = []
    let disturbed = 0
    let reads = 0
    let text = ''
    let inBody = false
    let now = 0
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.write(request)
    const fail = (error: Error) => (socket.destroy(), reject(error))
    socket.setTimeout(patience_ms, () => fail(new Error('a stream went silent')))
    socket.on('error', fail).on('end', () => fail(new Error('a stream was cut')))
    /** What one chunk of HTTP holds: exactly one line, and the next one. */
    const lines = (payload: string) => {
      const whole = payload.split('\n')
      if (whole.length !== 2 || whole[1] !== '') disturbed++
      for (const line of whole) {
        const [, n, sent] = /"n":(\d+),"sent":([\d.]+),/.exec(line) ?? []
        if (n === undefined) continue
        if (Number(n) !== delays.length) disturbed++
        delays.push(now - Number(sent))
      }
    }
    socket.on('data', (bytes: Buffer) => {
      now = Number(process.hrtime.bigint()) / 1e6
      text += bytes.toString('latin1')
      if (!inBody) {
        const end = text.indexOf('\r\n\r\n')
        if (end < 0) return
        if (!/^HTTP\/1\.1 200 [^]*\r\ntransfer-encoding: chunked/i.test(text.slice(0, end + 2)))
          return fail(new Error(`not a stream: ${text.slice(0, end)}`))
        inBody = true
        text = text.slice(end + 4)
      }
      if (text !== '') reads++
      for (;;) {
        const sizeEnd = text.indexOf('\r\n')
        if (sizeEnd < 0) return
        const size = Number.parseInt(text.slice(0, sizeEnd), 16)
        const end = sizeEnd + 2 + size + 2
        if (text.length < end) return
        if (size === 0) {
          socket.removeAllListeners('end').destroy()
          return resolve({ delays, disturbed: disturbed + Math.abs(chunks - delays.length), reads })
        }
        lines(text.slice(sizeEnd + 2, end - 2))
        text = text.slice(end)
      }
    })
  })
}
