import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { firstComeLoads } from '../job/runners.ts'
import { Arrivals, type Started } from './arrivals.ts'

const nothing = new Set<string>()
const job = (place: number, key: string, loads: boolean): Started => ({ place, key, loads })

test('jobs that were drained are counted against the order in which they came', () => {
  const arrivals = new Arrivals()
  // Handed in as a b a b, run as a a b b: two loads instead of four.
  const told: number[] = []
  for (const [one, oldest] of [
    [job(1, 'a', true), 2],
    [job(3, 'a', false), 2],
    [job(2, 'b', true), 4],
    [job(4, 'b', false), Infinity],
  ] as const) {
    arrivals.started(one, nothing)
    told.push(arrivals.settled(oldest))
  }
  expect(told).toEqual([0, 0, 1, 1])
})

test('nothing is told of jobs that ran as they came, or of an order that was worse', () => {
  const arrivals = new Arrivals()
  arrivals.started(job(1, 'a', true), nothing)
  arrivals.started(job(2, 'a', true), new Set(['a']))
  expect(arrivals.settled(Infinity)).toBe(0)
  // The load too many is made up for before anything is told again.
  arrivals.started(job(4, 'b', true), new Set(['a']))
  arrivals.started(job(6, 'b', false), new Set(['b']))
  arrivals.started(job(3, 'b', false), new Set(['b']))
  arrivals.started(job(5, 'a', true), new Set(['b']))
  expect(arrivals.settled(Infinity)).toBe(0)
})

test('a target that was seen to hold two holds two in the order of arrival too', () => {
  const loads = (listed: ReadonlySet<string>) => {
    const arrivals = new Arrivals()
    arrivals.started(job(1, 'a', true), nothing)
    arrivals.started(job(3, 'a', false), listed)
    arrivals.started(job(2, 'b', true), listed)
    arrivals.started(job(4, 'b', false), listed)
    return arrivals.settled(Infinity)
  }
  expect(loads(new Set(['a']))).toBe(2)
  expect(loads(new Set(['a', 'x']))).toBe(0)
})

test('what was in memory before the first job is no saving', () => {
  const arrivals = new Arrivals()
  arrivals.started(job(1, 'a', false), new Set(['a']))
  expect(arrivals.settled(Infinity)).toBe(0)
})

test('what left the memory while nothing was to do is in neither', () => {
  const arrivals = new Arrivals()
  for (let place = 1; place <= 50; place++) {
    arrivals.started(job(place, 'a', true), nothing)
    expect(arrivals.settled(Infinity)).toBe(0)
  }
  for (const one of [job(51, 'a', true), job(53, 'a', false), job(52, 'b', true)])
    arrivals.started(one, one.loads ? nothing : new Set(['a']))
  expect(arrivals.settled(Infinity)).toBe(1)
})

test('one that waits for ever does not make the others be kept for ever', () => {
  const arrivals = new Arrivals()
  let told = 0
  for (let place = 2; place <= 30_001; place++) {
    arrivals.started(job(place, place % 2 ? 'a' : 'b', false), new Set(['a']))
    told += arrivals.settled(1)
  }
  expect(told).toBe(20_000)
})

test('over random orders of running the sum is the difference to the whole replay, and never less than before', () => {
  const key = fc.constantFrom('a', 'b', 'c')
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.integer()), { minLength: 1, maxLength: 40 }), (jobs) => {
      const queue = jobs.map(([key, order], i) => ({ place: i + 1, key, order }))
      const arrivals = new Arrivals()
      let told = 0
      let held = 'x'
      let loads = 0
      const waiting = new Set(queue.map(({ place }) => place))
      for (const { place, key } of queue.toSorted((a, b) => a.order - b.order)) {
        arrivals.started({ place, key, loads: held !== key }, new Set([held]))
        loads += Number(held !== key)
        held = key
        waiting.delete(place)
        const news = arrivals.settled(Math.min(...waiting))
        expect(news).toBeGreaterThanOrEqual(0)
        told += news
      }
      const replayed = firstComeLoads(
        queue.map(({ key }) => key),
        1,
      )
      expect(told).toBeGreaterThanOrEqual(replayed - loads)
      // It may have been ahead at some time, by as many as the replay had loads until then.
      expect(told).toBeLessThanOrEqual(replayed)
    }),
  )
})
