// How much fits into the target's memory, learnt from every load that can be seen: what was listed since a runner was asked
// for, and what is still listed once it is there. The sets themselves are job/room.ts; this watches for them.

import type { Clock } from '../clock.ts'
import { sawEvict, sawTogether, unknownRoom, weightsIn, type Room } from '../job/room.ts'
import { tooOldMs } from './residents.ts'

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

/** A runner that was asked for and isn't there yet. */
interface Awaited {
  /** What was listed at any time since, by weights; what went by itself, or for another that came, is taken out. */
  before: Map<string, Listed>
  /** Nobody waits for it any more since then: the next look is the last one at it. */
  until?: number
}

export class Capacity {
  readonly #parts: CapacityParts
  #room: Room = unknownRoom
  /** What was there when last looked, by weights: a runner that is loaded anew or spelled anew is the same one. */
  #listed = new Map<string, Listed>()
  #lookedAt = Number.NEGATIVE_INFINITY
  readonly #awaited = new Map<string, Awaited>()
  /** Weights of runners that foreman told to go. */
  readonly #dismissed = new Set<string>()

  constructor(parts: CapacityParts) {
    this.#parts = parts
  }

  get room(): Room {
    return this.#room
  }

  /** A request for this runner goes to the target. */
  forwarded(key: string): void {
    const known = this.#awaited.get(key)
    // What was listed longer ago may have gone since for any reason.
    const recent = this.#parts.clock.now() - this.#lookedAt <= tooOldMs
    const listed = recent ? this.#listed : new Map<string, Listed>()
    if ((known && known.until === undefined) || listed.get(weightsIn(key))?.serves.includes(key)) return
    this.#awaited.set(key, { before: new Map(listed) })
  }

  /** foreman unloads this runner: that it goes says nothing of the room. */
  dismissed(key: string): void {
    this.#dismissed.add(weightsIn(key))
  }

  /** Nobody waits for this runner any more: it is there already, or won't be. */
  withdrawn(key: string): void {
    const awaited = this.#awaited.get(key)
    if (awaited) awaited.until = this.#parts.clock.now()
  }

  /** What is in memory; `at`, monotonic milliseconds, is when that was asked for, and `wall` what the target's clock said. */
  looked(listed: readonly Listed[], at = this.#parts.clock.now(), wall = this.#parts.clock.wall()): void {
    const { clock } = this.#parts
    const now = clock.now()
    const there = new Map(listed.map((one) => [weightsIn(one.key), one]))
    const left = [...this.#listed].filter(([weights]) => !there.has(weights))
    const byThemselves = left.filter(([weights, one]) => this.#dismissed.has(weights) || expired(one, wall))
    const came = [...there.keys()].filter((weights) => !this.#listed.has(weights))
    for (const [key, awaited] of this.#awaited) {
      const { before, until } = awaited
      for (const [weights] of byThemselves) before.delete(weights)
      for (const [weights, one] of there) before.set(weights, one)
      const arrived = there.get(weightsIn(key))?.serves.includes(key) ?? false
      if (arrived || (until !== undefined && at >= until)) this.#awaited.delete(key)
      if (arrived) this.#arrived(key, before, there)
      else if (came.length > 0) awaited.before = new Map(there)
    }
    this.#room = sawTogether(this.#room, new Set(listed.flatMap(({ serves }) => serves)), now)
    for (const weights of this.#dismissed) if (!there.has(weights)) this.#dismissed.delete(weights)
    this.#listed = there
    this.#lookedAt = at
  }

  /** The target was away: it may have been restarted with other settings. */
  forget(): void {
    this.#room = unknownRoom
    this.renamed()
  }

  /** Keys mean other runners than before: what is under way can't be told by them any more. */
  renamed(): void {
    this.#listed = new Map()
    this.#lookedAt = Number.NEGATIVE_INFINITY
    this.#awaited.clear()
    this.#dismissed.clear()
  }

  /** A runner is there. Whatever had to go in the meantime doesn't fit beside it and all that was there too. */
  #arrived(key: string, before: Map<string, Listed>, there: Map<string, Listed>): void {
    const others = new Map(before)
    others.delete(weightsIn(key))
    const evicted = [...others.keys()].filter((weights) => !there.has(weights))
    if (evicted.length === 0) return
    const keys = new Set([key, ...[...others.values()].map((one) => one.key)])
    // Who was there until now may have had to go for the next one, whose load has begun since.
    if (evicted.some((weights) => this.#listed.has(weights))) for (const [next] of this.#awaited) keys.add(next)
    this.#room = sawEvict(this.#room, keys, this.#parts.clock.now())
  }
}

function expired({ expiresAt }: Listed, wall: number): boolean {
  return expiresAt !== undefined && expiresAt <= wall
}
