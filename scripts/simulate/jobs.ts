// The waiting jobs of a simulation, as the schedule sees them.
import type { WaitingKey } from '../../server/job/schedule.ts'

/** One request and what became of it. Undefined times: never. */
export interface Told {
  key: string
  people: boolean
  came: number
  sent?: number
  /** Its runner was there. */
  ready?: number
  end?: number
}

interface Posted {
  at: number
  job: Told
  takes: number
}

export class Jobs {
  readonly #waiting = new Map<string, { jobs: (Posted & { place: number })[]; next: number; lastStart: number }>()
  readonly #arrivals: number[] = []

  add(posted: Posted): void {
    const { key } = posted.job
    const queue = this.#waiting.get(key) ?? { jobs: [], next: 0, lastStart: 0 }
    this.#waiting.set(key, queue)
    queue.jobs.push({ ...posted, place: this.#arrivals.push(posted.at) })
  }

  take(key: string, now: number): Posted {
    const queue = this.#waiting.get(key)!
    queue.lastStart = now
    return queue.jobs[queue.next++]!
  }

  queuedAt(place: number): number {
    return this.#arrivals[place - 1] ?? Infinity
  }

  get keys(): WaitingKey[] {
    const keys: WaitingKey[] = []
    for (const [key, { jobs, next, lastStart }] of this.#waiting) {
      const first = jobs[next]
      if (first)
        keys.push({ key, waiting: jobs.length - next, head: first.place, starvedSince: Math.max(first.at, lastStart) })
    }
    return keys
  }
}
