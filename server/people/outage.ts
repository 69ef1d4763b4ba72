// People while the target is absent: their requests wait for it, each for so long, and are refused then. A restart of Ollama
// is so invisible to a chat.
import type { Clock } from '../clock.ts'
import type { Target } from '../ollama/target.ts'
import type { Lane } from './lane.ts'
import type { Visit } from './visit.ts'

export interface OutageParts {
  clock: Clock
  target: Pick<Target, 'probe'>
  lane: Lane
  /** So long a request waits, milliseconds. */
  absentHold: number
  onChange: () => void
}

export class Outage {
  readonly #parts: OutageParts
  #probes = 0

  constructor(parts: OutageParts) {
    this.#parts = parts
  }

  /** Somebody found nobody there, and the target has not answered a probe since. */
  get asking(): boolean {
    return this.#probes > 0
  }

  /** The target is absent: refuses those whose time is over. Answers when the next one's is, null for nobody. */
  wait(): number | null {
    const { clock, lane, absentHold } = this.#parts
    const now = clock.now()
    let next = Infinity
    for (const visit of lane.waiting) {
      visit.absentSince ??= now
      const end = visit.absentSince + absentHold
      if (now < end) next = Math.min(next, end)
      else {
        lane.leave(visit, 'gone', now)
        visit.traveller.refuse()
      }
    }
    return next < Infinity ? next : null
  }

  /** A request could not be sent. True: it is held again; false: its time is over. */
  holdAgain(visit: Visit): boolean {
    const { clock, target, lane, absentHold, onChange } = this.#parts
    const now = clock.now()
    visit.absentSince ??= now
    const over = now - visit.absentSince >= absentHold
    lane.leave(visit, 'gone', now)
    if (!over) lane.hold(visit)
    this.#probes++
    void target.probe().then(() => {
      this.#probes--
      onChange()
    })
    onChange()
    return !over
  }
}
