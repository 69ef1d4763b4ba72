// The same jobs, first come, first served: what is started is fed, in order of arrival, to a simulated target that runs it
// so, and its loads are compared with the real ones. Each job counts once, on both sides at the same moment, at its first
// start; what was canceled before counts on neither. People are not replayed: a load that they caused counts only against
// foreman, so the figure is rather too small.

import { use, type Held } from '../job/runners.ts'

/** A job that starts for the first time. */
export interface Started {
  /** Queue place: the order of arrival. */
  place: number
  /** Its affinity key, names of one runner spelled alike. */
  key: string
  loads: boolean
}

/** Jobs that may have started while an older one waits, before the oldest of them is fed all the same. */
const ahead = 10_000

export class Arrivals {
  /** Started, in order of place, but behind one that waits. */
  #early: Started[] = []
  /** What it holds; undefined before the first job. */
  #held: Held | undefined
  /** The most runners that were seen in memory together: so many the simulated target holds. */
  #room = 1
  /** Its loads beyond the real ones. */
  #saved = 0
  #told = 0

  /** A job starts for the first time; `listed` are the runners in memory before that. */
  started(job: Started, listed: ReadonlySet<string>): void {
    this.#room = Math.max(this.#room, listed.size)
    // What others have loaded before the first job is there in either order.
    this.#held ??= [...listed]
    // Nothing is behind or ahead of it and nothing is in memory: nothing would be there in the order of arrival either.
    if (this.#early.length === 0 && listed.size === 0) this.#held = []
    let at = this.#early.length
    while (at > 0 && this.#early[at - 1]!.place > job.place) at -= 1
    this.#early.splice(at, 0, job)
    if (this.#early.length > ahead) this.#feed(this.#early.shift()!)
  }

  /**
   * Everything older than `oldest`, the first place that waits, has started or never will. Answers how many more loads than
   * told before the order of arrival would have needed; never less than 0.
   */
  settled(oldest: number): number {
    let fed = 0
    while (fed < this.#early.length && this.#early[fed]!.place < oldest) this.#feed(this.#early[fed++]!)
    this.#early.splice(0, fed)
    const news = Math.max(0, this.#saved - this.#told)
    this.#told += news
    return news
  }

  #feed({ key, loads }: Started): void {
    const used = use(this.#held ?? [], key, (keys) => keys.size <= this.#room)
    this.#held = used.held
    this.#saved += Number(used.loads) - Number(loads)
  }
}
