import { describe, expect, test } from 'vitest'
import type { Crowd } from './admit.ts'
import { crowd } from './facts.harness.ts'
import { heal, type Hang } from './heal.ts'
import { sawEvict, sawTogether, unknownRoom } from './room.ts'

const sent = (key: string, sentSince: number, facts: Partial<Crowd> = {}) =>
  crowd(key, { flight: 1, sentSince, ...facts })

/** `b` was sent at 1000 and is silent; `a` is the one runner, and idle since 500. */
const hang = (facts: Partial<Hang> = {}): Hang => ({
  now: 16_000,
  crowds: [crowd('a', { used: 500 }), sent('b', 1000)],
  job: null,
  worked: -Infinity,
  resident: new Set(['a']),
  listed: new Set(['a']),
  room: sawEvict(unknownRoom, new Set(['a', 'b']), 0),
  healed: -Infinity,
  ...facts,
})
const cured = { unload: 'a' }

describe('a hang', () => {
  test('is healed 15 s after the request that needs a load was sent, and not before', () => {
    expect(heal(hang({ now: 15_999 }))).toEqual({ until: 16_000 })
    expect(heal(hang())).toEqual(cured)
  })

  test('counts from when the runner was last used, if that is later', () => {
    const crowds = [crowd('a', { used: 5000 }), sent('b', 1000)]
    expect(heal(hang({ crowds }))).toEqual({ until: 20_000 })
    expect(heal(hang({ crowds, now: 20_000 }))).toEqual(cured)
  })

  test('counts from the oldest of those that wait', () => {
    const crowds = [sent('c', 9000), sent('b', 1000)]
    const room = sawEvict(sawEvict(unknownRoom, new Set(['a', 'b']), 0), new Set(['a', 'c']), 0)
    expect(heal(hang({ crowds, room }))).toEqual(cured)
  })

  test('is suspected too when the same weights are asked for otherwise', () => {
    expect(heal(hang({ room: unknownRoom, crowds: [sent('a num_ctx=8', 1000)] }))).toEqual(cured)
  })

  test('takes a minute to believe when nobody knows whether both fit, or twice the slowest load', () => {
    expect(heal(hang({ room: unknownRoom }))).toEqual({ until: 61_000 })
    expect(heal(hang({ room: unknownRoom, now: 61_000 }))).toEqual(cured)
    const crowds = [sent('b', 1000, { load_ms: 40_000 })]
    expect(heal(hang({ room: unknownRoom, crowds }))).toEqual({ until: 81_000 })
  })

  test('of a runner with several spellings is one of the one runner', () => {
    expect(heal(hang({ resident: new Set(['a', 'a num_ctx=8']) }))).toEqual(cured)
    const crowds = [crowd('a num_ctx=8', { used: 9000 }), sent('b', 1000)]
    expect(heal(hang({ crowds, resident: new Set(['a', 'a num_ctx=8']) }))).toEqual({ until: 24_000 })
  })

  test('is not healed twice within a minute', () => {
    expect(heal(hang({ healed: 15_000, now: 74_999 }))).toEqual({ until: 75_000 })
    expect(heal(hang({ healed: 15_000, now: 75_000 }))).toEqual(cured)
  })
})

describe('no hang', () => {
  const never = { until: null }
  test.each<[string, Partial<Hang>]>([
    ['nothing is in memory', { resident: new Set(), listed: new Set() }],
    ['the target holds two', { resident: new Set(['a', 'c']), listed: new Set(['a', 'c']) }],
    ['nobody waits for a load', { crowds: [crowd('a', { used: 500 })] }],
    ['who waits is only held', { crowds: [crowd('b', { held: 1, heldSince: 1000 })] }],
    [
      'one of those that wait may be loading beside it',
      { room: sawTogether(unknownRoom, new Set(['a', 'c']), 0), crowds: [sent('b', 1000), sent('c', 1000)] },
    ],
    ['both are known to fit', { room: sawTogether(unknownRoom, new Set(['a', 'b']), 0) }],
    ['the runner is answering', { crowds: [sent('a', 1000), sent('b', 1000)] }],
    ['a job runs', { job: 'a' }],
    ['a job loads', { job: 'b' }],
    ['the runner is there already', { resident: new Set(['a', 'b']), listed: new Set(['a', 'b']) }],
  ])('%s', (_, facts) => {
    expect(heal(hang({ now: 1e9, ...facts }))).toEqual(never)
  })
})

test('not while the runner has only just been left by a job', () => {
  expect(heal(hang({ worked: 16_000 }))).toEqual({ until: 31_000 })
})
