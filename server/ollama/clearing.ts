// Having runners leave the target's memory. An unload is answered with 200 even when it is lost, and a runner goes when it is
// idle; so it is /api/ps that says whether it went, and waiting for that has an end.

import { until, type Clock } from '../clock.ts'
import { weightsIn } from '../job/room.ts'
import type { Target } from './target.ts'

export interface ClearingOptions {
  target: Pick<Target, 'listedKeys' | 'lookAnew' | 'reading' | 'unload'>
  clock: Clock
}

/** How often /api/ps is read. */
const look_ms = 100
/** One that stays is told again: another request may have kept it. */
const again_ms = 5_000
/** Then loads go on all the same: the target makes room itself, as it would without foreman. */
const limit_ms = 30_000

export class Clearing {
  readonly #options: ClearingOptions

  constructor(options: ClearingOptions) {
    this.#options = options
  }

  /**
   * Tells runners to go. Resolves with true when /api/ps lists none of them any more, with false when one stays. Throws the
   * signal's reason.
   */
  async letGo(keys: readonly string[], signal: AbortSignal): Promise<boolean> {
    const { target, clock } = this.#options
    const began = clock.now()
    // By weights: one that was told to go may be spelled otherwise from then on, as foreman's own load of it is forgotten.
    const going = new Set(keys.map(weightsIn))
    const listed = () => [...target.listedKeys()].filter((key) => going.has(weightsIn(key)))
    let told = -Infinity
    for (;;) {
      if (clock.now() - told >= again_ms) {
        told = clock.now()
        for (const key of listed()) await target.unload(key)
      } else await target.lookAnew()
      signal.throwIfAborted()
      // Without an answer nothing would be listed either.
      const seen = target.reading !== undefined && target.reading.at >= began
      if (seen && listed().length === 0) return true
      if (clock.now() - began >= limit_ms) return false
      await until(clock, clock.now() + look_ms, signal)
    }
  }
}
