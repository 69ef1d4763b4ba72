import { beforeEach, describe, expect, test } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { Drain } from './drain.ts'

let clock: VirtualClock
let drain: Drain

beforeEach(() => {
  clock = new VirtualClock()
  drain = new Drain(clock)
})

/** So many jobs end, each so long after the one before, while others wait. */
function end(times: number, interval_ms: number): void {
  for (let i = 0; i < times; i++) {
    clock.advance(interval_ms)
    drain.ended(5)
  }
}

test('nothing measured yet is told as a minute a place', () => {
  expect(drain.retryAfter_s(1)).toBe(60)
  drain.ended(5)
  expect(drain.retryAfter_s(2)).toBe(120)
})

test('the mean time between two ends is told, in whole seconds, for each place that is wanted', () => {
  end(20, 7200)
  expect(drain.retryAfter_s(1)).toBe(8)
  expect(drain.retryAfter_s(100)).toBe(720)
})

test('newer intervals weigh more', () => {
  end(20, 1000)
  end(1, 11_000)
  expect(drain.retryAfter_s(1)).toBe(3)
  end(10, 11_000)
  expect(drain.retryAfter_s(1)).toBe(11)
})

test('a night in which nobody waited does not count', () => {
  end(20, 2000)
  drain.ended(0)
  clock.advance(8 * 3_600_000)
  end(2, 2000)
  expect(drain.retryAfter_s(1)).toBe(2)
})

test('while nothing ends it grows, and is what it was soon after', () => {
  end(20, 2000)
  clock.advance(600_000)
  expect(drain.retryAfter_s(1)).toBe(600)
  drain.ended(5)
  expect(drain.retryAfter_s(1)).toBe(122)
  end(20, 2000)
  expect(drain.retryAfter_s(1)).toBe(4)
})

describe('it is a whole number within a second and an hour', () => {
  test.each([
    ['ends in one moment', 0],
    ['ends within a millisecond', 0.01],
    ['ends a year apart', 365 * 24 * 3_600_000],
  ])('after %s', (_, interval) => {
    end(5, interval)
    for (const places of [1, 1000, 1e12]) {
      const told = drain.retryAfter_s(places)
      expect([Number.isInteger(told), told >= 1, told <= 3600]).toEqual([true, true, true])
    }
  })
})
