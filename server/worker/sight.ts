// Whether enough is known of the target's memory to decide about jobs, or to plan them. After an idle time, or while the queue is
// paused, nothing recent is: then it is looked at, and who wants to know waits until that look has returned, with an answer or
// without one.

import type { Clock } from '../clock.ts'
import { tooOldMs, type Reading } from '../ollama/residents.ts'
import type { Target } from '../ollama/target.ts'
import type { Queue } from '../queue/queue.ts'

export interface SightOptions {
  queue: Pick<Queue, 'paused' | 'total'>
  target: Pick<Target, 'blind' | 'look' | 'reading' | 'state'>
  clock: Clock
}

export class Sight {
  readonly #options: SightOptions
  #looking: Promise<void> | undefined
  /** When the last look returned: one without an answer is not tried again at once. */
  #lookedAt = -Infinity
  /** The reading that the last look was to better and did not; null when it did. */
  #unbettered: Reading | undefined | null = null

  constructor(options: SightOptions) {
    this.#options = options
  }

  /** False while the decision has to wait; `onLooked` is called when it may be made. */
  clear(onLooked: () => void): boolean {
    const looking = this.#options.queue.paused ? undefined : this.look()
    void looking?.then(onLooked)
    return looking === undefined
  }

  /** Looks if jobs wait and nothing recent is known; undefined when there is no need to. Never throws. */
  look(): Promise<void> | undefined {
    const { queue, target, clock } = this.#options
    if (this.#looking) return this.#looking
    if (target.state !== 'awake' || queue.total('queued') === 0) return undefined
    const known = Math.max(target.reading?.at ?? -Infinity, this.#lookedAt)
    if (clock.now() - known <= tooOldMs) return undefined
    const { reading } = target
    this.#looking = target.look().then(() => {
      this.#looking = undefined
      this.#lookedAt = clock.now()
      this.#unbettered = target.reading === reading ? reading : null
    })
    return this.#looking
  }

  /** The same for whoever asks over and over: nobody waits for a listing that did not come the last time, or for long. */
  glance(): Promise<void> | undefined {
    const { target } = this.#options
    const looking = this.look()
    return target.blind || target.reading === this.#unbettered ? undefined : looking
  }
}
