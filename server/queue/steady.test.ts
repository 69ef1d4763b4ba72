import { expect, test } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { Steady } from './steady.ts'

test('steady time looks like the wall clock at start and goes on with the monotonic one', () => {
  const clock = new VirtualClock(1_000_000)
  clock.advance(50)
  const steady = new Steady(clock, 0)
  expect(steady.now()).toBe(1_000_050)
  clock.advance(10)
  expect(steady.now()).toBe(1_000_060)
})

test('no change of the wall clock moves it', () => {
  const clock = new VirtualClock(1_000_000)
  const steady = new Steady(clock, 0)
  for (const shift of [-3_600_000, 7_200_000, -86_400_000]) {
    clock.shiftWall(shift)
    expect(steady.now()).toBe(1_000_000)
  }
})

test('it never begins before what an earlier process wrote', () => {
  const clock = new VirtualClock(1_000_000)
  expect(new Steady(clock, 5_000_000).now()).toBe(5_000_000)
  clock.advance(7)
  expect(new Steady(clock, 5_000_000).now()).toBe(5_000_000)
})

test('a call comes at its steady time', () => {
  const clock = new VirtualClock(1_000_000)
  const steady = new Steady(clock, 2_000_000)
  const called: number[] = []
  const cancel = steady.at(2_000_020, () => called.push(0))
  steady.at(2_000_010, () => called.push(steady.now()))
  clock.advance(9)
  expect(called).toEqual([])
  clock.advance(1)
  cancel()
  clock.advance(100)
  expect(called).toEqual([2_000_010])
})

test('its numbers are whole, as the database wants them', () => {
  const clock = { now: () => 12.75, wall: () => 1_000_000, at: () => () => undefined }
  expect(Number.isInteger(new Steady(clock, 0).now())).toBe(true)
})
