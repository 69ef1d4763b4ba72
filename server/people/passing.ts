// People's requests that are never held for another's sake: their key can't be told, or they need no runner. Only an absent
// target makes them wait, as it does everybody.
import type { Clock } from '../clock.ts'
import type { Outage } from './outage.ts'
import { stalled_ms } from './ticket.ts'
import type { Place, Ticket, Traveller, Waiter } from './visit.ts'

export interface PassingParts {
  clock: Clock
  outage: Outage
  /** One came or ended, or could not be sent. */
  onChange: () => void
}

interface Passer extends Waiter {
  /** Its key can't be told. */
  readonly unknown: boolean
  place: Place
  cancelStall: () => void
}

export class Passing {
  readonly #parts: PassingParts
  /** Oldest first. */
  readonly #held = new Set<Passer>()
  #flying = 0
  #strangers = 0

  constructor(parts: PassingParts) {
    this.#parts = parts
  }

  get held(): number {
    return this.#held.size
  }

  get flying(): number {
    return this.#flying
  }

  /** Held or in flight with a key that can't be told. */
  get strangers(): number {
    return this.#strangers
  }

  /** One has arrived; `unknown`: its key can't be told. Goes with the next `go`, which may be called at once. */
  arrive(unknown: boolean, traveller: Traveller): Ticket {
    const { clock, outage, onChange } = this.#parts
    const passer: Passer = { unknown, traveller, place: 'gone', absentSince: undefined, cancelStall: () => {} }
    const become = (place: Place) => {
      this.#move(passer, place)
      onChange()
    }
    become('held')
    return {
      get held() {
        return passer.place === 'held'
      },
      release: () => {
        if (passer.place !== 'gone') become('gone')
      },
      answered() {},
      stalled: (on) => {
        passer.cancelStall()
        if (on && passer.place === 'flight')
          passer.cancelStall = clock.at(clock.now() + stalled_ms, () => become('stalled'))
        if (!on && passer.place === 'stalled') become('flight')
      },
      again: () => {
        if (passer.place !== 'flight') return false
        const waits = outage.unsent(passer)
        become(waits ? 'held' : 'gone')
        return waits
      },
    }
  }

  /** The target is there: all go. */
  go(): void {
    for (const passer of this.#held) {
      this.#move(passer, 'flight')
      passer.traveller.forward()
    }
  }

  /** The target is absent. Answers when the next one's time is over. */
  wait(): number {
    return this.#parts.outage.wait(this.#held, (passer) => this.#move(passer, 'gone'))
  }

  #move(passer: Passer, place: Place): void {
    passer.cancelStall()
    if (passer.place === 'flight') this.#flying--
    this.#held.delete(passer)
    const counted = isCounted(passer)
    passer.place = place
    if (place === 'flight') this.#flying++
    if (place === 'held') this.#held.add(passer)
    if (passer.unknown) this.#strangers += Number(isCounted(passer)) - Number(counted)
  }
}

function isCounted({ place }: Passer): boolean {
  return place === 'held' || place === 'flight'
}
