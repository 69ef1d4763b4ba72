import { expect, test } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { Progress } from './progress.ts'

test('nothing has come yet', () => {
  expect(new Progress(new VirtualClock()).view()).toEqual({ tokens: 0, tokens_per_s: 0 })
})

test('one line is a token without a rate', () => {
  const clock = new VirtualClock()
  const progress = new Progress(clock)
  clock.advance(5000)
  progress.line()
  clock.advance(5000)
  expect(progress.view()).toEqual({ tokens: 1, tokens_per_s: 0 })
})

test('the rate counts from the first line to the last, not the wait before or the silence after', () => {
  const clock = new VirtualClock()
  const progress = new Progress(clock)
  clock.advance(60_000)
  for (let i = 0; i < 11; i++) {
    if (i > 0) clock.advance(150)
    progress.line()
  }
  expect(progress.view()).toEqual({ tokens: 11, tokens_per_s: 6.7 })
  clock.advance(60_000)
  expect(progress.view()).toEqual({ tokens: 11, tokens_per_s: 6.7 })
})

test('lines that come in one moment have no rate', () => {
  const progress = new Progress(new VirtualClock())
  for (let i = 0; i < 100; i++) progress.line()
  expect(progress.view()).toEqual({ tokens: 100, tokens_per_s: 0 })
})
