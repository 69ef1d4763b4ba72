import { expect, test } from 'vitest'
import { clashBelieved_ms, fits, sawEvict, sawTogether, unknownRoom } from './room.ts'

const set = (keys: string) => new Set(keys)
const known = (room: ReturnType<typeof sawEvict>, keys: string, now = 0) => fits(room, set(keys), now)

test('one runner always fits, of more nobody knows before it was seen', () => {
  expect([known(unknownRoom, ''), known(unknownRoom, 'a'), known(unknownRoom, 'ab')]).toEqual([true, true, undefined])
})

test('what was listed together fits, and so does any part of it', () => {
  const room = sawTogether(unknownRoom, set('abc'), 0)
  expect(['abc', 'ab', 'bc', 'abd'].map((keys) => known(room, keys))).toEqual([true, true, true, undefined])
})

test('what had to go does not fit, nor does anything with it', () => {
  const room = sawEvict(unknownRoom, set('ab'), 0)
  expect(['ab', 'abc', 'ac', 'bc'].map((keys) => known(room, keys))).toEqual([false, false, undefined, undefined])
})

test('two were listed, a third came and one left: the three do not fit, each two still may', () => {
  const room = sawEvict(sawTogether(unknownRoom, set('ab'), 0), set('abc'), 1)
  expect(['ab', 'abc', 'ac'].map((keys) => known(room, keys))).toEqual([true, false, undefined])
})

test('the newest observation wins, either way', () => {
  const clash = sawEvict(unknownRoom, set('ab'), 0)
  const fit = sawTogether(clash, set('abc'), 1)
  expect([known(fit, 'ab'), fit.clash]).toEqual([true, []])
  const again = sawEvict(fit, set('ab'), 2)
  expect([known(again, 'ab'), known(again, 'abc'), again.fit]).toEqual([false, false, []])
})

test('that something does not fit is forgotten after an hour', () => {
  const room = sawEvict(unknownRoom, set('ab'), 1000)
  expect([known(room, 'ab', 1000 + clashBelieved_ms - 1), known(room, 'ab', 1000 + clashBelieved_ms)]).toEqual([
    false,
    undefined,
  ])
})

test('other options of the same weights replace a runner, unless one runner was seen to serve both', () => {
  const both = new Set(['w', 'w num_ctx=4096'])
  expect(fits(unknownRoom, both, 0)).toBe(false)
  expect(fits(sawTogether(unknownRoom, both, 0), both, 0)).toBe(true)
})

test('few enough observations are kept, the newest ones', () => {
  let room = unknownRoom
  for (let i = 0; i < 1_000; i++)
    room = sawEvict(sawTogether(room, new Set([`a${i}`, `b${i}`]), i), new Set([`a${i}`, `c${i}`]), i)
  expect([room.fit.length, room.clash.length]).toEqual([256, 256])
  expect(fits(room, new Set(['a999', 'b999']), 0)).toBe(true)
})
