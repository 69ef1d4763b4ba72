import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { snapshot } from './facts.harness.ts'
import { Lineup, type Waiting } from './lineup.ts'
import { plan as stepwise } from './plan.ts'
import { schedule, type Snapshot } from './schedule.ts'

const jobs = (...keys: string[]): Waiting[] => keys.map((key, i) => ({ place: i + 1, key, queuedAt: 1000 }))
const expected = { load: () => 20, work: () => 5 }
const plan = (...args: Parameters<typeof stepwise>) => [...stepwise(...args)]

test('jobs come model by model, loads before each turn, times one after the other', () => {
  const planned = plan(snapshot(), jobs('a', 'b', 'a', 'b'), expected, 1000)
  expect(
    planned.map(({ job, position, loads, startAt, finishAt }) => [job.place, position, loads, startAt, finishAt]),
  ).toEqual([
    [1, 1, true, 1000, 1025],
    [3, 2, false, 1025, 1030],
    [2, 3, true, 1030, 1055],
    [4, 4, false, 1055, 1060],
  ])
})

test('what is loaded and whose turn it is goes on, and the running job comes first', () => {
  const facts = { resident: new Set(['b']), listed: new Set(['b']), turn: { key: 'b', since: 900 } }
  const planned = plan(snapshot(facts), jobs('a', 'b'), expected, 1100)
  expect(planned.map(({ job, loads, startAt }) => [job.key, loads, startAt])).toEqual([
    ['b', false, 1100],
    ['a', true, 1105],
  ])
})

test('the runner of the job that runs is there by then, and whatever may not fit beside it is not', () => {
  const facts = { resident: new Set(['b']), listed: new Set(['b']), turn: { key: 'a', since: 900 } }
  const planned = plan(snapshot(facts), jobs('a', 'b'), expected, 1100, 'a')
  expect(planned.map(({ job, loads, startAt }) => [job.key, loads, startAt])).toEqual([
    ['a', false, 1100],
    ['b', true, 1105],
  ])
})

test('jobs of models that run elsewhere need no load, come before one, and push nobody out', () => {
  const elsewhere = { waiting: 1, starvedSince: 1000, elsewhere: true as const }
  const keys = [
    { key: 'x', head: 2, ...elsewhere },
    { key: 'y', head: 4, ...elsewhere },
  ]
  const facts = { keys, resident: new Set(['a', 'x', 'y']), listed: new Set(['a']), turn: { key: 'x', since: 900 } }
  const planned = plan(snapshot(facts), jobs('b', 'x', 'a', 'y', 'x', 'b'), expected, 1000)
  expect(planned.map(({ job, loads }) => [job.place, job.key, loads])).toEqual([
    [2, 'x', false],
    [5, 'x', false],
    [3, 'a', false],
    [4, 'y', false],
    [1, 'b', true],
    [6, 'b', false],
  ])
})

test('a plan goes no further than it is asked to', () => {
  let asked = 0
  const steps = stepwise(snapshot(), jobs('a', 'b', 'a'), { load: () => 20, work: () => (asked++, 5) }, 1000)
  expect(asked).toBe(0)
  for (const place of [1, 3]) expect(steps.next().value).toMatchObject({ job: { place } })
  expect(asked).toBe(2)
})

test('the people who are there and a pause change the times, not the order', () => {
  const paused = plan(snapshot({ paused: true, target: 'asleep' }), jobs('a', 'b', 'a'), expected, undefined)
  expect(paused.map(({ job, startAt }) => [job.place, startAt])).toEqual([
    [1, undefined],
    [3, undefined],
    [2, undefined],
  ])
})

describe('without a measurement there is no estimate', () => {
  test('from a job on whose load nobody knows, its start among them', () => {
    const load = (key: string) => (key === 'a' ? 20 : undefined)
    const planned = plan(snapshot(), jobs('a', 'b', 'b'), { load, work: () => 5 }, 1000)
    expect(planned.map(({ startAt, finishAt }) => [startAt, finishAt])).toEqual([
      [1000, 1025],
      [undefined, undefined],
      [undefined, undefined],
    ])
  })
  test('of the end of a job whose work nobody knows, and of all after it', () => {
    const planned = plan(snapshot(), jobs('a', 'a'), { load: () => 20, work: () => undefined }, 1000)
    expect(planned.map(({ startAt, finishAt }) => [startAt, finishAt])).toEqual([
      [1000, undefined],
      [undefined, undefined],
    ])
  })
})

test('it is what the schedule says again and again, for any queue', () => {
  const queue = fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'x', 'y'), queuedAt: fc.nat(1000) }), {
    maxLength: 60,
  })
  fc.assert(
    fc.property(
      queue,
      fc.integer({ min: 1, max: 400 }),
      fc.nat(50),
      fc.integer({ min: 1, max: 50 }),
      (of, patience, load, work) => {
        const waiting = of.map((job, i) => ({ ...job, place: i + 1 }))
        const limits = { ...snapshot().limits, patience }
        const elsewhere = ['x', 'y']
        const first = elsewhere.map((key) => ({ key, waiting: 1, head: 0, starvedSince: 0, elsewhere: true as const }))
        let resident = new Set(elsewhere)
        const facts = { limits, keys: first, resident, listed: new Set<string>() }
        const planned = plan(snapshot(facts), waiting, { load: () => load, work: () => work }, 1000)
        let now = 1000
        let turn: Snapshot['turn'] = null
        const starts = new Map<string, number>()
        const left = [...waiting]
        const order: number[] = []
        while (left.length > 0) {
          const keys = [...new Set(left.map(({ key }) => key))].map((key) => {
            const of = left.filter((job) => job.key === key)
            const since = Math.max(of[0]!.queuedAt, starts.get(key) ?? 0)
            return { key, waiting: of.length, head: of[0]!.place, starvedSince: since }
          })
          const listed = resident.difference(new Set(elsewhere))
          const decision = schedule(snapshot({ limits, now, keys, turn, resident, listed }))
          if (decision.act !== 'start') throw new Error(decision.act)
          order.push(decision.place)
          left.splice(
            left.findIndex(({ place }) => place === decision.place),
            1,
          )
          turn = decision.turn
          starts.set(decision.key, now)
          now += work + (resident.has(decision.key) ? 0 : load)
          if (!resident.has(decision.key)) resident = new Set([...elsewhere, decision.key])
        }
        expect(planned.map(({ job }) => job.place)).toEqual(order)
        expect(planned.at(-1)?.finishAt ?? 1000).toBe(now)
      },
    ),
    { numRuns: 500 },
  )
})

test('a decision is given a handful of keys, however many wait, in memory or elsewhere', () => {
  const waiting = jobs(...Array.from({ length: 3000 }, (_, i) => `k${i % 1000}`))
  const keys = Array.from({ length: 500 }, (_, i) => ({ key: `k${i}`, waiting: 3, head: i + 1, starvedSince: 0 }))
  const lineup = new Lineup(
    waiting,
    keys.map((key) => ({ ...key, elsewhere: true })),
  )
  const runners = new Set(['k998', 'k999'])
  for (let now = 2000; lineup.waiting > 0; now++) {
    const candidates = lineup.candidates({ key: `k${now % 1000}`, since: now }, runners)
    expect(candidates.length).toBeLessThanOrEqual(5)
    lineup.take(candidates.at(-1)!.key, now)
  }
})
