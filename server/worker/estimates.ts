// How long loads and jobs take, as decayed means of what was seen: the load of each runner, the time of a token of each model,
// and for each model and endpoint the tokens of an answer and the rest of its time. There is no guess before the first
// observation. Kept over restarts by whoever is told of each change.
import type { Usage } from '../job/schema.ts'
import { kept, type Learnt } from '../store/learnt.ts'

export interface EstimatesOptions {
  /** What an earlier foreman had learnt, least recently used first. */
  learnt?: readonly Learnt[]
  onLearnt?: (learnt: Learnt) => void
}

/** Weight of the newest observation. */
const newest = 0.3
/**
 * What each faster load takes off the slowest one that is remembered: so much of the distance between the two. Half of one bad
 * load is forgotten after three good ones, nine tenths after ten; a load that is slow every few times stays in mind.
 */
const faded = 0.2

export class Estimates {
  readonly #learnt = new Map<string, Learnt>()
  readonly #onLearnt: (learnt: Learnt) => void

  constructor({ learnt = [], onLearnt = () => {} }: EstimatesOptions = {}) {
    this.#onLearnt = onLearnt
    for (const one of learnt) this.#learnt.set(one.name, one)
  }

  /** A runner was loaded in so many milliseconds. */
  loaded(key: string, ms: number): void {
    this.#saw(`load ${key}`, ms)
  }

  /** A job was done, `ms` after its request had been sent. */
  worked(model: string, endpoint: string, { output_tokens, output_ms }: Usage, ms: number): void {
    const tokens = output_tokens ?? 0
    // /v1 tells no times: all of it is then the rest.
    const speaking = tokens > 0 && output_ms !== undefined
    if (speaking) this.#saw(`token ${model}`, output_ms / tokens)
    this.#saw(`tokens ${model} ${endpoint}`, speaking ? tokens : 0)
    this.#saw(`rest ${model} ${endpoint}`, Math.max(0, ms - (speaking ? output_ms : 0)))
  }

  /** Milliseconds a load of this runner takes. */
  load(key: string): number | undefined {
    return this.#learnt.get(`load ${key}`)?.mean
  }

  /** The slowest load of this runner of late, 0 when none was seen. */
  slowestLoad(key: string): number {
    return this.#learnt.get(`load ${key}`)?.peak ?? 0
  }

  /** Milliseconds a job of this model and endpoint works, once its runner is there. */
  work(model: string, endpoint: string): number | undefined {
    const tokens = this.#learnt.get(`tokens ${model} ${endpoint}`)?.mean
    if (tokens === undefined) return undefined
    const rest = this.#learnt.get(`rest ${model} ${endpoint}`)?.mean
    const token = tokens === 0 ? 0 : this.#learnt.get(`token ${model}`)?.mean
    return rest === undefined || token === undefined ? undefined : tokens * token + rest
  }

  #saw(name: string, value: number): void {
    const known = this.#learnt.get(name)
    const mean = known ? known.mean + newest * (value - known.mean) : value
    const peak = known ? Math.max(value, known.peak + faded * (value - known.peak)) : value
    const learnt = { name, mean, peak }
    // Deleting first keeps the map in order of use, so that the longest unused one is the one that goes.
    this.#learnt.delete(name)
    this.#learnt.set(name, learnt)
    if (this.#learnt.size > kept) for (const oldest of this.#learnt.keys()) return void this.#learnt.delete(oldest)
    this.#onLearnt(learnt)
  }
}
