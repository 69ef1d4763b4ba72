// People while the target is absent: their requests wait for it, each for so long, and are refused then. A restart of Ollama
// is so invisible to a chat.
import type { Clock } from '../clock.ts'
import type { Target } from '../ollama/target.ts'
import type { Waiter } from './visit.ts'

export interface OutageParts {
  clock: Clock
  target: Pick<Target, 'probe'>
  /** So long a request waits, milliseconds. */
  absentHold: number
  onChange: () => void
}

export class Outage {
  readonly #parts: OutageParts
  #probes = 0
  /** Somebody's time may be running. */
  #running = false

  constructor(parts: OutageParts) {
    this.#parts = parts
  }

  /** Somebody found nobody there, and the target has not answered a probe since. */
  get asking(): boolean {
    return this.#probes > 0
  }

  /**
   * The target is absent: refuses those whose time is over, once `leave` has taken them off their place. Answers when the
   * next one's is, Infinity for nobody.
   */
  wait<T extends Waiter>(waiting: Iterable<T>, leave: (waiter: T) => void): number {
    const { clock, absentHold } = this.#parts
    const now = clock.now()
    let next = Infinity
    for (const waiter of waiting) {
      this.#running = true
      waiter.absentSince ??= now
      const end = waiter.absentSince + absentHold
      if (now < end) next = Math.min(next, end)
      else {
        leave(waiter)
        waiter.traveller.refuse()
      }
    }
    return next
  }

  /**
   * The target is there, and these wait for something else: another outage has all of its time again. Whoever goes keeps what
   * it has waited until it is connected, else a target that only seems to be there would make it wait without end.
   */
  over(waiting: Iterable<Waiter>): void {
    if (!this.#running) return
    this.#running = false
    for (const waiter of waiting) waiter.absentSince = undefined
  }

  /** A request could not be sent, and the target is asked how it is. Answers whether the request has time left to wait. */
  unsent(waiter: Waiter): boolean {
    const { clock, target, absentHold, onChange } = this.#parts
    const now = clock.now()
    this.#running = true
    waiter.absentSince ??= now
    this.#probes++
    void target.probe().then(() => {
      this.#probes--
      onChange()
    })
    return now - waiter.absentSince < absentHold
  }
}
