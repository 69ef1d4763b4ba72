// The time of the story: virtual, and one for all. foreman's process takes each step of it together with the target,
// the receivers and the people, who live in this one, and no step begins before the last one was taken: how fast the
// machine is, and what else it does, hardly matters. While a small exchange is on its way time stands still, and when
// nothing moves any more it leaps to whatever is due next.

import { subscribe } from 'node:diagnostics_channel'
import { setImmediate as breathe } from 'node:timers/promises'
import { VirtualClock } from '../../server/clock.ts'
import { Exchanges } from './exchanges.ts'

/** Whoever takes each step of time in a process of its own. */
export interface Companion {
  advance(ms: number): Promise<Pace>
}

/** Where a companion is after a step: how many milliseconds from its next timer, and whether an exchange is on its way. */
export interface Pace {
  left: number
  pending: boolean
}

/** Time that passes while the event loops of both turn once. */
const step_ms = 100
/** Turns in which nothing moves before time leaps. */
const stillness = 6

/** What Node tells of anything that moves here. */
const stirs = [
  'http.server.request.start',
  'http.server.response.finish',
  'net.server.socket',
  'undici:request:create',
  'undici:request:headers',
  'undici:request:trailers',
  'undici:request:error',
]

export class Hours {
  readonly clock: VirtualClock
  companion: Companion | undefined
  /** Whether exchanges may stay without an answer, so that time goes on meanwhile. */
  silent = () => false
  #exchanges = new Exchanges()
  #still = 0
  #broken: { error: unknown } | undefined

  /** `wall`: epoch milliseconds of the beginning. */
  constructor(wall: number) {
    this.clock = new VirtualClock(wall)
    for (const name of stirs) subscribe(name, () => (this.#still = 0))
  }

  /** Epoch milliseconds. */
  get now(): number {
    return this.clock.wall()
  }

  /** Resolves so much later. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.at(this.clock.now() + ms, resolve))
  }

  /** Does something in the course of time: what it throws ends the story. */
  meanwhile(doing: Promise<unknown>): void {
    doing.catch((error: unknown) => (this.#broken ??= { error }))
  }

  /** Lets time pass until `over` says so. Throws what `meanwhile` came upon. */
  async pass(over: () => boolean): Promise<void> {
    let theirs: Pace = { left: 0, pending: false }
    while (!over()) {
      const ms = this.#step(theirs)
      this.clock.advance(ms)
      theirs = this.companion ? await this.companion.advance(ms) : { left: Infinity, pending: false }
      await breathe()
      if (this.#broken) throw this.#broken.error
    }
  }

  /** How far the next step goes. */
  #step({ left, pending }: Pace): number {
    if ((pending || this.#exchanges.pending) && !this.silent()) return 0
    const due = Math.min(this.clock.due - this.clock.now(), left)
    const ms = this.#still < stillness || due === Infinity ? step_ms : Math.max(step_ms, Math.ceil(due))
    this.#still = due <= ms ? 0 : this.#still + 1
    return ms
  }
}
