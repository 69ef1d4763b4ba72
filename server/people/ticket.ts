// What a passage tells of its request while that stands in the lane.
import type { Clock } from '../clock.ts'
import type { Lane } from './lane.ts'
import type { Slots } from './slots.ts'
import type { Surroundings } from './surroundings.ts'
import type { Ticket, Visit } from './visit.ts'

export interface TicketParts {
  clock: Clock
  target: Pick<Surroundings, 'capacity' | 'expect' | 'lookAnew' | 'residentKeys' | 'shown'>
  lane: Lane
  slots: Slots
  /** Nothing but requests for this runner may be under way in the target: no job, and nobody who waits for a load. */
  undisturbed: (key: string) => boolean
  /** The lane is another than before. */
  onChange: () => void
  /** It could not be sent, which is looked into. True: it may wait for the target. */
  unsent: (visit: Visit) => boolean
}

/** A client that takes no byte for so long holds nobody up any more. */
export const stalled_ms = 30_000

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

  release(left = false): void {
    this.#cancelStall()
    const { place } = this.#visit
    if (place === 'gone') return
    this.#leave('gone')
    if (left && place !== 'held') this.#left()
  }

  answered(): void {
    const { target, lane, slots } = this.#parts
    const { place, key, name } = this.#visit
    this.#answered = true
    slots.answered(key)
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
    if (this.#visit.place !== 'flight') return false
    const { lane, onChange, unsent } = this.#parts
    const waits = unsent(this.#visit)
    lane.takeBack(this.#visit)
    if (waits) lane.hold(this.#visit)
    this.#withdrawn(false)
    onChange()
    return waits
  }

  #leave(place: 'stalled' | 'gone'): void {
    const { clock, lane, onChange } = this.#parts
    lane.leave(this.#visit, place, clock.now())
    this.#withdrawn(this.#answered)
    onChange()
  }

  #left(): void {
    const { lane, slots, target, undisturbed } = this.#parts
    const { key, sent } = this.#visit
    // Who waits for a load, or for a job, says nothing of the slots.
    const free = undisturbed(key) && target.residentKeys().has(key)
    const since = Math.max(sent, lane.readySince(key))
    if (this.#answered) slots.leave(this.#visit, undefined, false)
    else if (free) slots.leave(this.#visit, since, !lane.flies(key) && !lane.stalls(key))
  }

  #withdrawn(answered: boolean): void {
    const { lane, target } = this.#parts
    const { key, name } = this.#visit
    if (lane.flies(key)) return
    target.expect(name, false)
    // One that was answered is about to be seen in memory, and teaches of the room then.
    if (!answered) target.capacity.withdrawn(key)
  }
}
