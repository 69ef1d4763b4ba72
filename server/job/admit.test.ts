import { describe, expect, test } from 'vitest'
import { admit, type Crowd, type Lane } from './admit.ts'
import { crowd } from './facts.harness.ts'
import { sawEvict, sawTogether, unknownRoom } from './room.ts'

const held = (key: string, heldSince = 1000, facts: Partial<Crowd> = {}) => crowd(key, { held: 1, heldSince, ...facts })
const flying = (key: string, turn = 900, facts: Partial<Crowd> = {}) =>
  crowd(key, { flight: 1, sentSince: 900, admitted: 900, turn, ...facts })

const lane = (crowds: Crowd[], facts: Partial<Lane> = {}): Lane => ({
  now: 1000,
  crowds,
  job: null,
  claim: null,
  resident: new Set(),
  room: unknownRoom,
  patience: 10_000,
  ...facts,
})
const holdsOne = sawEvict(unknownRoom, new Set(['a', 'b']), 0)
const holdsBoth = sawTogether(unknownRoom, new Set(['a', 'b']), 0)
const loaded = { resident: new Set(['a']) }
const goes = (key: string, probe = false) => ({ act: 'forward', key, probe })

describe('a request goes at once', () => {
  test('when nothing is in use', () => {
    expect(admit(lane([held('b')]))).toEqual(goes('b'))
    expect(admit(lane([held('b')], { ...loaded, room: holdsOne }))).toEqual(goes('b'))
  })
  test('when its runner is loaded and its turn goes on', () => {
    expect(admit(lane([flying('a', 900, { held: 3, heldSince: 1000 })], loaded))).toEqual(goes('a'))
  })
  test('when its runner is loading and is all that is in flight', () => {
    expect(admit(lane([flying('a', Infinity, { held: 1, heldSince: 990 })]))).toEqual(goes('a'))
  })
  test('when it is known to fit beside what is in use', () => {
    expect(admit(lane([flying('a'), held('b')], { ...loaded, room: holdsBoth }))).toEqual(goes('b'))
  })
  test('as a probe, the oldest alone, when nobody knows whether it fits', () => {
    expect(admit(lane([flying('a'), held('b')], loaded))).toEqual(goes('b', true))
  })
})

describe('a request is held', () => {
  test('when it is known not to fit, until its key is overdue', () => {
    expect(admit(lane([flying('a'), held('b')], { ...loaded, room: holdsOne }))).toEqual({ act: 'hold', until: 11_000 })
  })
  test('while a forwarded one is overdue for its runner: who is held for longer could have no room before that one', () => {
    const hot = flying('hot', 1_000, { held: 1, heldSince: 19_900 })
    const probe = flying('probe', Infinity, { sentSince: 5_000, admitted: 5_000 })
    const room = sawEvict(sawEvict(unknownRoom, new Set(['b', 'hot']), 0), new Set(['b', 'probe']), 0)
    const facts = { now: 20_000, resident: new Set(['hot']), room }
    expect(admit(lane([held('b', 4_000), hot, probe], facts)).act).toBe('hold')
  })
  test('while another probe has not been seen in memory', () => {
    const crowds = [flying('a'), flying('b', Infinity), held('c')]
    expect(admit(lane(crowds, loaded))).toMatchObject({ act: 'hold' })
  })
  test('while the first load goes on: a second one would only wait for it', () => {
    expect(admit(lane([flying('a', Infinity), held('b')]))).toMatchObject({ act: 'hold' })
  })
  test('but not without end when it is in memory itself: then it is overdue, and tried', () => {
    const hanging = flying('a', Infinity, { sentSince: 19_000 })
    const facts = { now: 20_000, resident: new Set(['b']) }
    expect(admit(lane([hanging, held('b', 12_000)], facts))).toMatchObject({ act: 'hold' })
    expect(admit(lane([hanging, held('b', 9_000)], facts))).toEqual(goes('b', true))
  })
  test('while its own probe has not, though its key is in flight', () => {
    const crowds = [flying('a'), flying('b', Infinity, { held: 1, heldSince: 1000 })]
    expect(admit(lane(crowds, loaded))).toMatchObject({ act: 'hold' })
  })
  test('while a job runs that it is not known to fit beside', () => {
    expect(admit(lane([held('b')], { job: 'a', ...loaded, room: holdsOne }))).toMatchObject({ act: 'hold' })
  })
  test('while jobs claim a turn that it does not fit beside, and not when it does', () => {
    expect(admit(lane([held('b')], { claim: 'a', ...loaded, room: holdsOne }))).toMatchObject({ act: 'hold' })
    expect(admit(lane([held('b')], { claim: 'a', ...loaded, room: holdsBoth }))).toEqual(goes('b'))
  })
})

describe('an overdue key', () => {
  const overdue = { now: 20_000, ...loaded, room: holdsOne }
  test('ends the turn of what is in use once that has lasted, so that new requests for it are held', () => {
    const hot = flying('a', 1000, { held: 1, heldSince: 19_999 })
    expect(admit(lane([hot, held('b', 9_000)], overdue))).toEqual({ act: 'hold', until: null })
    const young = flying('a', 15_000, { held: 1, heldSince: 19_999 })
    expect(admit(lane([young, held('b', 9_000)], overdue))).toEqual(goes('a'))
  })
  test('waits for a turn that is young until it has lasted as long as a load takes', () => {
    const hot = flying('a', 15_000, { load_ms: 30_000 })
    expect(admit(lane([hot, held('b', 9_000)], overdue))).toEqual({ act: 'hold', until: 45_000 })
  })
  test('goes with all that is held of it as soon as what is in use has drained', () => {
    expect(admit(lane([held('b', 9_000, { held: 5 }), held('a', 19_000)], overdue))).toEqual(goes('b'))
  })
  test('has its room kept: a key that came later and would fit does not slip past', () => {
    const room = sawTogether(sawEvict(unknownRoom, new Set(['a', 'c']), 0), new Set(['a', 'b']), 0)
    const crowds = [flying('a', 19_000), held('b', 19_500), held('c', 9_000)]
    expect(admit(lane(crowds, { ...overdue, room }))).toEqual({ act: 'hold', until: 29_000 })
  })
})

describe('the linger', () => {
  const pausing = (used: number, turn = 900) => crowd('a', { used, turn, load_ms: 20_000 })
  test('keeps a young turn through a short pause of its clients', () => {
    expect(admit(lane([pausing(500), held('b')], { ...loaded, room: holdsOne }))).toEqual({ act: 'hold', until: 1500 })
  })
  test('ends after a second, or a quarter of a load', () => {
    expect(admit(lane([pausing(0), held('b')], { ...loaded, room: holdsOne }))).toEqual(goes('b'))
    const quick = { ...pausing(500), load_ms: 400 }
    expect(admit(lane([quick, held('b')], { ...loaded, room: holdsOne }))).toEqual(goes('b'))
  })
})
