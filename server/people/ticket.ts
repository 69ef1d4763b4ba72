// What a passage tells of its request while that stands in the lane.
import type { Clock } from '../clock.ts'
import type { Lane } from './lane.ts'
import type { Surroundings } from './people.ts'
import type { Ticket, Visit } from './visit.ts'

export interface TicketParts {
  clock: Clock
  target: Pick<Surroundings, 'capacity' | 'lookAnew' | 'residentKeys' | 'shown'>
  lane: Lane
  /** The lane is another than before. */
  onChange: () => void
  /** It could not be sent. True: it is held again. */
  holdAgain: (visit: Visit) => boolean
}

/** A client that takes no byte for so long holds nobody up any more. */
const stalled_ms = 30_000

/** Of a request that may be held. */
export class LaneTicket implements Ticket {
  readonly #visit: Visit
  readonly #parts: TicketParts
  #cancelStall = () => {}
  #answered = false

  constructor(visit: Visit, parts: TicketParts) {
    this.#visit = visit
    this.#parts = parts
  }

  get held(): boolean {
    return this.#visit.place === 'held'
  }

  release(): void {
    this.#cancelStall()
    if (this.#visit.place !== 'gone') this.#leave('gone')
  }

  answered(): void {
    const { target, lane } = this.#parts
    const { place, key, name } = this.#visit
    this.#answered = true
    const resident = target.residentKeys()
    if (place !== 'flight' || resident.has(key)) return
    // With another request inside Ollama the runner may be gone as soon as it has answered.
    if (lane.awaitsOther(key, resident)) void target.lookAnew()
    else target.shown(name)
  }

  stalled(on: boolean): void {
    const { clock, lane, onChange } = this.#parts
    this.#cancelStall()
    if (on && this.#visit.place === 'flight') {
      this.#cancelStall = clock.at(clock.now() + stalled_ms, () => this.#leave('stalled'))
    }
    if (on || this.#visit.place !== 'stalled') return
    lane.fly(this.#visit)
    onChange()
  }

  again(): boolean {
    this.#cancelStall()
    return this.#visit.place === 'flight' && this.#parts.holdAgain(this.#visit)
  }

  #leave(place: 'stalled' | 'gone'): void {
    const { clock, lane, target, onChange } = this.#parts
    const { key } = this.#visit
    lane.leave(this.#visit, place, clock.now())
    // One that was answered is about to be seen in memory, and teaches then.
    if (!lane.flies(key) && !this.#answered) target.capacity.withdrawn(key)
    onChange()
  }
}

/** Of a request that is never held. */
export class PassingTicket implements Ticket {
  readonly held = false
  #onEnd: () => void

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd
  }

  release(): void {
    this.#onEnd()
    this.#onEnd = () => {}
  }

  answered(): void {}

  stalled(): void {}

  again(): boolean {
    return false
  }
}
