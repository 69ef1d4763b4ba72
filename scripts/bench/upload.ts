// One request with a very large body, sent as fast as it is taken.

import { connect } from 'node:net'

export interface UploadInput {
  port: number
  /** The head up to Content-Length and the empty line, which are added. */
  head: string
  bytes: number
  status: number
}

const piece = Buffer.alloc(256 * 1024)
const patience_ms = 30_000

/** Resolves with the milliseconds until it was answered. */
export function upload({ port, head, bytes, status }: UploadInput): Promise<number> {
  return new Promise((resolve, reject) => {
    const started = performance.now()
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const end = (error: Error | undefined) => {
      socket.destroy()
      if (error) reject(error)
      else resolve(performance.now() - started)
    }
    socket.setTimeout(patience_ms, () => end(new Error('an upload stood still')))
    socket.on('error', end)
    socket.once('data', (answer: Buffer) => {
      const got = answer.toString('latin1', 9, 12)
      end(got === String(status) && left === 0 ? undefined : new Error(`answered ${got} with ${left} bytes to come`))
    })
    let left = bytes
    const send = () => {
      while (left > 0) {
        const part = left >= piece.length ? piece : piece.subarray(0, left)
        left -= part.length
        if (!socket.write(part)) return
      }
    }
    socket.on('drain', send)
    socket.write(`${head}Content-Length: ${bytes}\r\n\r\n`)
    send()
  })
}
