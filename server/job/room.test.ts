import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { clashBelieved_ms, fits, sawEvict, sawTogether, unknownRoom, weightsIn } from './room.ts'

const set = (text: string) => new Set(text.split(' '))
const together = (text: string, room = unknownRoom, at = 0) => sawTogether(room, set(text), at)
const evict = (text: string, room = unknownRoom, at = 0) => sawEvict(room, set(text), at)

describe('what fits', () => {
  test('one always does, and of two nobody knows', () => {
    expect(fits(unknownRoom, new Set(), 0)).toBe(true)
    expect(fits(unknownRoom, set('a'), 0)).toBe(true)
    expect(fits(evict('a b'), set('a'), 0)).toBe(true)
    expect(fits(unknownRoom, set('a b'), 0)).toBeUndefined()
  })

  test('those listed together do, and so do any of them', () => {
    const room = together('a b c')
    for (const keys of ['a b c', 'a b', 'c a']) expect(fits(room, set(keys), 0)).toBe(true)
    expect(fits(room, set('a b c d'), 0)).toBeUndefined()
    expect(fits(room, set('a d'), 0)).toBeUndefined()
  })

  test('two that were seen in pairs are not known to fit as three', () => {
    const room = together('b c', together('a b'))
    expect(fits(room, set('a b c'), 0)).toBeUndefined()
  })

  test('where one had to go, they don’t, nor with more; fewer are not known', () => {
    const room = evict('a b c')
    for (const keys of ['a b c', 'a b c d']) expect(fits(room, set(keys), 0)).toBe(false)
    for (const keys of ['a b', 'b c', 'a c']) expect(fits(room, set(keys), 0)).toBeUndefined()
  })
})

describe('the newest wins', () => {
  test('over those that fitted: the whole no longer, what was there without one of them still', () => {
    const room = evict('a b c', together('a b c d'), 1)
    expect(fits(room, set('a b c'), 1)).toBe(false)
    expect(fits(room, set('a b c d'), 1)).toBe(false)
    for (const keys of ['a b d', 'b c d', 'a c d', 'a b']) expect(fits(room, set(keys), 1)).toBe(true)
  })

  test('over those that did not: they and all fewer do', () => {
    const room = together('a b c', evict('a b', evict('c d')), 1)
    expect(fits(room, set('a b'), 1)).toBe(true)
    expect(fits(room, set('a b c'), 1)).toBe(true)
    expect(fits(room, set('c d'), 1)).toBe(false)
  })
})

test('that they don’t fit is forgotten after an hour, that they fit is not', () => {
  const room = together('a b', evict('a c', unknownRoom, 1000), 1000)
  const then = 1000 + clashBelieved_ms
  expect([fits(room, set('a c'), then - 1), fits(room, set('a c'), then)]).toEqual([false, undefined])
  expect(fits(room, set('a b'), then * 100)).toBe(true)
})

describe('one runner for the same weights', () => {
  test.each(['w w\tnum_ctx=8', 'w\tnum_ctx=4 w\tnum_ctx=8', 'w+x w', 'w+x w+y\tshift=false'])(
    '%s never fit',
    (text) => {
      const keys = new Set(text.split(' ').map((key) => key.replace('\t', ' ')))
      expect(fits(unknownRoom, keys, 0)).toBe(false)
      expect(fits(unknownRoom, new Set([...keys, 'other']), 0)).toBe(false)
    },
  )

  test('but one that was listed under both is one', () => {
    const room = sawTogether(unknownRoom, new Set(['w', 'w num_ctx=8', 'v']), 0)
    expect(fits(room, new Set(['w', 'w num_ctx=8']), 0)).toBe(true)
    expect(fits(room, new Set(['v', 'w num_ctx=8']), 0)).toBe(true)
    expect(fits(room, new Set(['w', 'w num_ctx=9']), 0)).toBe(false)
  })

  test('is told by the first blob', () => {
    expect(['sha256-a', 'sha256-a num_ctx=1', 'sha256-a+sha256-b shift=false'].map(weightsIn)).toEqual(
      Array(3).fill('sha256-a'),
    )
    expect(weightsIn('localhost:5000/n/m:t num_ctx=1')).toBe('localhost:5000/n/m:t')
  })
})

test('what is kept is bounded, the newest of it', () => {
  let room = unknownRoom
  for (let n = 0; n < 1000; n++) {
    room = sawTogether(room, set(`a${n} b${n}`), n)
    room = sawEvict(room, set(`c${n} d${n}`), n)
  }
  expect([room.fit.length, room.clash.length]).toEqual([256, 256])
  expect([fits(room, set('a999 b999'), 1000), fits(room, set('c999 d999'), 1000)]).toEqual([true, false])
  expect([fits(room, set('a0 b0'), 1000), fits(room, set('c0 d0'), 1000)]).toEqual([undefined, undefined])
  // One clash must not fan out what is known beyond the bound.
  const many = [...Array(300).keys()].map((n) => `m${n}`).join(' ')
  expect(evict(many, together(many)).fit.length).toBeLessThanOrEqual(256)
})

test('seeing the same again changes nothing', () => {
  const room = together('a b')
  expect(together('a b', room, 9)).toBe(room)
  expect(together('a', room, 9)).toBe(room)
  expect(evict('a', room, 9)).toBe(room)
})

test('after any history: the last thing seen is believed, and no set both fits and doesn’t', () => {
  const keys = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 2 }).map((some) => new Set(some))
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), keys), { minLength: 1, maxLength: 12 }), (history) => {
      let room = unknownRoom
      history.forEach(([fitted, some], at) => {
        room = (fitted ? sawTogether : sawEvict)(room, some, at)
        expect(fits(room, some, at)).toBe(fitted)
      })
      for (const { keys: clash } of room.clash)
        for (const { keys: fit } of room.fit) expect(clash.isSubsetOf(fit)).toBe(false)
    }),
  )
})
