// How fast jobs leave the queue, as a decayed mean of the time between two ends; callers of a full queue are told it.

import type { Clock } from '../clock.ts'

/** Weight of the newest interval. */
const newest = 0.2
/** Told while nothing has ended yet, and the bounds of what is told, in seconds. */
const unknown_s = 60
const shortest_s = 1
const longest_s = 3600

export class Drain {
  #clock: Clock
  #last: number | undefined
  #mean_ms: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A job has ended. */
  ended(): void {
    const now = this.#clock.now()
    if (this.#last !== undefined) {
      const interval = now - this.#last
      this.#mean_ms = this.#mean_ms === undefined ? interval : this.#mean_ms + newest * (interval - this.#mean_ms)
    }
    this.#last = now
  }

  /** Seconds until a place is likely to be free. */
  get retryAfter_s(): number {
    const seconds = this.#mean_ms === undefined ? unknown_s : Math.ceil(this.#mean_ms / 1000)
    return Math.min(Math.max(seconds, shortest_s), longest_s)
  }
}
