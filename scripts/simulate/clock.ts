// A clock that jumps from one timer to the next: a simulated day takes as long as what happens in it.
import type { Clock } from '../../server/clock.ts'

interface Timer {
  time: number
  order: number
  fn: (() => void) | undefined
}

export class JumpingClock implements Clock {
  #now = 0
  #order = 0
  /** A heap: the earliest timer first, those of one moment in the order in which they were set. */
  readonly #timers: Timer[] = []

  now(): number {
    return this.#now
  }

  wall(): number {
    return this.#now
  }

  at(time: number, fn: () => void): () => void {
    const timer: Timer = { time: Math.max(time, this.#now), order: this.#order++, fn }
    this.#timers.push(timer)
    this.#rise(this.#timers.length - 1)
    return () => {
      timer.fn = undefined
    }
  }

  /** Lets everything happen, until nothing is left or so many timers have rung. False: they had to be stopped. */
  run(most = 5_000_000): boolean {
    for (let rung = 0; this.#timers.length > 0;) {
      const { time, fn } = this.#take()
      if (!fn) continue
      if (++rung > most) return false
      this.#now = time
      fn()
    }
    return true
  }

  #take(): Timer {
    const first = this.#timers[0]!
    const last = this.#timers.pop()!
    if (this.#timers.length > 0) {
      this.#timers[0] = last
      this.#sink(0)
    }
    return first
  }

  #before(a: number, b: number): boolean {
    const [one, other] = [this.#timers[a]!, this.#timers[b]!]
    return one.time < other.time || (one.time === other.time && one.order < other.order)
  }

  #swap(a: number, b: number): void {
    const timer = this.#timers[a]!
    this.#timers[a] = this.#timers[b]!
    this.#timers[b] = timer
  }

  #rise(at: number): void {
    for (let i = at; i > 0;) {
      const parent = (i - 1) >> 1
      if (!this.#before(i, parent)) return
      this.#swap(i, parent)
      i = parent
    }
  }

  #sink(at: number): void {
    for (let i = at; ;) {
      let least = i
      for (const child of [2 * i + 1, 2 * i + 2])
        if (child < this.#timers.length && this.#before(child, least)) least = child
      if (least === i) return
      this.#swap(i, least)
      i = least
    }
  }
}
