import { expect, test } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { Trust, type Watched } from './trust.ts'

function setup() {
  const clock = new VirtualClock()
  const trust = new Trust(clock)
  let silent = 0
  const watch = (model = 'm', left = false) => trust.watch(model, left, () => silent++)
  return { clock, trust, watch, silent: () => silent }
}

test('an answer that stops in the middle is silent for too long after a minute', () => {
  const { clock, watch, silent } = setup()
  const answer = watch()
  answer.piece()
  clock.advance(59_999)
  expect(silent()).toBe(0)
  answer.piece()
  clock.advance(59_999)
  expect(silent()).toBe(0)
  clock.advance(1)
  expect(silent()).toBe(1)
})

test('a model that pauses long is given ten times as long as it ever paused', () => {
  const { clock, watch, silent } = setup()
  const first = watch()
  first.piece()
  clock.advance(20_000)
  first.piece()
  first.end(true)
  const second = watch()
  second.piece()
  clock.advance(199_999)
  expect(silent()).toBe(0)
  clock.advance(1)
  expect(silent()).toBe(1)
})

test('what a broken answer paused is not learnt, nor what another model did', () => {
  const { clock, watch, silent } = setup()
  for (const [model, well] of [
    ['m', false],
    ['other', true],
  ] as const) {
    const answer = watch(model)
    answer.piece()
    clock.advance(30_000)
    answer.piece()
    answer.end(well)
  }
  watch().piece()
  clock.advance(60_000)
  expect(silent()).toBe(1)
})

/** It answers well, its first piece after so long. */
function heard(watch: () => Watched, clock: VirtualClock, first_ms: number): void {
  const answer = watch()
  clock.advance(first_ms)
  answer.piece()
  answer.end(true)
}

test('a prompt may take as long as it takes, but for the first after an outage', () => {
  const { clock, trust, watch, silent } = setup()
  heard(watch, clock, 7_000)
  watch()
  clock.advance(3_600_000)
  expect(silent()).toBe(0)
  trust.outage()
  watch()
  clock.advance(69_999)
  expect(silent()).toBe(0)
  clock.advance(1)
  expect(silent()).toBe(1)
  trust.answered()
  watch()
  clock.advance(3_600_000)
  expect(silent()).toBe(1)
})

test('and for the first after one that was left in the middle, whose slot may be lost', () => {
  const { clock, watch, silent } = setup()
  heard(watch, clock, 1_000)
  watch().end(false)
  const next = watch()
  clock.advance(60_000)
  expect(silent()).toBe(1)
  next.end(true)
  watch()
  clock.advance(3_600_000)
  expect(silent()).toBe(1)
})

test('and for one whose runner people have left', () => {
  const { clock, watch, silent } = setup()
  heard(watch, clock, 1_000)
  watch('m', true)
  clock.advance(59_999)
  expect(silent()).toBe(0)
  clock.advance(1)
  expect(silent()).toBe(1)
})

test('a model that was never heard is not judged by its first word', () => {
  const { clock, trust, watch, silent } = setup()
  trust.outage()
  watch()
  clock.advance(3_600_000)
  expect(silent()).toBe(0)
})

test('one that was only slow has the time in its next attempt', () => {
  const { clock, trust, watch, silent } = setup()
  heard(watch, clock, 1_000)
  trust.outage()
  const first = watch()
  clock.advance(60_000)
  expect(silent()).toBe(1)
  first.end(false)
  watch()
  clock.advance(599_999)
  expect(silent()).toBe(1)
  clock.advance(1)
  expect(silent()).toBe(2)
})

test('an answer that has ended is watched no longer', () => {
  const { clock, watch, silent } = setup()
  const answer = watch()
  answer.piece()
  answer.end(true)
  clock.advance(3_600_000)
  expect(silent()).toBe(0)
})
