// A request's body on its way to the target. Short ones of inference requests are read whole and looked at; all others
// are streamed with back-pressure. Whatever becomes of the answer, the client can go on sending: what nobody wants any
// more is read and dropped, so that an early answer reaches a client that sends first and reads later. While an upload
// waits for the target its connection is not read, and Node does not hear then that the client has left.
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { halt, proceed } from './halt.ts'
import type { Holder, Memory } from './memory.ts'
import { Pieces } from './pieces.ts'

/** Bytes that may have come and not yet been asked for. */
const mostWaiting = 256 * 1024

/**
 * Streams a request's body, after what was already read of it. Destroying it leaves the request's connection alone. What
 * comes unasked is put together here and not in queues of Node's, where a byte that came alone costs hundreds. `along` is
 * shown each piece first, and may destroy it.
 */
export class Upload extends Readable {
  readonly #req: IncomingMessage
  readonly #first: Body | undefined
  readonly #along: ((chunk: Buffer) => void) | undefined
  readonly #waiting = new Pieces()
  #bytes = 0
  #asked = false
  #ended = false
  #halted = false

  constructor(req: IncomingMessage, first?: Body, along?: (chunk: Buffer) => void) {
    super({ highWaterMark: 1 })
    this.#req = req
    this.#first = first
    this.#along = along
    // undici destroys it with a reason when the request fails; the passage hears of that from undici itself.
    this.on('error', () => {})
    req.on('data', this.#data)
    req.on('end', this.#end)
    req.pause()
  }

  readonly #data = (chunk: Buffer) => {
    this.#along?.(chunk)
    if (this.destroyed) return
    if (this.#asked) {
      this.#asked = false
      this.push(chunk)
      return
    }
    this.#waiting.add(chunk)
    this.#bytes += chunk.length
    if (!this.#halted && this.#bytes > mostWaiting) {
      this.#halted = true
      halt(this.#req.socket)
    }
  }

  readonly #end = () => {
    this.#ended = true
    if (this.#asked) this.push(null)
  }

  override _read(): void {
    let chunk = this.#first?.shift()
    if (!chunk) {
      chunk = this.#waiting.shift()
      this.#bytes -= chunk?.length ?? 0
    }
    if (this.#bytes <= mostWaiting) this.#proceed()
    if (chunk) this.push(chunk)
    else if (this.#ended) this.push(null)
    else {
      this.#asked = true
      this.#req.resume()
    }
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#first?.drop()
    this.#req.off('data', this.#data)
    this.#req.off('end', this.#end)
    this.#req.resume()
    this.#proceed()
    done(error)
  }

  #proceed(): void {
    if (this.#halted) proceed(this.#req.socket)
    this.#halted = false
  }
}

/** Most bytes of one body that is read whole. */
export const largestBody = 64 * 1024 * 1024

/** One body as far as it was read. */
export class Body implements Holder {
  readonly #memory: Memory
  #pieces = new Pieces()
  #held = 0

  constructor(memory: Memory) {
    this.#memory = memory
  }

  get chunks(): readonly Buffer[] {
    return this.#pieces.all
  }

  /** Bytes that came. */
  get size(): number {
    return this.#pieces.size
  }

  /** Those of them that count. */
  get held(): number {
    return this.#held
  }

  /** Keeps a piece. False when there is no room for more after it. */
  add(chunk: Buffer): boolean {
    this.#pieces.add(chunk)
    const room = this.#held + chunk.length <= largestBody && this.#memory.take(chunk.length, this)
    if (room) this.#held += chunk.length
    return room
  }

  /** What has come of it comes too slowly: it is ended when its room is needed. */
  slow(end: () => void): void {
    this.#memory.slow(this, end)
  }

  /** It comes no more, or not here. */
  settled(): void {
    this.#memory.settled(this)
  }

  /** The pieces in a form undici sends. Nothing is handed over before `sent`, so it may be asked for again. */
  send(): Buffer | Iterable<Buffer> | null {
    return this.chunks.length > 1 ? this.#draining() : (this.chunks[0] ?? null)
  }

  /** There is a connection to send it on: several pieces are let go as each is sent, one is undici's from here. */
  sent(): void {
    if (this.chunks.length <= 1) this.drop()
  }

  /** The next piece, for a stream that starts with them. It counts no longer. */
  shift(): Buffer | undefined {
    const chunk = this.#pieces.shift()
    // The last one may have found no room.
    const counted = Math.min(chunk?.length ?? 0, this.#held)
    this.#held -= counted
    this.#memory.give(counted)
    return chunk
  }

  /** Nobody wants it any more. */
  drop(): void {
    this.settled()
    this.#pieces = new Pieces()
    this.#memory.give(this.#held)
    this.#held = 0
  }

  *#draining(): Generator<Buffer> {
    try {
      for (let chunk = this.#pieces.shift(); chunk; chunk = this.#pieces.shift()) yield chunk
    } finally {
      this.drop()
    }
  }
}
