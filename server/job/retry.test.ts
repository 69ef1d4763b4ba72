import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { backoff, longestBackoff_ms } from './retry.ts'

describe('the wait before another attempt', () => {
  test.each([
    [1, 5_000],
    [2, 30_000],
    [3, 120_000],
    [4, 600_000],
    [5, 1_800_000],
    [6, 1_800_000],
    [10, 1_800_000],
    [0, 5_000],
  ])('after attempt %i is %i ms', (attempt, step) => {
    expect(backoff(attempt, 0.5)).toBe(step)
  })

  test('is spread by a fifth both ways, and no further', () => {
    expect(backoff(2, 0)).toBe(24_000)
    expect(backoff(2, 1 - Number.EPSILON)).toBe(36_000)
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.double({ min: 0, max: 0.999999, noNaN: true }), (n, random) => {
        const middle = backoff(n, 0.5)
        const wait = backoff(n, random)
        expect(wait).toBeGreaterThanOrEqual(middle * 0.8)
        expect(wait).toBeLessThanOrEqual(middle * 1.2)
        expect(Number.isInteger(wait)).toBe(true)
      }),
    )
  })

  test('is never shorter than the target asked for', () => {
    expect(backoff(1, 0.5, 60_000)).toBe(60_000)
    expect(backoff(3, 0.5, 60_000)).toBe(120_000)
  })

  test('is never longer than the longest step, whatever the target asked for', () => {
    expect(backoff(1, 0.5, 86_400_000)).toBe(longestBackoff_ms)
    expect(longestBackoff_ms).toBe(2_160_000)
  })
})
