// What requests of foreman's own may have left behind in the target. Closing a connection is Ollama's only cancel, it notices
// that when it pleases, and it says so to nobody: until then a runner works for a caller who left, or a load goes on.

import { until, type Clock } from '../clock.ts'
import type { Target } from '../ollama/target.ts'

export interface AftermathOptions {
  clock: Clock
  target: Pick<Target, 'absent' | 'lookAnew' | 'reading'>
}

/** By then it has noticed. That a runner has answered another request since proves nothing: runners take several at once. */
const doubt_ms = 60_000
/** Ollama's side of a connection asks after fifteen idle seconds whether anybody is there. */
const noticed_ms = 15_000
const look_ms = 1_000

export class Aftermath {
  /**
   * No load was broken off for which the target may still wait until some runner goes: a request with keep_alive to that one
   * would make it wait for ever (ollama#17408). The next load that goes through proves that it doesn't, as loads keep their order.
   */
  settled = true
  readonly #options: AftermathOptions
  /** Runners that may be at work for a request that was broken off, and up to when. */
  readonly #doubtful = new Map<string, number>()
  /** Up to when what was given up is waited for; Infinity: nobody has begun to. */
  #leaving: number | undefined

  constructor(options: AftermathOptions) {
    this.#options = options
  }

  /** Runners that may be at work although nothing of foreman's is in flight, whether they are listed or not. */
  get doubtful(): ReadonlySet<string> {
    const now = this.#options.clock.now()
    for (const [key, end] of this.#doubtful) if (now >= end) this.#doubtful.delete(key)
    return new Set(this.#doubtful.keys())
  }

  /** A request for this runner was broken off. */
  brokeOff(key: string): void {
    this.#doubtful.set(key, this.#options.clock.now() + doubt_ms)
  }

  /** It is not in memory any more. */
  gone(key: string): void {
    this.#doubtful.delete(key)
  }

  /** A request was given up, because nothing answered for the grace time. */
  gaveUp(): void {
    this.#leaving = Infinity
  }

  /** Nothing that was given up is waited for. */
  get isOver(): boolean {
    return this.#leaving === undefined
  }

  /**
   * Resolves when what was given up has left the target, now that it is back: what comes before that stands behind it, or
   * makes Ollama evict a runner that works for nobody. It has left when nothing is in memory (Ollama began anew), or when
   * Ollama must have noticed. Throws the signal's reason.
   */
  async over(signal: AbortSignal): Promise<void> {
    const { clock, target } = this.#options
    while (this.#leaving !== undefined) {
      const now = clock.now()
      this.#leaving = Math.min(this.#leaving, now + noticed_ms)
      await target.lookAnew()
      signal.throwIfAborted()
      const { reading } = target
      // It went away again: then this begins anew when it is back.
      if (target.absent) return this.gaveUp()
      const empty = reading !== undefined && reading.at >= now && reading.residents.length === 0
      if (empty || clock.now() >= this.#leaving) this.#leaving = undefined
      else await until(clock, Math.min(clock.now() + look_ms, this.#leaving), signal)
    }
  }
}
