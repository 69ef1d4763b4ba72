// The people's lane: every passthrough inference request from its arrival until the target's answer has ended or its
// caller has left, counted by affinity key. It asks job/admit.ts about each one. It moves no bytes; http/passage.ts does.
import type { Clock } from './clock.ts'
import { admit, type InFlight } from './job/admit.ts'

export interface PeopleOptions {
  clock: Clock
  /** A request came or went. */
  onChange?: () => void
}

/** One request's place in the lane. */
export interface Ticket {
  /** The target's answer has ended or the caller left. Only the first call counts. */
  release(): void
}

/** Keys without anything in flight that are remembered for when they were last seen. */
const remembered = 256

export class People {
  readonly #clock: Clock
  readonly #onChange: () => void
  readonly #keys = new Map<string, InFlight>()
  #unknown = 0

  constructor({ clock, onChange = () => {} }: PeopleOptions) {
    this.#clock = clock
    this.#onChange = onChange
  }

  /** How many requests are in flight, those whose key can't be told among them. */
  get count(): number {
    let count = this.#unknown
    for (const { count: one } of this.#keys.values()) count += one
    return count
  }

  /** What is in flight, and when its key was last seen if nothing is any more (`count` 0). Copies. */
  get keys(): InFlight[] {
    return [...this.#keys.values()].map((entry) => ({ ...entry }))
  }

  /** A request has arrived, its body read as far as it will be. Calls `forward` when it may go to the target. */
  arrive(key: string | undefined, forward: () => void): Ticket {
    const now = this.#clock.now()
    const inFlight = [...this.#keys.values()].filter((entry) => entry.count > 0)
    const verdict = admit({ now, inFlight }, key)
    this.#enter(key, now)
    let held = true
    const ticket = {
      release: () => {
        if (held) this.#leave(key)
        held = false
      },
    }
    this.#onChange()
    if (verdict === 'forward') forward()
    return ticket
  }

  #enter(key: string | undefined, now: number): void {
    if (key === undefined) {
      this.#unknown++
      return
    }
    const entry = this.#keys.get(key)
    if (!entry) this.#keys.set(key, { key, count: 1, since: now, lastSeen: now })
    else {
      if (entry.count === 0) entry.since = now
      entry.count++
      entry.lastSeen = now
    }
  }

  #leave(key: string | undefined): void {
    const now = this.#clock.now()
    const entry = key === undefined ? undefined : this.#keys.get(key)
    if (!entry) this.#unknown--
    else {
      entry.count--
      entry.lastSeen = now
      if (entry.count === 0) this.#forget(entry)
    }
    this.#onChange()
  }

  /** Keeps the idle keys that were seen last; the map's order is the order of leaving. */
  #forget(entry: InFlight): void {
    this.#keys.delete(entry.key)
    this.#keys.set(entry.key, entry)
    let idle = 0
    for (const { count } of this.#keys.values()) if (count === 0) idle++
    if (idle <= remembered) return
    for (const { key, count } of this.#keys.values()) {
      if (count === 0) {
        this.#keys.delete(key)
        return
      }
    }
  }
}
