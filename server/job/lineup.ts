// The jobs that wait in a plan, by key. It answers the few keys among which the next decision can choose, so that a plan
// over many keys does not look at all of them for each job. Law and time are not here: schedule.ts decides.

import type { Snapshot, WaitingKey } from './schedule.ts'

/** A waiting job. Times are monotonic milliseconds. */
export interface Waiting {
  place: number
  /** Its runner. */
  key: string
  queuedAt: number
}

interface Line<T> {
  key: string
  /** In order of place; those before `next` have started. */
  jobs: T[]
  next: number
  lastStart: number
  /** The one entry of the heap that counts. */
  standing: Standing<T> | null
}

/** Where a line stood when it was put here; it may have moved back since. */
interface Standing<T> {
  line: Line<T>
  starvedSince: number
  head: number
}

export class Lineup<T extends Waiting> {
  waiting = 0
  #lines = new Map<string, Line<T>>()
  /** A binary heap, the longest starved on top. */
  #heap: Standing<T>[] = []

  /** `keys` tells since when the lines starve; `jobs` are those that wait, in order of place. */
  constructor(jobs: readonly T[], keys: readonly WaitingKey[]) {
    for (const job of jobs) this.#line(job.key).jobs.push(job)
    this.waiting = jobs.length
    for (const { key, starvedSince } of keys) {
      const line = this.#lines.get(key)
      const head = line?.jobs[0]
      if (line && head && starvedSince > head.queuedAt) line.lastStart = starvedSince
    }
    for (const line of this.#lines.values()) this.#push(standing(line))
  }

  /** Starts the oldest job of a key. */
  take(key: string, now: number): T {
    const line = this.#lines.get(key)!
    const job = line.jobs[line.next]!
    line.next += 1
    line.lastStart = now
    this.waiting -= 1
    return job
  }

  /**
   * The keys that job/schedule.ts can choose: that of the turn, the one that claims, those in memory, and of all but the
   * turn's the longest starved. Any other would lose against that one.
   */
  candidates({ turn, claim, resident }: Pick<Snapshot, 'turn' | 'claim' | 'resident'>): WaitingKey[] {
    const own = turn ? this.#lines.get(turn.key) : undefined
    const lines: Line<T>[] = []
    const name = (line: Line<T> | undefined) => {
      if (line && isWaiting(line) && !lines.includes(line)) lines.push(line)
    }
    name(own)
    if (claim !== null) name(this.#lines.get(claim))
    for (const key of resident) name(this.#lines.get(key))
    name(this.#longestStarved(own))
    return lines.map((line) => {
      const { starvedSince, head } = standing(line)
      return { key: line.key, waiting: line.jobs.length - line.next, head, starvedSince }
    })
  }

  #line(key: string): Line<T> {
    let line = this.#lines.get(key)
    if (!line) this.#lines.set(key, (line = { key, jobs: [], next: 0, lastStart: -Infinity, standing: null }))
    return line
  }

  #longestStarved(except: Line<T> | undefined): Line<T> | undefined {
    let aside: Standing<T> | undefined
    let found: Line<T> | undefined
    while (this.#heap.length > 0 && !found) {
      const top = this.#heap[0]!
      const { line } = top
      if (line.standing !== top) this.#pop()
      else if (!isWaiting(line)) this.#pop().line.standing = null
      else {
        const now = standing(line)
        // A line that was served has gone back since it was put here: it is put where it belongs, and the next is looked at.
        if (isBefore(top, now)) {
          this.#pop()
          this.#push(now)
        } else if (line === except) aside = this.#pop()
        else found = line
      }
    }
    if (aside) this.#push(aside)
    return found
  }

  #push(one: Standing<T>): void {
    const heap = this.#heap
    one.line.standing = one
    let at = heap.push(one) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(one, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = one
  }

  #pop(): Standing<T> {
    const heap = this.#heap
    const top = heap[0]!
    const last = heap.pop()!
    for (let at = 0; heap.length > 0;) {
      let child = 2 * at + 1
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1
      if (child >= heap.length || !isBefore(heap[child]!, last)) {
        heap[at] = last
        break
      }
      heap[at] = heap[child]!
      at = child
    }
    return top
  }
}

function isWaiting(line: Line<Waiting>): boolean {
  return line.next < line.jobs.length
}

function standing<T extends Waiting>(line: Line<T>): Standing<T> {
  const { place, queuedAt } = line.jobs[line.next]!
  return { line, starvedSince: Math.max(queuedAt, line.lastStart), head: place }
}

function isBefore(a: Standing<Waiting>, b: Standing<Waiting>): boolean {
  return (a.starvedSince - b.starvedSince || a.head - b.head) < 0
}
