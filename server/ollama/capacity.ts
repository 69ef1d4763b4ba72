// How much fits into the target's memory, learnt from every load that can be seen: what was listed since a runner was asked
// for, and what is still listed once it is there. The sets themselves are job/room.ts; this watches for them.

import type { Clock } from '../clock.ts'
import { sawEvict, sawTogether, unknownRoom, type Room } from '../job/room.ts'

export interface CapacityParts {
  clock: Clock
}

/** What is listed: each runner by its key, with every key it serves, and when it would go by itself. */
export interface Listed {
  key: string
  serves: readonly string[]
  /** Epoch milliseconds. */
  expiresAt: number | undefined
}

export class Capacity {
  readonly #parts: CapacityParts
  #room: Room = unknownRoom
  #listed: readonly Listed[] = []
  /** For each runner that was asked for and isn't there yet: what was last listed together, the asking included. */
  readonly #before = new Map<string, readonly Listed[]>()
  /** Runners that foreman told to go and that are still listed. */
  readonly #dismissed = new Set<string>()

  constructor(parts: CapacityParts) {
    this.#parts = parts
  }

  get room(): Room {
    return this.#room
  }

  /** A request for this runner goes to the target. */
  forwarded(key: string): void {
    if (this.#listed.some(({ serves }) => serves.includes(key)) || this.#before.has(key)) return
    this.#before.set(key, this.#listed)
  }

  /** foreman unloads this runner: that it goes says nothing of the room. */
  dismissed(key: string): void {
    this.#dismissed.add(key)
  }

  /** Nobody waits for this runner any more. */
  withdrawn(key: string): void {
    this.#before.delete(key)
  }

  /** What is in memory now. */
  looked(listed: readonly Listed[]): void {
    const { clock } = this.#parts
    const now = clock.now()
    const there = new Set(listed.flatMap(({ serves }) => serves))
    for (const [key, before] of this.#before) {
      if (!there.has(key)) {
        // Between two runners there may be none. What was there longer ago says nothing of this one: another may have
        // come in between, and it is that one which did not fit.
        if (listed.length > 0) this.#before.set(key, listed)
        continue
      }
      this.#before.delete(key)
      // Of those it serves under other spellings none is another runner.
      const others = before.filter(({ serves }) => !serves.includes(key))
      if (others.some((one) => !there.has(one.key) && !this.#wentByItself(one)))
        this.#room = sawEvict(this.#room, new Set([key, ...others.map((one) => one.key)]), now)
    }
    this.#room = sawTogether(this.#room, there, now)
    for (const key of this.#dismissed) if (!there.has(key)) this.#dismissed.delete(key)
    this.#listed = listed
  }

  /** The target was away: it may have been restarted with other settings. */
  forget(): void {
    this.#room = unknownRoom
    this.#listed = []
    this.#before.clear()
    this.#dismissed.clear()
  }

  #wentByItself({ key, expiresAt }: Listed): boolean {
    return this.#dismissed.has(key) || (expiresAt !== undefined && expiresAt <= this.#parts.clock.wall())
  }
}
