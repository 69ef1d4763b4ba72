import { expect, test } from 'vitest'
import { crowd } from './facts.harness.ts'
import { heal, type Hang } from './heal.ts'
import { sawTogether, unknownRoom } from './room.ts'

/** `a` is all that is in memory and was used at 1 s, `b` was asked for at 2 s; it is 17 s. */
const hang = (facts: Partial<Hang> = {}): Hang => ({
  now: 17_000,
  crowds: [crowd('a', { used: 1_000 }), crowd('b', { flight: 1, sentSince: 2_000 })],
  job: null,
  resident: new Set(['a']),
  listed: new Set(['a']),
  room: unknownRoom,
  healed: -Infinity,
  ...facts,
})

test('the only runner is let go when it has been idle, and who needs another silent, for fifteen seconds', () => {
  expect(heal(hang())).toEqual({ unload: 'a' })
  expect(heal(hang({ now: 16_999 }))).toEqual({ until: 17_000 })
  const used = [crowd('a', { used: 9_000 }), crowd('b', { flight: 1, sentSince: 2_000 })]
  expect(heal(hang({ crowds: used }))).toEqual({ until: 24_000 })
})

test('once, and again only after a minute', () => {
  expect(heal(hang({ healed: 16_000 }))).toEqual({ until: 76_000 })
})

test.each<[string, Partial<Hang>]>([
  [
    'the runner is in use',
    { crowds: [crowd('a', { flight: 1, sentSince: 0 }), crowd('b', { flight: 1, sentSince: 2_000 })] },
  ],
  ['a job runs', { job: 'a' }],
  ['nobody needs another', { crowds: [crowd('a', { used: 1_000 })] }],
  ['nothing is in memory', { resident: new Set(), listed: new Set() }],
  ['several runners are', { resident: new Set(['a', 'c']), listed: new Set(['a', 'c']) }],
  ['both are known to fit: it only loads long', { room: sawTogether(unknownRoom, new Set(['a', 'b']), 0) }],
])('not when %s', (_, facts) => {
  expect(heal(hang(facts))).toEqual({ until: null })
})
