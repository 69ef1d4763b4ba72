// How far the running job has come, counted in lines of output; kept in memory only.

import type { Clock } from '../clock.ts'

export class Progress {
  #clock: Clock
  #lines = 0
  #first = 0
  #last = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  line(): void {
    this.#last = this.#clock.now()
    if (this.#lines === 0) this.#first = this.#last
    this.#lines += 1
  }

  /** Tokens so far (Ollama sends one a line) and their rate, rounded to a tenth. */
  view(): { tokens: number; tokens_per_s: number } {
    const seconds = (this.#last - this.#first) / 1000
    const rate = seconds > 0 ? (this.#lines - 1) / seconds : 0
    return { tokens: this.#lines, tokens_per_s: Math.round(rate * 10) / 10 }
  }
}
