// How long loads and runs of each key took, as decayed means. Kept in memory: it is learnt again after a restart.

import type { Estimate } from '../job/schedule.ts'

/** Weight of the newest observation. */
const newest = 0.3
const keysKept = 1000

export class Estimates {
  readonly all = new Map<string, Estimate>()

  saw(key: string, what: keyof Estimate, ms: number): void {
    const known = this.all.get(key) ?? {}
    const before = known[what]
    // Deleting first keeps the map in order of use, so that the longest unused key is the one that goes.
    this.all.delete(key)
    this.all.set(key, { ...known, [what]: before === undefined ? ms : before + newest * (ms - before) })
    if (this.all.size > keysKept) for (const oldest of this.all.keys()) return void this.all.delete(oldest)
  }
}
