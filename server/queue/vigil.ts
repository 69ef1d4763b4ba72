// Callers who wait for a job to end. They cost a map entry, no timer of their own kind and no look at the database
// until something happened.

import type { Clock } from '../clock.ts'

/** Callers who are answered in one turn of the event loop. */
const atOnce = 32

export class Vigil {
  #clock: Clock
  #waiting = new Map<number, Set<() => void>>()
  #over = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Resolves when `wake(job)` is called for this job, `ms` have passed, the caller left, or `end` was called:
   * the caller looks again, whatever the cause was.
   */
  wait(job: number, ms: number, signal?: AbortSignal): Promise<void> {
    if (this.#over || ms <= 0 || signal?.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        cancel()
        signal?.removeEventListener('abort', done)
        others.delete(done)
        if (others.size === 0 && this.#waiting.get(job) === others) this.#waiting.delete(job)
        resolve()
      }
      const others = this.#waiting.get(job) ?? new Set<() => void>()
      this.#waiting.set(job, others.add(done))
      const cancel = this.#clock.at(this.#clock.now() + ms, done)
      signal?.addEventListener('abort', done, { once: true })
    })
  }

  /** Ends the waits for a job: a thousand of them over several turns, so that nobody else waits for them all. */
  wake(job: number): void {
    const all = [...(this.#waiting.get(job) ?? [])]
    const some = () => {
      for (const done of all.splice(0, atOnce)) done()
      if (all.length > 0) setImmediate(some)
    }
    some()
  }

  /** Ends every wait, now and to come. */
  end(): void {
    this.#over = true
    for (const job of this.#waiting.keys()) this.wake(job)
  }

  get over(): boolean {
    return this.#over
  }

  /** How many callers wait. */
  get size(): number {
    return [...this.#waiting.values()].reduce((sum, set) => sum + set.size, 0)
  }
}
