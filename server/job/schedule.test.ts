import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crowd, snapshot } from './facts.harness.ts'
import { reasonFor, schedule, type Snapshot, type TargetState, type WaitingKey } from './schedule.ts'

const { patience: P } = snapshot().limits

/** A key with one waiting job. */
const key = (name: string, starvedSince: number, head: number): WaitingKey => ({
  key: name,
  waiting: 1,
  head,
  starvedSince,
})

/** The key that is started, or why nothing is. */
function started(facts: Partial<Snapshot>): string | null {
  const decision = schedule(snapshot(facts))
  return 'key' in decision ? decision.key : 'reason' in decision ? decision.reason : null
}

describe('rule 1: a turn goes on', () => {
  const turn = { key: 'a', since: 900 }

  test('with the oldest job of its key, although another has waited longer', () => {
    const keys = [key('b', 710, 1), key('a', 990, 2)]
    expect(schedule(snapshot({ keys, turn }))).toEqual({ act: 'start', key: 'a', place: 2, turn, yielding: null })
  })

  test('although another key is resident', () => {
    expect(started({ keys: [key('b', 990, 1), key('a', 990, 2)], turn, resident: new Set(['b']) })).toBe('a')
  })

  test('although another key is overdue, as long as the turn is younger than the patience', () => {
    const keys = [key('b', 100, 1), key('a', 990, 2)]
    expect(started({ keys, turn: { key: 'a', since: 1000 - P + 1 } })).toBe('a')
    expect(started({ keys, turn: { key: 'a', since: 1000 - P } })).toBe('b')
  })

  test('however old it is, as long as no other key is overdue', () => {
    const old = { key: 'a', since: 0 }
    expect(started({ keys: [key('b', 1000 - P + 1, 1), key('a', 990, 2)], turn: old })).toBe('a')
    expect(started({ keys: [key('b', 1000 - P, 1), key('a', 990, 2)], turn: old })).toBe('b')
  })

  test('its own age does not end it: only another key that is overdue does', () => {
    expect(started({ keys: [key('a', 0, 2)], turn: { key: 'a', since: 0 } })).toBe('a')
  })

  test('after a pause in which no other began it is still the same turn', () => {
    expect(schedule(snapshot({ keys: [key('a', 999, 7)], turn }))).toMatchObject({ turn })
  })
})

describe('rule 2: when a turn has ended', () => {
  test('the overdue key that has starved the longest is next', () => {
    const keys = [key('b', 500, 1), key('c', 400, 2), key('d', 600, 3)]
    expect(started({ keys })).toBe('c')
    expect(started({ keys, turn: { key: 'gone', since: 0 } })).toBe('c')
  })

  test('overdue comes before resident', () => {
    expect(started({ keys: [key('b', 500, 1), key('c', 900, 2)], resident: new Set(['c']) })).toBe('b')
  })

  test('never the key whose turn was ended for it, although it has starved longer', () => {
    expect(started({ keys: [key('a', 0, 1), key('b', 600, 2)], turn: { key: 'a', since: 0 } })).toBe('b')
  })

  test('with none overdue a resident key is next, of several the one that has starved the longest', () => {
    const keys = [key('b', 800, 1), key('c', 900, 2), key('d', 850, 3)]
    expect(started({ keys, resident: new Set(['c']) })).toBe('c')
    expect(started({ keys, resident: new Set(['c', 'd']) })).toBe('d')
  })

  test('with none resident either, the one that has starved the longest', () => {
    expect(started({ keys: [key('b', 900, 1), key('c', 800, 2)], resident: new Set(['z']) })).toBe('c')
  })

  test('a key becomes overdue at its patience, not after it', () => {
    const resident = new Set(['c'])
    expect(started({ keys: [key('b', 1000 - P + 1, 1), key('c', 990, 2)], resident })).toBe('c')
    expect(started({ keys: [key('b', 1000 - P, 1), key('c', 990, 2)], resident })).toBe('b')
  })

  test('a new turn counts from now', () => {
    const decision = schedule(snapshot({ keys: [key('b', 900, 4)], turn: { key: 'a', since: 10 } }))
    expect(decision).toEqual({ act: 'start', key: 'b', place: 4, turn: { key: 'b', since: 1000 }, yielding: null })
  })
})

describe('rule 3', () => {
  test('the key that was given the turn drains in its turn', () => {
    const keys = [key('a', 0, 1), key('b', 990, 5)]
    const first = schedule(snapshot({ keys, turn: { key: 'z', since: 0 } }))
    expect(first).toMatchObject({ key: 'a' })
    const turn = first.act === 'start' ? first.turn : null
    expect(started({ now: 1000 + P - 1, keys: [key('a', 1000, 2), key('b', 990, 5)], turn })).toBe('a')
  })
})

describe('a claim', () => {
  const claimed = { keys: [key('b', 100, 1)], claim: 'b', claimedAt: 900, yielding: 0 }

  test('waits for requests whose model cannot be told for its own length at most, however they overlap', () => {
    const wait = { act: 'wait', reason: 'yielding_to_people', until: 1020, yielding: 0 }
    expect(schedule(snapshot({ ...claimed, now: 1019, strangers: 1 }))).toEqual(wait)
    expect(schedule(snapshot({ ...claimed, now: 1020, strangers: 1 }))).toMatchObject({ act: 'start', key: 'b' })
    expect(schedule(snapshot({ ...claimed, now: 901 }))).toMatchObject({ act: 'start', key: 'b' })
  })

  test('waits for people in flight who do not fit beside it for as long as they take: no other follows them', () => {
    const people = [crowd('a', { flight: 1 })]
    expect(schedule(snapshot({ ...claimed, now: 1100, people }))).toMatchObject({ act: 'wait', until: null })
  })
})

describe('a model that runs elsewhere', () => {
  const away = { ...key('cloud', 900, 1), elsewhere: true as const }
  const present = [crowd('a', { flight: 1, used: 1000 })]

  test('steps aside for nobody, and claims nothing', () => {
    const facts = { resident: new Set(['a', 'cloud']), listed: new Set(['a']), people: present, strangers: 1 }
    expect(schedule(snapshot({ keys: [away], yielding: 0, ...facts }))).toMatchObject({ act: 'start', yielding: null })
  })

  test('fills the gaps of a job that does step aside, and its yield clock goes on', () => {
    const facts = { keys: [key('b', 100, 1), away], people: present, yielding: 500 }
    expect(schedule(snapshot(facts))).toMatchObject({ act: 'start', key: 'cloud', turn: null, yielding: 500 })
    expect(schedule(snapshot({ ...facts, yielding: 0, now: 1000 }))).toEqual({ act: 'claim', key: 'b' })
  })
})

describe('ties', () => {
  test('break by queue place', () => {
    expect(started({ keys: [key('b', 900, 8), key('c', 900, 7)] })).toBe('c')
    expect(started({ keys: [key('b', 100, 8), key('c', 100, 7)] })).toBe('c')
    expect(started({ keys: [key('b', 900, 8), key('c', 900, 7)], resident: new Set(['b', 'c']) })).toBe('c')
  })

  test('one snapshot has one answer, in whatever order its keys are listed', () => {
    const some = fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.nat(6)), {
      selector: ([name]) => name,
      minLength: 1,
      maxLength: 6,
    })
    const turns = fc.option(fc.record({ key: fc.constantFrom('0', '1', '2'), since: fc.nat(1000) }))
    fc.assert(
      fc.property(some, turns, fc.nat(63), fc.infiniteStream(fc.nat()), (made, turn, loaded, dice) => {
        const keys = made.map(([name, since], i) => key(String(name), since * 160, i + 1))
        const resident = new Set(keys.map((k) => k.key).filter((_, i) => (loaded >> i) & 1))
        const shuffled = keys.map((k) => [k, dice.next().value] as const).sort(([, a], [, b]) => a - b)
        const facts = { turn, resident }
        const one = schedule(snapshot({ ...facts, keys }))
        expect(schedule(snapshot({ ...facts, keys: shuffled.map(([k]) => k) }))).toEqual(one)
      }),
    )
  })
})

describe('nothing starts', () => {
  test('when nothing waits', () => {
    expect(schedule(snapshot({}))).toEqual({ act: 'wait', reason: null, until: null, yielding: null })
  })

  test('while paused, whatever else is the matter', () => {
    const keys = [key('a', 0, 1)]
    expect(schedule(snapshot({ keys, paused: true, target: 'down' }))).toEqual({
      act: 'wait',
      yielding: null,
      reason: 'paused',
      until: null,
    })
  })

  test.each<[TargetState, string | null]>([
    ['unknown', null],
    ['asleep', 'target_asleep'],
    ['down', 'target_down'],
    ['stuck', 'target_stuck'],
  ])('while the target is %s', (target, reason) => {
    expect(schedule(snapshot({ keys: [key('a', 0, 1)], target }))).toEqual({
      act: 'wait',
      reason,
      until: null,
      yielding: null,
    })
  })

  test('and a decision leaves its snapshot as it was', () => {
    const keys = Object.freeze([key('b', 900, 2), key('a', 800, 3)].map((k) => Object.freeze(k)))
    schedule(Object.freeze(snapshot({ keys, turn: Object.freeze({ key: 'b', since: 0 }) })))
    expect(keys.map((k) => k.key)).toEqual(['b', 'a'])
  })
})

describe('why a job waits', () => {
  const keys = [key('a', 900, 3), key('b', 950, 4)]
  const turn = { key: 'a', since: 990 }
  const why = (place: number, facts: Partial<Snapshot> = {}, backingOff = false) =>
    reasonFor({ place, key: place === 4 ? 'b' : 'a', backingOff }, snapshot({ keys, turn, ...facts }))

  test('it is next', () => expect(why(3)).toBe('next'))
  test('others of its model were there before it', () => expect(why(5)).toBe('behind_others'))
  test('another model is being drained', () => expect(why(4)).toBe('draining_another_model'))
  test('the claim of the model that runs is over, and people come next', () => {
    const people = [crowd('p', { held: 1, heldSince: 900 })]
    const over = { claim: 'a', claimedAt: 800, turn: { key: 'a', since: 860, claimed: true as const }, people }
    expect([why(3, over), why(4, over)]).toEqual(['yielding_to_people', 'yielding_to_people'])
    expect([why(3, { ...over, people: [] }), why(4, { ...over, people: [] })]).toEqual([
      'next',
      'draining_another_model',
    ])
  })
  test('a claim is about to be made, and it is of the model that makes it', () => {
    const people = [crowd('p', { held: 1, heldSince: 900 })]
    expect([why(3, { yielding: 0, people }), why(4, { yielding: 0, people })]).toEqual([
      'next',
      'draining_another_model',
    ])
  })
  test('it backs off', () => expect(why(4, {}, true)).toBe('backing_off'))
  test('all is paused, and that comes first', () => expect(why(3, { paused: true }, true)).toBe('paused'))
  test('the target is away', () => expect(why(3, { target: 'asleep' })).toBe('target_asleep'))
  test('nobody has looked for the target yet: no reason is made up', () =>
    expect(why(4, { target: 'unknown' })).toBeNull())
})
