// How far the target's silence and emptiness can be trusted: the pauses that each model has made between two pieces of output,
// and whether anything was answered since the target was last away, or an answer of a model was last left in the middle. A
// runner that froze is noticed by nothing else; after a sleep it may answer with nothing, and an Ollama whose client leaves in
// the wrong moment may let nobody have that runner's slot any more.
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
  /** Models whose last answer was left in the middle. */
  readonly #left = new Set<string>()
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

  /**
   * Watches an answer from the moment its request is sent; `onSilent` once it has been silent for too long. `left`: people's last
   * answer of its runner was left in the middle.
   */
  watch(model: string, left: boolean, onSilent: () => void): Watched {
    const known = this.#pauses.get(model)
    return new Watched({
      clock: this.#clock,
      known: known ?? { first: 0, between: 0 },
      // Prompts differ by minutes: a model that was never heard is not judged by its first word.
      suspect: known !== undefined && (this.shaken || left || this.#left.has(model)),
      onSilent: (seen) => {
        // If it was only slow, its next attempt has the time.
        this.#keep(model, seen)
        onSilent()
      },
      onEnd: (seen, well) => {
        if (well) this.#keep(model, seen)
        if (well) this.#left.delete(model)
        else if (this.#left.size < modelsKept) this.#left.add(model)
      },
    })
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

interface WatchedOptions {
  clock: Clock
  known: Pauses
  /** Whether the silence before its first piece may be more than a long prompt. */
  suspect: boolean
  onSilent: (seen: Pauses) => void
  onEnd: (seen: Pauses, well: boolean) => void
}

/** One answer. */
export class Watched {
  readonly #options: WatchedOptions
  #seen: Pauses
  #last: number
  #spoke = false
  #cancel = () => {}

  constructor(options: WatchedOptions) {
    this.#options = options
    this.#seen = { ...options.known }
    this.#last = options.clock.now()
    if (options.suspect) this.#arm(options.known.first)
  }

  /** A piece of output has come. */
  piece(): void {
    this.#note()
    this.#last = this.#options.clock.now()
    if (!this.#spoke) this.#arm(this.#options.known.between)
    this.#spoke = true
  }

  /** The answer has ended, well or not. */
  end(well: boolean): void {
    this.#cancel()
    this.#options.onEnd(this.#seen, well)
  }

  #note(): void {
    const what = this.#spoke ? 'between' : 'first'
    this.#seen[what] = Math.max(this.#seen[what], this.#options.clock.now() - this.#last)
  }

  /** One timer that looks when it rings, and not one for each piece. */
  #arm(longest: number): void {
    const { clock, onSilent } = this.#options
    this.#cancel()
    const limit = Math.max(least_ms, pauses * longest)
    const look = () => {
      if (clock.now() - this.#last < limit) {
        this.#cancel = clock.at(this.#last + limit, look)
        return
      }
      this.#note()
      onSilent(this.#seen)
    }
    this.#cancel = clock.at(this.#last + limit, look)
  }
}
