// Bodies of own routes while they arrive, over REST and tRPC: all together have a bound. That each goes on arriving is
// data-rate.ts.

import type { FastifyRequest } from 'fastify'
import type { Readable } from 'node:stream'
import { ForemanError } from '../job/error.ts'
import { miscoded } from './arrival.ts'
import { Upload } from './body.ts'
import { Memory, noRoom } from './memory.ts'

export interface ReceivingOptions {
  /** Most bytes of one body. */
  bodyMax: number
}

/** Bodies of the largest size that may be held at a time. */
const bodiesAtOnce = 4

export class Receiving {
  readonly bodyMax: number
  readonly #memory: Memory

  constructor({ bodyMax }: ReceivingOptions) {
    this.bodyMax = bodyMax
    this.#memory = new Memory(bodiesAtOnce * bodyMax)
  }

  /** The share of one request, to be released when that is answered, or its bytes are stored. */
  share(): Share {
    return new Share(this.#memory)
  }

  /**
   * Reads the body of a request, if it has one. Throws `too_large` for what says it is longer than `limit`, `invalid_request`
   * (501) for one that is packed for the way.
   */
  async read<T>(
    { raw, headers, body }: Pick<FastifyRequest, 'raw' | 'headers' | 'body'>,
    limit: number,
    read: (stream: Readable) => Promise<T>,
  ): Promise<T | undefined> {
    // A POST without a body and without a content type is a complete request (cancel, pause).
    if (!body) return undefined
    const unread = miscoded(headers)
    if (unread) throw unread
    if (Number(headers['content-length'] ?? 0) > limit)
      throw new ForemanError('too_large', `the body is limited to ${limit} bytes`)
    const upload = new Upload(raw)
    // A whole request closes as well, while the end of it may still wait to be read.
    raw.once('close', () => {
      if (!raw.complete) upload.destroy(new Error('the caller left'))
    })
    return await read(upload)
  }
}

/** The bytes of one request, counted among those of all while they are held. */
export class Share {
  readonly #memory: Memory
  #bytes = 0
  #released = false

  constructor(memory: Memory) {
    this.#memory = memory
  }

  readonly take = (bytes: number): void => {
    if (this.#released || !this.#memory.take(bytes)) throw noRoom()
    this.#bytes += bytes
  }

  release(): void {
    this.#memory.give(this.#bytes)
    this.#bytes = 0
    this.#released = true
  }
}

/** Whoever left in the middle of a body is owed no answer, and it is nobody's fault. */
export function hasLeft({ raw }: FastifyRequest): boolean {
  return raw.destroyed && !raw.complete
}
