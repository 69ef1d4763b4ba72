// Runners that people's requests are about to load. /api/ps tells no options, so one that others loaded is taken for what its
// Modelfile says. But a runner that comes while somebody waits for one of these weights is the one he asked for, and
// answers him: it must not be taken for an idle one that is in his way.
import type { Resident } from './resident.ts'

interface Expectation {
  /** Affinity key, as the request spells it. */
  name: string
  /** Monotonic milliseconds when it was forwarded. */
  at: number
  /** What was listed of these weights then: null for nothing, undefined while that isn't known. */
  before: Resident | null | undefined
}

export interface ExpectedParts {
  weightsOf: (name: string) => string
  runnerOf: (name: string) => string
  /** The one of these weights in a reading. */
  find: (residents: readonly Resident[], weights: string) => Resident | undefined
}

export class Expected {
  readonly #parts: ExpectedParts
  #all: Expectation[] = []

  constructor(parts: ExpectedParts) {
    this.#parts = parts
  }

  /** A request went to the target; `residents` were there just before, undefined if nobody knows. */
  add(name: string, at: number, residents: readonly Resident[] | undefined): void {
    const { runnerOf, weightsOf, find } = this.#parts
    const runner = runnerOf(name)
    if (this.#all.some((one) => runnerOf(one.name) === runner)) return
    const before = residents && (find(residents, weightsOf(name)) ?? null)
    this.#all.push({ name, at, before })
  }

  /** Nobody waits for this runner any more. */
  drop(name: string): void {
    const { runnerOf, weightsOf } = this.#parts
    const runner = runnerOf(name)
    const weights = weightsOf(name)
    this.#all = this.#all.filter((one) => runnerOf(one.name) !== runner)
    // An answer that ends moves the end of its runner, which so looks like another one.
    for (const one of this.#all) if (weightsOf(one.name) === weights) one.before = undefined
  }

  /** These were there at `at`. Answers those that have come, and no longer expects them. */
  seen(residents: readonly Resident[], at: number): { name: string; at: number }[] {
    const { weightsOf, find } = this.#parts
    const come: Expectation[] = []
    for (const one of this.#all) {
      const there = find(residents, weightsOf(one.name)) ?? null
      const known = one.before !== undefined && at > one.at
      if (known && there !== null && isAnother(there, one.before)) come.push(one)
      else one.before = there
    }
    this.#all = this.#all.filter((one) => !come.includes(one))
    return come
  }
}

/** The end of an idle runner stands still, and so does that of a busy one but for its first answer: then it moves along. */
function isAnother(there: Resident, before: Resident | null | undefined): boolean {
  return !before || there.expiresAt !== before.expiresAt || there.contextLength !== before.contextLength
}
