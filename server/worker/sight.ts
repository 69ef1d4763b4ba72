// Whether enough is known of the target's memory to decide about jobs. After an idle time nothing recent is: then it is
// looked at, and the decision waits until that look has returned, with an answer or without one.

import type { Clock } from '../clock.ts'
import { tooOldMs } from '../ollama/residents.ts'
import type { Target } from '../ollama/target.ts'
import type { Queue } from '../queue/queue.ts'

export interface SightOptions {
  queue: Pick<Queue, 'paused' | 'total'>
  target: Pick<Target, 'look' | 'reading' | 'state'>
  clock: Clock
}

export class Sight {
  readonly #options: SightOptions
  #looking = false
  /** When the last look returned: one without an answer is not tried again at once. */
  #lookedAt = -Infinity

  constructor(options: SightOptions) {
    this.#options = options
  }

  /** False while the decision has to wait; `onLooked` is called when it may be made. */
  clear(onLooked: () => void): boolean {
    const { queue, target, clock } = this.#options
    if (this.#looking) return false
    if (target.state !== 'awake' || queue.paused || queue.total('queued') === 0) return true
    const known = Math.max(target.reading?.at ?? -Infinity, this.#lookedAt)
    if (clock.now() - known <= tooOldMs) return true
    this.#looking = true
    void target.look().then(() => {
      this.#looking = false
      this.#lookedAt = clock.now()
      onLooked()
    })
    return false
  }
}
