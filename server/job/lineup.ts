// The jobs that wait in a plan, by key. It answers the few keys among which the next decision can choose, so that a plan
// over many keys does not look at all of them for each job. Law and time are not here: schedule.ts decides.

import type { Turn, WaitingKey } from './schedule.ts'

/** A waiting job. Times are monotonic milliseconds. */
export interface Waiting {
  place: number
  /** Its runner. */
  key: string
  queuedAt: number
}

/** A key with its jobs in order of place, `waiting` of them not started. */
interface Line<T> extends WaitingKey {
  jobs: T[]
}

export class Lineup<T extends Waiting> {
  waiting = 0
  #lines = new Map<string, Line<T>>()
  #all = new Ranks()
  /** Those of models that run elsewhere, and so need no load. */
  #elsewhere = new Ranks()

  /** `keys` tells since when the lines starve, and which run elsewhere; `jobs` are those that wait, in order of place. */
  constructor(jobs: readonly T[], keys: readonly WaitingKey[]) {
    for (const job of jobs) this.#add(job)
    this.waiting = jobs.length
    for (const { key, starvedSince, elsewhere } of keys) {
      const line = this.#lines.get(key)
      if (!line) continue
      line.starvedSince = Math.max(line.starvedSince, starvedSince)
      if (elsewhere) this.#elsewhere.add(line)
    }
    for (const line of this.#lines.values()) this.#all.add(line)
  }

  /** Starts the oldest job of a key. */
  take(key: string, now: number): T {
    const line = this.#lines.get(key)!
    const { jobs } = line
    const job = jobs[jobs.length - line.waiting]!
    line.waiting -= 1
    this.waiting -= 1
    const next = jobs[jobs.length - line.waiting]
    if (next) {
      line.head = next.place
      line.starvedSince = Math.max(next.queuedAt, now)
    }
    return job
  }

  /**
   * The keys that job/schedule.ts can choose while nothing is claimed: that of the turn, those whose runner is in memory, and
   * of all but the turn's the longest starved, also of those elsewhere. Any other would lose against one of these. They hold
   * until the next job is taken.
   */
  candidates(turn: Turn | null, runners: ReadonlySet<string>): WaitingKey[] {
    const own = turn ? this.#lines.get(turn.key) : undefined
    const found: WaitingKey[] = []
    add(found, own)
    for (const key of runners) add(found, this.#lines.get(key))
    add(found, this.#elsewhere.first(own))
    add(found, this.#all.first(own))
    return found
  }

  #add(job: T): void {
    const { key, place, queuedAt } = job
    const line = this.#lines.get(key)
    if (!line) this.#lines.set(key, { key, jobs: [job], waiting: 1, head: place, starvedSince: queuedAt })
    else line.waiting = line.jobs.push(job)
  }
}

function add(found: WaitingKey[], one: WaitingKey | undefined): void {
  if (one && one.waiting > 0 && !found.includes(one)) found.push(one)
}

type Rank = Pick<WaitingKey, 'starvedSince' | 'head'>

/** Where a key stood when it was put into its ranks; it may have moved back since. */
interface Standing extends Rank {
  one: WaitingKey
}

/** Keys by how long they starve: a binary heap, the longest starved on top. */
class Ranks {
  readonly #heap: Standing[] = []

  add(one: WaitingKey): void {
    this.#push({ one, starvedSince: one.starvedSince, head: one.head })
  }

  /** The longest starved one of those that wait. */
  first(except: WaitingKey | undefined): WaitingKey | undefined {
    let aside: Standing | undefined
    let found: WaitingKey | undefined
    for (let top = this.#heap[0]; top && !found; top = this.#heap[0]) {
      const { one } = top
      if (one.waiting === 0) this.#pop()
      else if (isBefore(top, one)) {
        // It was served since it was put here: it goes where it belongs now, and the next is looked at.
        top.starvedSince = one.starvedSince
        top.head = one.head
        this.#sink(top)
      } else if (one === except) {
        aside = top
        this.#pop()
      } else found = one
    }
    if (aside) this.#push(aside)
    return found
  }

  #push(standing: Standing): void {
    const heap = this.#heap
    let at = heap.push(standing) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(standing, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = standing
  }

  #pop(): void {
    const last = this.#heap.pop()!
    if (this.#heap.length > 0) this.#sink(last)
  }

  /** Puts one in the place of the top, and down from there. */
  #sink(standing: Standing): void {
    const heap = this.#heap
    for (let at = 0; ;) {
      let child = 2 * at + 1
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1
      if (child >= heap.length || !isBefore(heap[child]!, standing)) {
        heap[at] = standing
        return
      }
      heap[at] = heap[child]!
      at = child
    }
  }
}

function isBefore(a: Rank, b: Rank): boolean {
  return (a.starvedSince - b.starvedSince || a.head - b.head) < 0
}
