// One HTTP/1.1 connection of the load generator, over node:net: sends a request, reads its answer by Content-Length,
// and says when it is whole. It knows as much of HTTP as that needs and no more, to leave the processor to the servers.

import { connect, type Socket } from 'node:net'

export class Exchange {
  readonly #socket: Socket
  readonly #onAnswer: (status: number) => void
  readonly #onError: (error: Error) => void
  #held: Buffer = empty
  #left = 0
  #status = 0

  /** `onAnswer` is called for each whole answer, `onError` once if the connection fails or says what can't be read. */
  constructor(port: number, onAnswer: (status: number) => void, onError: (error: Error) => void) {
    this.#onAnswer = onAnswer
    this.#onError = onError
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket
      .on('data', (chunk: Buffer) => this.#read(chunk))
      .on('error', onError)
      .on('end', () => onError(new Error('the server closed the connection')))
  }

  send(request: Buffer): void {
    this.#socket.write(request)
  }

  close(): void {
    this.#socket.removeAllListeners('end').destroy()
  }

  #read(chunk: Buffer): void {
    if (this.#left === 0) {
      const bytes = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk
      const end = bytes.indexOf('\r\n\r\n')
      if (end < 0) {
        this.#held = bytes
        return
      }
      this.#held = empty
      const head = bytes.toString('latin1', 0, end)
      this.#status = Number(head.slice(9, 12))
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
      if (length === undefined) return this.#onError(new Error(`an answer without a length: ${head}`))
      this.#left = Number(length) - (bytes.length - end - 4)
    } else this.#left -= chunk.length
    if (this.#left < 0) this.#onError(new Error('more came than one answer'))
    else if (this.#left === 0) this.#onAnswer(this.#status)
  }
}

const empty = Buffer.alloc(0)
