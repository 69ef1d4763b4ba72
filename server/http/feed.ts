// What happens to all jobs, told from any place in the global sequence.

import type { StateEvent } from '../queue/history.ts'
import type { Queue } from '../queue/queue.ts'
import { Bell } from './bell.ts'

export type Entry =
  | { event: 'state'; state: StateEvent }
  /** Some of what the reader has not seen is erased: it looks at all jobs anew, and goes on from here. */
  | { event: 'reset'; sequence: number }

/** One reader's way along all jobs. */
export class Feed {
  #queue: Queue
  #at: number
  /** It has been told all there was once. */
  #live = false

  /** Without `after`, from now on. */
  constructor(queue: Queue, after = queue.history.last) {
    this.#queue = queue
    this.#at = after
  }

  get at(): number {
    return this.#at
  }

  /** Events that happened since the reader was up to date and that it has not taken yet. */
  get behind(): number {
    return this.#live ? this.#queue.history.last - this.#at : 0
  }

  /** Everything from here on. Ends when foreman stops or the signal aborts. */
  async *steps(signal: AbortSignal): AsyncGenerator<Entry, void> {
    const { followers, history } = this.#queue
    const bell = new Bell()
    const leave = followers.follow('all', bell.ring)
    signal.addEventListener('abort', bell.ring)
    try {
      while (!signal.aborted) {
        const newer = history.ofAll(this.#at)
        if (!newer) {
          this.#at = history.last
          yield { event: 'reset', sequence: this.#at }
          continue
        }
        for (const state of newer) {
          this.#at = state.sequence
          yield { event: 'state', state }
        }
        if (newer.length > 0) continue
        if (followers.over) return
        this.#live = true
        await bell.heard()
      }
    } finally {
      leave()
      signal.removeEventListener('abort', bell.ring)
    }
  }
}
