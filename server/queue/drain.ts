// How fast jobs leave the queue while others wait, as a decayed mean of the time between two ends; callers of a full
// queue are told when it is likely to have room for them.

import type { Clock } from '../clock.ts'

/** Weight of the newest interval. */
const newest = 0.2
/** A place is taken to need so long while nothing has ended yet. */
const unknown_ms = 60_000
/** The bounds of what is told, in seconds. */
const shortest_s = 1
const longest_s = 3600

export class Drain {
  #clock: Clock
  #last: number | undefined
  #mean_ms: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A job has ended; so many wait now. With none, the time to the next end says nothing of how fast they go. */
  ended(waiting: number): void {
    const now = this.#clock.now()
    if (this.#last !== undefined) {
      const interval = now - this.#last
      this.#mean_ms = this.#mean_ms === undefined ? interval : this.#mean_ms + newest * (interval - this.#mean_ms)
    }
    this.#last = waiting > 0 ? now : undefined
  }

  /** Seconds until so many places are likely to be free. Grows while nothing ends: the target may be away. */
  retryAfter_s(places: number): number {
    const since = this.#last === undefined ? 0 : this.#clock.now() - this.#last
    const seconds = Math.ceil((Math.max(this.#mean_ms ?? unknown_ms, since) * places) / 1000)
    return Math.min(Math.max(seconds, shortest_s), longest_s)
  }
}
