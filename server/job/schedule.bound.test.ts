// The promise of the schedule, over random histories of the real decision: from the moment a job is the oldest waiting
// one of its key it starts within (M-1)(P+L+J) + max(P, L+J) of time in which the target is up.
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { schedule, type Snapshot } from './schedule.ts'

interface Arrival {
  at: number
  key: string
  run: number
}

interface History {
  patience: number
  load: number
  /** How many runners the target holds. */
  room: number
  arrivals: Arrival[]
}

interface Start {
  place: number
  key: string
  at: number
  /** Since when it was the oldest of its key. */
  oldestSince: number
}

/** A target with room for some runners, and one worker that does what the schedule says. */
function simulate({ patience, load, room, arrivals }: History): { starts: Start[]; loads: number } {
  const coming = arrivals.map((arrival, i) => ({ ...arrival, place: i + 1 })).sort((a, b) => a.at - b.at)
  // Places are given in the order of arrival.
  coming.forEach((job, i) => (job.place = i + 1))
  const waiting = new Map<string, (typeof coming)[number][]>()
  const lastStart = new Map<string, number>()
  const resident: string[] = []
  const starts: Start[] = []
  let now = 0
  let loads = 0
  let turn: Snapshot['turn'] = null
  while (coming.length > 0 || waiting.size > 0) {
    while (coming[0] && coming[0].at <= now) {
      const job = coming.shift() as (typeof coming)[number]
      waiting.set(job.key, [...(waiting.get(job.key) ?? []), job])
    }
    const keys = [...waiting].map(([key, jobs]) => ({
      key,
      waiting: jobs.length,
      head: jobs[0]?.place ?? 0,
      starvedSince: Math.max(jobs[0]?.at ?? 0, lastStart.get(key) ?? 0),
    }))
    const decision = schedule({
      now,
      keys,
      resident: new Set(resident),
      turn,
      people: [],
      room: { fit: [], clash: [] },
      yielding: null,
      claim: null,
      claimedAt: null,
      target: 'awake',
      paused: false,
      limits: { patience, peoplePatience: 10, hold: 60, yieldMax: 900, claim: 120 },
      listed: new Set(resident),
      strangers: 0,
    })
    if (decision.act !== 'start') {
      now = coming[0]?.at ?? now
      continue
    }
    const jobs = waiting.get(decision.key) as (typeof coming)[number][]
    const job = jobs.shift() as (typeof coming)[number]
    // The oldest of its key, by the place that was decided: none overtakes an older one.
    expect(decision.place).toBe(job.place)
    starts.push({ ...job, at: now, oldestSince: Math.max(job.at, lastStart.get(job.key) ?? 0) })
    if (jobs.length === 0) waiting.delete(job.key)
    lastStart.set(job.key, now)
    turn = decision.turn
    const there = resident.indexOf(job.key)
    if (there >= 0) resident.splice(there, 1)
    else {
      loads += 1
      now += load
    }
    resident.push(job.key)
    if (resident.length > room) resident.shift()
    now += job.run
  }
  return { starts, loads }
}

/** The longest wait as a share of its bound. */
function tightest(history: History): number {
  const { patience, load, arrivals } = history
  const longest = Math.max(...arrivals.map((a) => a.run))
  const names = new Set(arrivals.map((a) => a.key)).size
  const bound = (names - 1) * (patience + load + longest) + Math.max(patience, load + longest)
  return Math.max(...simulate(history).starts.map(({ at, oldestSince }) => (at - oldestSince) / bound))
}

const histories: fc.Arbitrary<History> = fc
  .record({
    patience: fc.integer({ min: 1, max: 400 }),
    load: fc.integer({ min: 0, max: 200 }),
    room: fc.integer({ min: 1, max: 3 }),
    names: fc.integer({ min: 1, max: 5 }),
    spread: fc.constantFrom(1, 200, 3000),
    longest: fc.constantFrom(1, 40, 300),
    dice: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(99), fc.nat(999)), {
      minLength: 1,
      maxLength: 60,
    }),
  })
  .map(({ names, spread, longest, dice, ...rest }) => ({
    ...rest,
    arrivals: dice.map(([at, name, run]) => ({
      at: Math.floor(at * spread),
      key: String(name % names),
      run: 1 + (run % longest),
    })),
  }))

test('no job waits longer than the bound, in 5,000 random histories', () => {
  let worst = 0
  fc.assert(
    fc.property(histories, (history) => {
      const share = tightest(history)
      worst = Math.max(worst, share)
      expect(share).toBeLessThanOrEqual(1)
    }),
    { numRuns: 5000 },
  )
  // A bound that is never come near would prove little.
  expect(worst).toBeGreaterThan(0.5)
})

test('two heavy old keys that alternate do not starve a third', () => {
  const heavy = (key: string) => Array.from({ length: 100 }, () => ({ at: 0, key, run: 10 }))
  const arrivals = [...heavy('a'), ...heavy('b'), { at: 5, key: 'c', run: 10 }]
  const { starts } = simulate({ patience: 100, load: 20, room: 1, arrivals })
  const third = starts.find(({ key }) => key === 'c')
  expect(third?.at).toBeLessThanOrEqual(5 + 2 * (100 + 20 + 10) + 100)
})

test('the same history always runs the same way', () => {
  fc.assert(
    fc.property(histories, (history) => {
      expect(simulate(history)).toEqual(simulate(history))
    }),
    { numRuns: 100 },
  )
})

test('jobs of one key run in the order of their arrival', () => {
  fc.assert(
    fc.property(histories, (history) => {
      const last = new Map<string, number>()
      for (const { key, place } of simulate(history).starts) {
        expect(place).toBeGreaterThan(last.get(key) ?? 0)
        last.set(key, place)
      }
    }),
    { numRuns: 200 },
  )
})

test('a burst over four models costs few loads: drained model by model, not in order of arrival', () => {
  const arrivals = Array.from({ length: 100 }, (_, i) => ({ at: 0, key: String((i * 7) % 4), run: 15_000 }))
  expect(simulate({ patience: 3_600_000, load: 20_000, room: 1, arrivals }).loads).toBe(4)
  expect(simulate({ patience: 300_000, load: 20_000, room: 1, arrivals }).loads).toBeLessThanOrEqual(10)
})
