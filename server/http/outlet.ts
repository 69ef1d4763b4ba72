// An answer that goes on for as long as something happens: how it begins, how its pieces are written, when its reader has
// room for more, and how it ends. What is written is shared with others and never kept for one reader: who has no room
// is not written to.

import type { FastifyReply } from 'fastify'
import type { ServerResponse } from 'node:http'
import { cutShort, writePiece } from './piece.ts'

export class Outlet {
  readonly #reply: FastifyReply
  readonly #res: ServerResponse
  readonly #left = new AbortController()
  #room: PromiseWithResolvers<void> | undefined

  /** Sends the head at once, with what the gate has put into it. */
  constructor(reply: FastifyReply, contentType: string) {
    this.#reply = reply.hijack()
    this.#res = reply.raw
    const fixed = { 'content-type': contentType, 'cache-control': 'no-store', 'x-accel-buffering': 'no' }
    this.#res.writeHead(200, { ...(reply.getHeaders() as Record<string, string>), ...fixed })
    this.#res.flushHeaders()
    const free = () => {
      this.#room?.resolve()
      this.#room = undefined
    }
    this.#res.on('drain', free).once('close', () => {
      this.#left.abort()
      free()
    })
    // Who leaves in the middle of a write is noticed by the close.
    this.#res.on('error', () => undefined)
  }

  /** Aborts when the reader has left or was cut. */
  get signal(): AbortSignal {
    return this.#left.signal
  }

  /** The reader has not taken yet what it got. */
  get full(): boolean {
    return this.#room !== undefined
  }

  write(pieces: readonly Buffer[]): void {
    for (const piece of pieces) {
      if (this.#res.destroyed || writePiece(this.#res, piece)) continue
      this.#room ??= Promise.withResolvers()
    }
  }

  /** Resolves when the reader has room, or has left. */
  async room(): Promise<void> {
    await this.#room?.promise
  }

  /** The whole was told. */
  end(): void {
    this.#res.end()
  }

  /** Nobody shall take this for the whole. */
  cut(): void {
    if (this.full) this.#res.destroy()
    else cutShort(this.#reply.request.raw, this.#res)
  }
}
