// The two moments at which a queued job changes by itself: its backoff has passed, or its start_by has. One timer each,
// for the earliest; nothing polls.

import type { Clock } from '../clock.ts'
import type { Store } from '../store/store.ts'
import type { Queue } from './queue.ts'
import type { Steady } from './steady.ts'

/** start_by is wall time by contract; the wall clock may be set, so it is looked at this often at least. */
const wallStep_ms = 60_000

interface RemindersOptions {
  store: Store
  clock: Clock
  steady: Steady
  queue: Pick<Queue, 'wait' | 'expire'>
}

export class Reminders {
  #options: RemindersOptions
  #cancelDue = () => {}
  #cancelStartBy = () => {}
  #stopped = false

  constructor(options: RemindersOptions) {
    this.#options = options
  }

  /** Arms both timers anew; called when a job with such a moment was written. */
  set(): void {
    this.#arm(() => this.#setDue())
    this.#arm(() => this.#setStartBy())
  }

  /** A database that cannot be read just now is asked again later. */
  #arm(set: () => void): void {
    try {
      set()
    } catch {
      this.#later(set)
    }
  }

  stop(): void {
    this.#stopped = true
    this.#cancelDue()
    this.#cancelStartBy()
  }

  #setDue(): void {
    this.#cancelDue()
    const { store, steady, queue } = this.#options
    const first = this.#stopped ? undefined : store.jobs.firstBackingOff()
    if (!first) return
    this.#cancelDue = steady.at(
      first.due,
      () =>
        void queue.wait(first.seq).then(
          () => this.#arm(() => this.#setDue()),
          () => this.#later(() => this.#setDue()),
        ),
    )
  }

  #setStartBy(): void {
    this.#cancelStartBy()
    const { store, clock, queue } = this.#options
    const first = this.#stopped ? undefined : store.jobs.firstStartBy()
    if (!first) return
    const left = first.start_by - clock.wall()
    const look = () => {
      if (clock.wall() < first.start_by) return this.#arm(() => this.#setStartBy())
      // It may have started, or ended, since the timer was set: the queue looks again before it fails anything.
      queue.expire(first.seq).then(
        () => this.#arm(() => this.#setStartBy()),
        () => this.#later(() => this.#setStartBy()),
      )
    }
    this.#cancelStartBy = clock.at(clock.now() + Math.min(Math.max(left, 0), wallStep_ms), look)
  }

  /** After a write that failed (a full disk, say): not at once, lest it spin. */
  #later(again: () => void): void {
    const { clock } = this.#options
    if (!this.#stopped) clock.at(clock.now() + 1000, () => this.#arm(again))
  }
}
