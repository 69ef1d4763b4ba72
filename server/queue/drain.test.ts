import { expect, test } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { Drain } from './drain.ts'

test('nothing measured yet is told as a minute', () => {
  expect(new Drain(new VirtualClock()).retryAfter_s).toBe(60)
})

test('the mean time between two ends is told, in whole seconds', () => {
  const clock = new VirtualClock()
  const drain = new Drain(clock)
  for (let i = 0; i < 20; i++) {
    drain.ended()
    clock.advance(7200)
  }
  expect(drain.retryAfter_s).toBe(8)
})

test('newer intervals weigh more, within a second and an hour', () => {
  const clock = new VirtualClock()
  const drain = new Drain(clock)
  for (let i = 0; i < 5; i++) {
    drain.ended()
    clock.advance(10)
  }
  expect(drain.retryAfter_s).toBe(1)
  clock.advance(100 * 3_600_000)
  drain.ended()
  expect(drain.retryAfter_s).toBe(3600)
})
