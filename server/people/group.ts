// People's requests of one runner: who is held, who is in flight, and what of their past decisions depend on.
import type { Crowd } from '../job/admit.ts'
import type { Visit } from './visit.ts'

export class Group {
  readonly key: string
  /** As the last request spelled it. */
  name: string
  /** Oldest first. */
  held: Visit[] = []
  readonly flight = new Set<Visit>()
  /** When one was last forwarded, and when one last ended. */
  admitted = -Infinity
  used = -Infinity
  /** Since when its runner is ready in this turn; Infinity while it isn't. */
  turn: number | undefined
  /** The earliest moment at which the load that is waited for can have begun. */
  coldSince: number | undefined
  /** It was seen not to be there then, or since: without that its load can't be told from a look that came late. */
  coldSeen = false
  /** People were seen to have this runner since it was last loaded, and no job another since. */
  theirs = false

  constructor(key: string) {
    this.key = key
    this.name = key
  }

  get empty(): boolean {
    return this.held.length === 0 && this.flight.size === 0
  }

  crowd(load_ms: number): Crowd {
    const { key, admitted, used, turn } = this
    let sentSince = Infinity
    for (const { sent } of this.flight) sentSince = Math.min(sentSince, sent)
    const heldSince = this.held[0]?.came ?? Infinity
    return {
      key,
      flight: this.flight.size,
      sentSince,
      held: this.held.length,
      heldSince,
      admitted,
      used,
      turn,
      load_ms,
    }
  }

  /** Takes over the past of another group, whose requests are to be found here now. */
  follow({ name, admitted, used, turn, coldSince, coldSeen, theirs }: Group): void {
    this.name = name
    this.theirs ||= theirs
    this.admitted = Math.max(this.admitted, admitted)
    this.used = Math.max(this.used, used)
    if (turn !== undefined) this.turn = Math.min(this.turn ?? Infinity, turn)
    if (coldSince !== undefined) this.waitsForLoad(coldSince, coldSeen)
  }

  /** Its load may begin now, unless one is waited for already. */
  waitsForLoad(now: number, seen: boolean): void {
    if (this.coldSince === undefined) this.coldSeen = seen
    this.coldSince ??= now
  }
}
