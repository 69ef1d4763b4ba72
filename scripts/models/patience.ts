// Asking again until it works: after a pause that doubles, and no longer than one is willing to wait without anything
// getting on. Whoever comes when that is over is tried once.

import { Away } from './foreman.ts'

/** Monotonic milliseconds, and waiting for some. */
export interface Time {
  now(): number
  pause(ms: number): Promise<void>
}

const first_ms = 1_000
const longest_ms = 30_000

export class Patience {
  readonly #time: Time
  readonly #limit_ms: number
  readonly #tell: (line: string) => void
  #since: number
  /** When the present try began. */
  #tried: number
  #pause = first_ms

  constructor(time: Time, limit_ms: number, tell: (line: string) => void) {
    this.#time = time
    this.#limit_ms = limit_ms
    this.#tell = tell
    this.#since = time.now()
    this.#tried = this.#since
  }

  /** Whether nothing has come for as long as one is willing to wait; whoever tries has half a minute for it at least. */
  get over(): boolean {
    const now = this.#time.now()
    return now - this.#since > this.#limit_ms && now - this.#tried > longest_ms
  }

  /** Something has come: waiting begins anew. */
  renew(): void {
    this.#since = this.#time.now()
    this.#pause = first_ms
  }

  /** What `work` resolves to, tried again each time that it throws Away; that error when patience is at its end. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      this.#tried = this.#time.now()
      try {
        const done = await work()
        this.renew()
        return done
      } catch (error) {
        if (!(error instanceof Away)) throw error
        const pause = Math.min(error.after_ms ?? this.#pause, longest_ms)
        if (this.#time.now() + pause - this.#since > this.#limit_ms) throw error
        this.#tell(`${error.message}; again in ${Math.ceil(pause / 1000)} s`)
        this.#pause = Math.min(2 * this.#pause, longest_ms)
        await this.#time.pause(pause)
      }
    }
  }
}
