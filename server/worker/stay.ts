// How long the runner of a job stays in memory. The last request that carries keep_alive decides that in Ollama, so foreman sends
// none but in two cases: with the last job there is, if that is configured, and for a runner that went although its turn goes on.

import type { Clock } from '../clock.ts'
import { weightsIn } from '../job/room.ts'
import { tooOldMs } from '../ollama/residents.ts'
import type { Target } from '../ollama/target.ts'
import type { People } from '../people/people.ts'
import type { Queue } from '../queue/queue.ts'
import type { JobRow } from '../store/jobs.ts'
import type { Ended } from './run.ts'
import type { Trust } from './trust.ts'
import type { Turns } from './turns.ts'

export interface StayOptions {
  target: Pick<Target, 'reading' | 'runnerKey' | 'unload'>
  people: Pick<People, 'crowds' | 'strangers'>
  queue: Pick<Queue, 'total'>
  clock: Clock
  turns: Pick<Turns, 'current'>
  trust: Pick<Trust, 'shaken'>
  /** keep_alive of the last job of an emptied queue, milliseconds; Infinity: for ever, null: the target's own. */
  keepAliveAfter: number | null
}

/** What is to stay for less is unloaded after the job: told before, it would be gone before the job came. */
const least_ms = 1_000

export class Stay {
  readonly #options: StayOptions
  /** The turn in which the last job was done, and when: its runner was in memory then. */
  #left: { turn: Turns['current']; at: number } | undefined

  constructor(options: StayOptions) {
    this.#options = options
  }

  /** A queued job is about to start: what its runner is told before the work, as Ollama reads it. */
  starts(row: JobRow, resident: boolean): string | undefined {
    const { queue, keepAliveAfter: after } = this.#options
    const vanished = !resident && this.#vanished(weightsIn(this.#options.target.runnerKey(row.key)))
    this.#left = undefined
    const last = queue.total('queued') === 1
    if (last && after !== null && after >= least_ms) return after === Infinity ? '-1s' : `${after}ms`
    return vanished ? '1m' : undefined
  }

  /** A job has had its runner. Resolves when that was told to go, if it has to: a job that comes meanwhile would lose it. */
  async ended(row: JobRow, ended: Ended): Promise<void> {
    const { target, people, queue, clock, turns, keepAliveAfter: after } = this.#options
    if (ended === 'done') this.#left = { turn: turns.current, at: clock.now() }
    if (after === null || after >= least_ms || queue.total('queued') > 0 || people.strangers > 0) return
    const key = target.runnerKey(row.key)
    const wanted = people.crowds.some((crowd) => crowd.flight + crowd.held > 0 && sameWeights(crowd.key, key))
    if (wanted) return
    this.#left = undefined
    await target.unload(key)
  }

  /**
   * The runner was seen to be gone although the turn goes on, and for no reason that foreman knows of: it was not away itself,
   * no other model of people's was used, and a runner that foreman told to go was not left behind by a job that was done.
   */
  #vanished(weights: string): boolean {
    const { target, people, clock, turns, trust } = this.#options
    const left = this.#left
    if (!left?.turn || left.turn !== turns.current || trust.shaken || people.strangers > 0) return false
    const { reading } = target
    // What was read before, or too long ago, does not say that it went.
    if (reading === undefined || reading.at < left.at || clock.now() - reading.at > tooOldMs) return false
    return people.crowds.every(
      ({ key, used, flight }) => weightsIn(key) === weights || (flight === 0 && used < left.at),
    )
  }
}

function sameWeights(a: string, b: string): boolean {
  return weightsIn(a) === weightsIn(b)
}
