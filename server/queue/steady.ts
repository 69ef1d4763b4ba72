// Steady time: milliseconds that look like the wall clock at start but follow the monotonic one, and never begin
// before what an earlier process wrote. Ages and due times are kept in it, so that no change of the wall clock, before
// a restart or during a run, makes a job younger than it is or a retry later than its schedule.

import type { Clock } from '../clock.ts'

export class Steady {
  #clock: Clock
  #offset: number

  /** `last` is the newest steady time on record. */
  constructor(clock: Clock, last: number) {
    this.#clock = clock
    this.#offset = Math.max(clock.wall(), last) - clock.now()
  }

  now(): number {
    return this.of(this.#clock.now())
  }

  /** The steady time of a monotonic one. */
  of(monotonic: number): number {
    return Math.floor(monotonic + this.#offset)
  }

  /** The monotonic time of a steady one, which decisions are made in. */
  monotonic(time: number): number {
    return time - this.#offset
  }

  /** Calls `fn` once steady time has reached `time`; returns the cancel. */
  at(time: number, fn: () => void): () => void {
    return this.#clock.at(time - this.#offset, fn)
  }
}
