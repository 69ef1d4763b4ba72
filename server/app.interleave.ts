// For tests of the whole: foreman's own requests in a random order at random moments. What a hang of the target is, and in
// front of which target this happens, is the test's affair. No part of the running foreman.
import type { Foreman } from './app.harness.ts'
import { until, type Clock } from './clock.ts'

/** Random choices that follow from a seed. */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** One of these. */
  of<T>(...sides: readonly T[]): T {
    this.#state = (this.#state * 48_271) % 2_147_483_647
    return sides[this.#state % sides.length] as T
  }
}

export interface Interleaving {
  foreman: Foreman
  clock: Clock
  dice: Dice
  /** Three completion models; the first is asked for with two sizes. */
  models: readonly [string, string, string]
  /** How many jobs come, one of these. */
  jobs: readonly number[]
  /** How much time passes between two happenings, one of these, milliseconds. */
  gaps: readonly number[]
  /** What is asked, one of these. */
  prompts: readonly string[]
  /** Lengths of answers, one of these, tokens; undefined leaves it to the model. */
  lengths: readonly (number | undefined)[]
}

/** A request with a runner of one of four kinds, two of them of the same weights, which may say how long it is to stay. */
function work({ dice, models: [twice, ...others], prompts, lengths }: Interleaving): object {
  const model = dice.of(twice, twice, ...others)
  const num_ctx = model === twice ? dice.of(undefined, undefined, undefined, 1024) : undefined
  const keep_alive = dice.of<string | number | undefined>(undefined, 0, '5m', -1, -1, -1)
  const num_predict = dice.of(...lengths)
  const messages = [{ role: 'user', content: dice.of(...prompts) }]
  const body = { model, messages, options: { num_ctx, num_predict }, keep_alive }
  return { request: { endpoint: '/api/chat', body }, timeout_s: 200 }
}

/** Some jobs that come at random moments, while what runs is cancelled, or also erased, at others; resolves when all are over. */
export async function interleave(interleaving: Interleaving): Promise<void> {
  const { foreman, clock, dice, jobs, gaps } = interleaving
  const { queue } = foreman.app
  const { signal } = new AbortController()
  const live = () => queue.total('queued') + queue.total('loading') + queue.total('working') > 0
  for (let left = dice.of(...jobs); left > 0 || live();) {
    if (left > 0 && dice.of(true, true, false)) {
      await foreman.submit(work(interleaving))
      left--
    } else if (dice.of(true, false)) {
      const last = foreman.lines.findLast(({ job }) => job !== undefined)
      if (last?.state === 'loading' || last?.state === 'working') {
        await foreman.post(`/jobs/${last.job}/cancel`)
        if (dice.of(true, false)) await foreman.call('DELETE', `/jobs/${last.job}`)
      }
    }
    await until(clock, clock.now() + dice.of(...gaps), signal)
  }
  await foreman.app.idle()
}
