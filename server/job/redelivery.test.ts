import { describe, expect, test } from 'vitest'
import { longestRedelivery_ms, redelivery } from './redelivery.ts'
import { waitFrom } from './retry-after.ts'

const hour = 3_600_000

describe('a delivery that failed is tried again', () => {
  test.each([
    [1, 5_000],
    [2, 30_000],
    [3, 120_000],
    [4, 600_000],
    [5, 1_800_000],
    [6, 2 * hour],
    [7, 5 * hour],
    [8, 10 * hour],
    [9, 24 * hour],
    [10, null],
    [11, null],
  ])('after try %i: in %s ms', (tries, wait) => {
    expect(redelivery(tries, 0.5)).toBe(wait)
  })

  test('at a time that is spread by a fifth, so that many do not come together', () => {
    expect(redelivery(1, 0)).toBe(4_000)
    expect(redelivery(1, 0.75)).toBe(5_500)
    expect(redelivery(9, 0.999_999)).toBeLessThanOrEqual(longestRedelivery_ms)
  })

  test('when the receiver said so, if that is later, and within the longest step', () => {
    expect(redelivery(1, 0.5, 60_000)).toBe(60_000)
    expect(redelivery(4, 0.5, 60_000)).toBe(600_000)
    expect(redelivery(1, 0.5, 1e15)).toBe(longestRedelivery_ms)
    expect(redelivery(10, 0.5, 60_000)).toBeNull()
  })
})

describe('Retry-After', () => {
  const wall = Date.UTC(2026, 10, 22)
  test.each([
    ['120', 120_000],
    [' 0 ', 0],
    [['7', '9'], 7_000],
    ['Sun, 22 Nov 2026 00:00:10 GMT', 10_000],
    ['Sun, 22 Nov 2026 00:00:00 GMT', 0],
    ['Sat, 21 Nov 2026 00:00:00 GMT', 0],
    ['9'.repeat(30), 31_536_000_000],
    ['9'.repeat(400), 31_536_000_000],
    ['Sat, 22 Nov 9999 00:00:00 GMT', 31_536_000_000],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%j is %s ms', (header, ms) => {
    expect(waitFrom(header, wall)).toBe(ms)
  })
})
