// The jobs' lane between two decisions: whose turn it is, since when jobs step aside for people, and what they claimed. It
// remembers what job/schedule.ts decided and decides nothing. Times are monotonic milliseconds.
import type { Decision, Reason, Snapshot, Turn } from '../job/schedule.ts'

export interface TurnsOptions {
  /** How the waiting jobs of a runner spell its key: decisions fold the names of one runner. All keys told are such. */
  spelled?: (key: string) => string
  /** A turn begins. */
  onTurn?: (key: string) => void
  /** A turn is over. */
  onTurnOver?: (turn: { key: string; ms: number }) => void
  /** Jobs step aside for people from now on, or no longer; `reason` is then what they wait for instead, if anything. */
  onYield?: (yielding: boolean, reason: Reason | null) => void
  /** A key claimed a turn from people; null: it is over. */
  onClaim?: (key: string | null) => void
}

/** A turn or a claim as callers are told of it. */
export interface Told {
  /** As its jobs spell it. */
  key: string
  since: number
}

export class Turns {
  #options: TurnsOptions
  #turn: Turn | null = null
  #turnName = ''
  #yielding: number | null = null
  #claim: string | null = null
  #claimedAt: number | null = null
  #claimName = ''

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

  /** What goes on now; `yielding` is since when jobs step aside. While a claim waits for people the turn may be another key's. */
  get told(): { turn: (Told & { claimed: boolean }) | null; claim: Told | null; yielding: number | null } {
    const { current } = this
    return {
      turn: current && { key: this.#turnName, since: current.since, claimed: current.claimed === true },
      claim: this.#claimedAt === null ? null : { key: this.#claimName, since: this.#claimedAt },
      yielding: this.#yielding,
    }
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
        this.#yields(decision.yielding, decision.reason)
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
    if (this.#turn === turn) return
    const { current: before } = this
    const ended = this.#turnName
    // What a claim leaves behind is no turn.
    const begins = turn !== null && turn.since > -Infinity
    if (begins) this.#turnName = this.#spelled(turn.key)
    this.#turn = turn
    if (before) this.#options.onTurnOver?.({ key: ended, ms: now - before.since })
    if (begins) this.#options.onTurn?.(this.#turnName)
  }

  #yields(since: number | null, reason: Reason | null = null): void {
    const changed = (this.#yielding === null) !== (since === null)
    this.#yielding = since
    if (changed) this.#options.onYield?.(since !== null, reason)
  }

  #claims(key: string | null, now: number): void {
    if (key === this.#claim) return
    if (key !== null) this.#claimName = this.#spelled(key)
    this.#claim = key
    this.#claimedAt = key === null ? null : now
    this.#options.onClaim?.(key === null ? null : this.#claimName)
  }

  #spelled(key: string): string {
    return this.#options.spelled?.(key) ?? key
  }
}
