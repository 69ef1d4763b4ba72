import { expect, test } from 'vitest'
import type { Learnt } from '../store/learnt.ts'
import { Estimates } from './estimates.ts'

const usage = (output_tokens: number, output_ms: number) => ({ output_tokens, output_ms })

test('nothing is known before it was seen', () => {
  const estimates = new Estimates()
  expect([estimates.load('a'), estimates.slowestLoad('a'), estimates.work('m', '/api/chat')]).toEqual([
    undefined,
    0,
    undefined,
  ])
  estimates.worked('m', '/api/chat', usage(10, 1000), 1500)
  expect([estimates.work('m', '/api/generate'), estimates.work('other', '/api/chat')]).toEqual([undefined, undefined])
})

test('a job takes its tokens at the pace of its model, and the rest', () => {
  const estimates = new Estimates()
  estimates.worked('m', '/api/chat', usage(10, 1000), 1500)
  expect(estimates.work('m', '/api/chat')).toBeCloseTo(1500)
  // The model is faster now, whoever asked it.
  estimates.worked('m', '/api/generate', usage(100, 5000), 5000)
  expect(estimates.work('m', '/api/chat')).toBeCloseTo(10 * 85 + 500)
})

test('what tells no tokens is estimated whole', () => {
  const estimates = new Estimates()
  estimates.worked('m', '/api/embed', {}, 200)
  estimates.worked('m', '/api/embed', {}, 300)
  expect(estimates.work('m', '/api/embed')).toBeCloseTo(230)
})

test('newer observations weigh more', () => {
  const estimates = new Estimates()
  for (const ms of [1000, 2000, 1000]) estimates.loaded('a', ms)
  expect(estimates.load('a')).toBe(1210)
})

test('one slow load fades with each good one, over restarts too; a slower one is the slowest at once', () => {
  const told = new Map<string, Learnt>()
  const open = () => new Estimates({ learnt: [...told.values()], onLearnt: (one) => told.set(one.name, one) })
  const after = (...loads: number[]) => {
    const estimates = open()
    for (const ms of loads) estimates.loaded('a', ms)
    return estimates.slowestLoad('a')
  }
  expect(after(1000, 600_000)).toBe(600_000)
  expect(after(1000)).toBeCloseTo(480_200)
  expect(after(...Array<number>(40).fill(1000))).toBeLessThan(1100)
  expect(after(1500)).toBe(1500)
})

test('each change is told, and what was told is enough to go on with', () => {
  const told = new Map<string, Learnt>()
  const estimates = new Estimates({ onLearnt: (one) => told.set(one.name, one) })
  estimates.loaded('a', 1000)
  estimates.worked('m', '/api/chat', usage(10, 1000), 1500)
  const next = new Estimates({ learnt: [...told.values()] })
  expect([next.load('a'), next.work('m', '/api/chat')]).toEqual([1000, 1500])
})

test('few enough are kept, those used last', () => {
  const estimates = new Estimates()
  for (let i = 0; i < 5_000; i++) {
    estimates.loaded('first', 1)
    estimates.loaded(`k${i}`, 1)
  }
  expect([estimates.load('first'), estimates.load('k0'), estimates.load('k4999')]).toEqual([1, undefined, 1])
})
