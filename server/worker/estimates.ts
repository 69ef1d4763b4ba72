// How long loads and runs of each key took, as decayed means. Kept in memory: it is learnt again after a restart.

/** Means of what was seen of a key, in milliseconds; absent until something was. */
export interface Estimate {
  load?: number
  run?: number
  /** The slowest load. */
  slowest?: number
}

/** Weight of the newest observation. */
const newest = 0.3
const keysKept = 1000

export class Estimates {
  readonly all = new Map<string, Estimate>()

  saw(key: string, what: 'load' | 'run', ms: number): void {
    const known = this.all.get(key) ?? {}
    const before = known[what]
    // Deleting first keeps the map in order of use, so that the longest unused key is the one that goes.
    this.all.delete(key)
    const mean = before === undefined ? ms : before + newest * (ms - before)
    const slowest = what === 'load' ? { slowest: Math.max(known.slowest ?? 0, ms) } : {}
    this.all.set(key, { ...known, [what]: mean, ...slowest })
    if (this.all.size > keysKept) for (const oldest of this.all.keys()) return void this.all.delete(oldest)
  }
}
