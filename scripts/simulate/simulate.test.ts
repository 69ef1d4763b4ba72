// What the law promises, over the real code on a clock of its own. More seeds: `npm run simulate -- search 10000`.
import { describe, expect, test } from 'vitest'
import { drain, promote } from './policies.ts'
import { four, hot, hotModel, jobsAtOnce, oneCaller, peopleAtOnce, steadyJobs } from './scenarios.ts'
import { examine } from './search.ts'
import { mean } from './table.ts'
import { minute, second } from './setting.ts'
import { World } from './world.ts'

const seeds = Array.from({ length: 20 }, (_, seed) => seed)

test('on a burst promotion costs at most a tenth of what pure drain takes', () => {
  const end = (policy: typeof promote) => mean(seeds.map((seed) => jobsAtOnce(policy, seed, 5 * minute).end))
  expect(end(promote)).toBeLessThanOrEqual(1.1 * end(drain))
})

test('no job of twenty random days waits longer than its bound', () => {
  const [P, L, J, M] = [5 * minute, 20 * second, 25 * second, four.length]
  const bound = (M - 1) * (P + L + J) + Math.max(P, L + J)
  for (const seed of seeds) {
    for (const scenario of [steadyJobs, hotModel, jobsAtOnce]) {
      // From the moment at which a job is the oldest of its key.
      const lastStart = new Map<string, number>()
      const jobs = scenario(promote, seed, P).told.toSorted((a, b) => (a.sent ?? 0) - (b.sent ?? 0))
      for (const { key, came, sent = Infinity } of jobs) {
        expect(sent - Math.max(came, lastStart.get(key) ?? 0), `seed ${seed}`).toBeLessThanOrEqual(bound)
        lastStart.set(key, sent)
      }
    }
  }
})

describe('people', () => {
  test('in a burst need a load a model, known or not, and no longer than that and their answers', () => {
    for (const seed of seeds) {
      const world = peopleAtOnce({}, seed, 20 * second, 2 * second)
      expect([world.ollama.loads, world.bugs]).toEqual([4, []])
      expect(world.end).toBeLessThanOrEqual(1.1 * (4 * 20 + 100 * 2) * second)
    }
  })

  test('wait for another model at most the patience, what is in flight, and the load', () => {
    const world = oneCaller({}, 20 * second, 8 * second)
    expect(world.waits(true, 'b')[0]).toBeLessThanOrEqual((20 + 8 + 20) * second)
  })

  test('are never beyond their bound when it is known what fits, in 600 random configurations, nor before an idle target', () => {
    let tightest = 0
    for (let seed = 0; seed < 600; seed++) {
      const { share, bugs } = examine(seed)
      expect(bugs, `seed ${seed}`).toEqual([])
      expect(share, `seed ${seed}`).toBeLessThanOrEqual(1)
      tightest = Math.max(tightest, share)
    }
    // A bound that is never come near would prove little.
    expect(tightest).toBeGreaterThan(0.8)
  })

  test('are seldom beyond it while that is being learnt, and are never stuck', () => {
    const found = Array.from({ length: 200 }, (_, seed) => examine(seed, false))
    expect(found.flatMap(({ bugs }) => bugs)).toEqual([])
    // 3 of 10,000 are: a probe may have to wait once more.
    expect(found.filter(({ share }) => share > 1)).toEqual([])
  })

  test('lose no runner to the cure of a hang that is none', () => {
    const found = Array.from({ length: 400 }, (_, seed) => examine(seed, seed % 2 === 0))
    expect(found.filter(({ cures }) => cures > 0)).toEqual([])
  })
})

test('a job starts within Y + 2L + D from when it is its turn, and a job later where others fill the gaps beside people', () => {
  const [P, Y, L, D, J] = [5 * minute, 15 * minute, 20 * second, 5 * second, 30 * second]
  for (let seed = 0; seed < 20; seed++) {
    const world = new World({ learnt: ['a', 'c'] })
    hot(world, 'a', () => D, { until: 60 * minute, think: () => 3 * second })
    for (let i = 0; i < 100; i++) world.post(seed * second + i, 'a', J)
    world.post(minute, 'c', 10 * second)
    world.run()
    const waited = world.waits(false, 'c')[0]
    // The turn of the others goes on until it is overdue.
    expect(waited, `seed ${seed}`).toBeLessThanOrEqual(P + Y + 2 * L + D + J)
    expect(world.bugs).toEqual([])
    // Jobs on the people's own model went beside them all the while.
    const before = world.told.filter(({ people, key, ready = Infinity }) => !people && key === 'a' && ready < Y)
    expect(before.length).toBeGreaterThan(10)
  }
})

test('a job starts within Y + 2L + D though people never stop, and they are served first when its turn is over', () => {
  for (const pause of [0, 3 * second]) {
    const world = new World({ learnt: ['a', 'b', 'c'] })
    for (const key of ['a', 'b']) hot(world, key, () => 5 * second, { until: 60 * minute, think: () => pause })
    for (let i = 0; i < 20; i++) world.post(minute, 'c', 10 * second)
    world.run()
    const first = Math.min(...world.told.flatMap(({ people, ready }) => (people || ready === undefined ? [] : [ready])))
    const [Y, L, D] = [15 * minute, 20 * second, 5 * second]
    expect([first - minute <= Y + 2 * L + D, world.bugs]).toEqual([true, []])
    // A claim lasts C and a job longer at most, then people have their turn before the next one.
    expect(world.waits(true).at(-1)).toBeLessThanOrEqual(2 * minute + 4 * (10 + 20 + 20) * second)
  }
})
