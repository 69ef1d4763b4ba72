// What is expected to run when: the same schedule() run forward over the queue, on a time of its own. Pure. It assumes that
// nobody of people comes, that no job fails, and that the target is there; retries in backoff have no place until they are due.

import { Lineup, type Waiting } from './lineup.ts'
import { fits } from './room.ts'
import { schedule, type Snapshot, type Turn } from './schedule.ts'

/** How long things take, in milliseconds; undefined: nobody has seen it. */
export interface Expected<W extends Waiting> {
  load: (key: string) => number | undefined
  work: (job: W) => number | undefined
}

export interface Planned<W extends Waiting> {
  job: W
  /** 1 is next. */
  position: number
  /** Its runner has to be loaded first. */
  loads: boolean
  /** Monotonic milliseconds; undefined as soon as something before it could not be estimated. */
  startAt: number | undefined
  finishAt: number | undefined
}

/**
 * The order in which these jobs will start. `jobs` by place; `free` is when the running job is expected to be done, undefined
 * when nobody can tell. Of the snapshot's keys only `starvedSince` counts: the rest is made from the jobs.
 */
export function plan<W extends Waiting>(
  now: Snapshot,
  jobs: readonly W[],
  expected: Expected<W>,
  free: number | undefined,
): Planned<W>[] {
  const lineup = new Lineup(jobs, now.keys)
  const memory = new Memory(now)
  const planned: Planned<W>[] = []
  let turn: Turn | null = now.turn
  let at = free ?? now.now
  let known = free !== undefined
  while (lineup.waiting > 0) {
    const decision = schedule({
      ...undisturbed,
      ...memory.seen,
      now: at,
      keys: lineup.candidates({ turn, claim: null, resident: memory.seen.resident }),
      turn,
      limits: now.limits,
      room: now.room,
    })
    if (decision.act !== 'start') break
    turn = decision.turn
    const job = lineup.take(decision.key, at)
    const loads = memory.bring(decision.key)
    const load = loads ? expected.load(decision.key) : 0
    const work = expected.work(job)
    known &&= load !== undefined
    const startAt = known ? at : undefined
    known &&= work !== undefined
    at += (load ?? 0) + (work ?? 0)
    planned.push({ job, position: planned.length + 1, loads, startAt, finishAt: known ? at : undefined })
  }
  return planned
}

const undisturbed = {
  people: [],
  strangers: 0,
  yielding: null,
  claim: null,
  claimedAt: null,
  target: 'awake',
  paused: false,
} satisfies Partial<Snapshot>

/** What will be in the target's memory. What is not known to fit beside the others takes their place. */
class Memory {
  readonly #now: Snapshot
  seen: Pick<Snapshot, 'resident' | 'listed'>

  constructor(now: Snapshot) {
    this.#now = now
    this.seen = { resident: now.resident, listed: now.listed }
  }

  /** A job of this key starts. True when its runner has to be loaded. */
  bring(key: string): boolean {
    if (this.seen.resident.has(key)) return false
    const { room, now } = this.#now
    const beside = new Set([...this.seen.listed, key])
    const together = fits(room, beside, now) === true
    this.seen = {
      resident: new Set([...(together ? this.seen.resident : []), key]),
      listed: together ? beside : new Set([key]),
    }
    return true
  }
}
