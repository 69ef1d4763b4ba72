// What is expected to run when: the same schedule() run forward over the queue, on a time of its own. Pure. It assumes that
// nobody of people comes, that no job fails, and that the target is there; retries in backoff have no place until they are due.

import { Lineup, type Waiting } from './lineup.ts'
import { knownToFit } from './room.ts'
import { schedule, type Snapshot } from './schedule.ts'

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
 * The order in which these jobs will start, one job a step: whoever asks for it takes as many steps at once as time allows.
 * `jobs` by place; `free` is when the running job is expected to be done, undefined when nobody can tell; `running` is that
 * job's key. Of the snapshot's keys only `starvedSince` and `elsewhere` count: the rest is made from the jobs.
 */
export function* plan<W extends Waiting>(
  now: Snapshot,
  jobs: readonly W[],
  expected: Expected<W>,
  free: number | undefined,
  running?: string,
): Generator<Planned<W>, void, void> {
  const lineup = new Lineup(jobs, now.keys)
  const memory = new Memory(now)
  // Who runs may be loading still.
  if (running !== undefined) memory.bring(running)
  const sight: Snapshot = { ...now, ...undisturbed, now: free ?? now.now, resident: memory.resident }
  let known = free !== undefined
  for (let position = 1; lineup.waiting > 0; position++) {
    sight.listed = memory.listed
    sight.keys = lineup.candidates(sight.turn, memory.runners)
    const decision = schedule(sight)
    if (decision.act !== 'start') return
    sight.turn = decision.turn
    const job = lineup.take(decision.key, sight.now)
    const loads = memory.bring(decision.key)
    const load = loads ? expected.load(decision.key) : 0
    const work = expected.work(job)
    known &&= load !== undefined
    const startAt = known ? sight.now : undefined
    known &&= work !== undefined
    sight.now += (load ?? 0) + (work ?? 0)
    yield { job, position, loads, startAt, finishAt: known ? sight.now : undefined }
  }
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
  readonly #room: Snapshot['room']
  readonly #elsewhere: ReadonlySet<string>
  /** Every key that needs no load, as a snapshot has them. */
  readonly resident: Set<string>
  /** Those of them whose runner is in memory. */
  runners: ReadonlySet<string>
  listed: ReadonlySet<string>

  constructor({ keys, resident, listed, room }: Snapshot) {
    this.#room = room
    this.#elsewhere = new Set(keys.filter(({ elsewhere }) => elsewhere).map(({ key }) => key))
    this.resident = new Set(resident)
    this.runners = resident.difference(this.#elsewhere)
    this.listed = listed
  }

  /** A job of this key starts. True when its runner has to be loaded. */
  bring(key: string): boolean {
    if (this.resident.has(key)) return false
    const beside = new Set(this.listed).add(key)
    if (knownToFit(this.#room, beside)) {
      this.runners = new Set(this.runners).add(key)
      this.listed = beside
    } else {
      for (const runner of this.runners) this.resident.delete(runner)
      this.runners = this.listed = new Set([key])
    }
    this.resident.add(key)
    return true
  }
}
