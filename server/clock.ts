// Time, as every part of foreman receives it: a monotonic clock for decisions and a wall clock for records.
// The real one wraps Node's; the virtual one moves only when told, so tests and the simulator never sleep.

/** Both clocks and one timer. `now` never goes back; `wall` is what people read and may be set at any time. */
export interface Clock {
  /** Monotonic milliseconds; only differences mean anything. */
  now(): number
  /** Milliseconds since the epoch. */
  wall(): number
  /** Calls `fn` once, when `now()` has reached `time`. Returns the cancel. A waiting timer keeps no process alive. */
  at(time: number, fn: () => void): () => void
}

/** Resolves when `now()` has reached `time`. Throws the signal's reason as soon as that aborts. */
export async function until(clock: Clock, time: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const abort = () => reject(signal.reason)
  const cancel = clock.at(time, resolve)
  signal.addEventListener('abort', abort, { once: true })
  try {
    await promise
  } finally {
    signal.removeEventListener('abort', abort)
    cancel()
  }
}

/** The longest delay setTimeout honours; a later moment is approached in steps. */
const longestDelay = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  at(time, fn) {
    let timer: NodeJS.Timeout
    // Node's timers go by whole milliseconds of their own and may come up to one too early.
    const ring = () => (performance.now() < time ? arm() : fn())
    const arm = () => {
      const delay = Math.ceil(time - performance.now())
      timer = setTimeout(ring, Math.min(Math.max(0, delay), longestDelay))
      timer.unref()
    }
    arm()
    return () => clearTimeout(timer)
  },
}

/** A clock that stands still until `advance`; timers fire in order of their time, at their time. */
export class VirtualClock implements Clock {
  #now = 0
  #offset: number
  #timers: { time: number; order: number; fn: () => void }[] = []
  #order = 0

  constructor(wall = Date.UTC(2026, 10, 22)) {
    this.#offset = wall
  }

  now(): number {
    return this.#now
  }

  /** Whole milliseconds, as those of a real one. */
  wall(): number {
    return Math.floor(this.#offset + this.#now)
  }

  /** When the first of the timers is due; Infinity without one. */
  get due(): number {
    return this.#timers.reduce((first, { time }) => Math.min(first, time), Infinity)
  }

  /** Sets the wall clock by `ms` (negative: back) without touching the monotonic one. */
  shiftWall(ms: number): void {
    this.#offset += ms
  }

  at(time: number, fn: () => void): () => void {
    const timer = { time, order: this.#order++, fn }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((t) => t !== timer)
    }
  }

  /** Moves time forward by `ms`, firing what falls due on the way. */
  advance(ms: number): void {
    const end = this.#now + ms
    while (this.due <= end) {
      const due = this.#timers.toSorted((a, b) => a.time - b.time || a.order - b.order)[0]!
      this.#timers = this.#timers.filter((t) => t !== due)
      this.#now = Math.max(this.#now, due.time)
      due.fn()
    }
    this.#now = end
  }
}
