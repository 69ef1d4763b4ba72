// The jobs' lane between two decisions: whose turn it is, since when jobs step aside for people, and what they claimed. It
// remembers what job/schedule.ts decided and decides nothing. Times are monotonic milliseconds.
import type { Decision, Snapshot, Turn } from '../job/schedule.ts'

export interface TurnsOptions {
  /** A turn is over; `key` as its jobs have it. */
  onTurn?: (turn: { key: string; ms: number }) => void
  /** Jobs step aside for people from now on, or no longer. */
  onYield?: (yielding: boolean) => void
  /** A key claimed a turn from people; null: it is over. */
  onClaim?: (key: string | null) => void
}

export class Turns {
  /** The turn's key as its jobs have it; in decisions names of one runner are folded. */
  name = ''
  #options: TurnsOptions
  #turn: Turn | null = null
  #yielding: number | null = null
  #claim: string | null = null
  #claimedAt: number | null = null

  constructor(options: TurnsOptions = {}) {
    this.#options = options
  }

  /** What the next decision has to know. */
  get state(): Pick<Snapshot, 'turn' | 'yielding' | 'claim' | 'claimedAt'> {
    return { turn: this.#turn, yielding: this.#yielding, claim: this.#claim, claimedAt: this.#claimedAt }
  }

  /** The turn that goes on; the one that a claim leaves behind is over. */
  get current(): Turn | null {
    return this.#turn && this.#turn.since > -Infinity ? this.#turn : null
  }

  get claim(): string | null {
    return this.#claim
  }

  /** Jobs were decided about. True: the claim changed, so people must be asked before jobs are again. */
  follow(decision: Decision, now: number): boolean {
    switch (decision.act) {
      case 'claim':
        this.#claims(decision.key, now)
        return true
      case 'unclaim':
        this.#become(decision.turn, now)
        this.#yields(null)
        this.#claims(null, now)
        return true
      case 'start':
        this.#become(decision.turn, now)
        this.#yields(decision.yielding)
        return false
      case 'wait':
        this.#yields(decision.yielding)
        return false
    }
  }

  /** Nothing waits or can be run: the turn is over, and nobody is held for jobs. */
  end(now: number): void {
    this.#become(null, now)
    this.#yields(null)
    this.#claims(null, now)
  }

  #become(turn: Turn | null, now: number): void {
    const before = this.#turn
    if (before === turn) return
    this.#turn = turn
    // The one that a claim leaves behind has ended with it.
    if (before && before.since > -Infinity)
      this.#options.onTurn?.({ key: this.name || before.key, ms: now - before.since })
  }

  #yields(since: number | null): void {
    const changed = (this.#yielding === null) !== (since === null)
    this.#yielding = since
    if (changed) this.#options.onYield?.(since !== null)
  }

  #claims(key: string | null, now: number): void {
    const changed = key !== this.#claim
    this.#claim = key
    if (changed) this.#claimedAt = key === null ? null : now
    if (changed) this.#options.onClaim?.(key)
  }
}
