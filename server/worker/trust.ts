// How far the target's silence and emptiness can be trusted: the pauses that each model has made between two pieces of output,
// and whether anything was answered since the target was last away. A runner that froze in mid-answer is noticed by nothing
// else, and after a sleep it may answer with nothing.
import type { Clock } from '../clock.ts'

/** A model is silent for too long after so many times its longest pause, and never before the least. */
const pauses = 10
const least_ms = 60_000
const modelsKept = 1_000

/** The longest pauses seen of a model, in milliseconds: before its first piece, and between two. */
interface Pauses {
  first: number
  between: number
}

export class Trust {
  readonly #clock: Clock
  readonly #pauses = new Map<string, Pauses>()
  /** Nothing was answered since the target was away. */
  shaken = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The target is away. */
  outage(): void {
    this.shaken = true
  }

  /** An answer has ended well. */
  answered(): void {
    this.shaken = false
  }

  /** Watches an answer from the moment its request is sent; `onSilent` once it has been silent for too long. */
  watch(model: string, onSilent: () => void): Watched {
    const known = this.#pauses.get(model) ?? { first: 0, between: 0 }
    return new Watched(this.#clock, known, this.shaken, onSilent, (seen) => this.#keep(model, seen))
  }

  #keep(model: string, seen: Pauses): void {
    // Deleting first keeps the map in order of use, so that the longest unused model is the one that goes.
    this.#pauses.delete(model)
    this.#pauses.set(model, seen)
    if (this.#pauses.size <= modelsKept) return
    const [oldest] = this.#pauses.keys()
    this.#pauses.delete(oldest!)
  }
}

/** One answer. Before its first piece any silence may be a long prompt: that is only watched when trust is shaken. */
class Watched {
  readonly #clock: Clock
  readonly #known: Pauses
  readonly #onSilent: () => void
  readonly #keep: (seen: Pauses) => void
  #seen: Pauses
  #last: number
  #spoke = false
  #cancel = () => {}

  constructor(clock: Clock, known: Pauses, shaken: boolean, onSilent: () => void, keep: (seen: Pauses) => void) {
    this.#clock = clock
    this.#known = known
    this.#seen = { ...known }
    this.#last = clock.now()
    this.#onSilent = onSilent
    this.#keep = keep
    if (shaken) this.#arm(known.first)
  }

  /** A piece of output has come. */
  piece(): void {
    const now = this.#clock.now()
    const pause = now - this.#last
    const what = this.#spoke ? 'between' : 'first'
    this.#seen[what] = Math.max(this.#seen[what], pause)
    this.#last = now
    if (!this.#spoke) this.#arm(this.#known.between)
    this.#spoke = true
  }

  /** The answer has ended, well or not. */
  end(well: boolean): void {
    this.#cancel()
    if (well) this.#keep(this.#seen)
  }

  /** One timer that looks when it rings, and not one for each piece. */
  #arm(longest: number): void {
    this.#cancel()
    const limit = Math.max(least_ms, pauses * longest)
    const look = () => {
      const silent = this.#clock.now() - this.#last
      if (silent >= limit) this.#onSilent()
      else this.#cancel = this.#clock.at(this.#last + limit, look)
    }
    this.#cancel = this.#clock.at(this.#last + limit, look)
  }
}
