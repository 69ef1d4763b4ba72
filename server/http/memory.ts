// The room that bodies share while they are read: how much of it is taken, and who gives up its part when another needs it.
// What a body is made of is body.ts; how slowly one may come, data-rate.ts.

import { ForemanError } from '../job/error.ts'

/** Bytes of bodies read whole and not yet sent on: most of all together. */
const largestInAll = 256 * 1024 * 1024
const retryAfterS = 5

/** Whoever has a part of the room, in bytes. */
export interface Holder {
  readonly held: number
}

/** Counts the bytes held by all bodies that are being read. */
export class Memory {
  readonly #limit: number
  #held = 0
  /** Who comes too slowly for what it holds, and how it is ended. */
  readonly #slow = new Map<Holder, () => void>()

  constructor(limit = largestInAll) {
    this.#limit = limit
  }

  get held(): number {
    return this.#held
  }

  /** Takes room for `bytes` if there is any left, or enough with those who are slow. None is taken from `holder` itself. */
  take(bytes: number, holder?: Holder): boolean {
    const missing = this.#held + bytes - this.#limit
    if (missing > 0 && !this.#free(missing, holder)) return false
    this.#held += bytes
    return true
  }

  /** Ends those who have come too slowly for longest until they have given that much back; none if it would not be enough. */
  #free(bytes: number, holder: Holder | undefined): boolean {
    const ends: (() => void)[] = []
    let freed = 0
    for (const [one, end] of this.#slow) {
      if (freed >= bytes) break
      if (one === holder || one.held === 0) continue
      freed += one.held
      ends.push(end)
    }
    if (freed < bytes) return false
    for (const end of ends) end()
    return true
  }

  give(bytes: number): void {
    this.#held -= bytes
  }

  /** This one comes too slowly: it keeps its part until another needs it. `end` has it give that back. */
  slow(holder: Holder, end: () => void): void {
    this.#slow.set(holder, end)
  }

  /** This one is there, or comes no more. */
  settled(holder: Holder): void {
    this.#slow.delete(holder)
  }
}

/** Why a body is not read that foreman would have to hold. */
export function noRoom(): ForemanError {
  return new ForemanError('queue_full', 'too many requests are being received', { retryAfterS })
}
