import { expect, test } from 'vitest'
import { firstComeLoads, use } from './runners.ts'

const inTurns = (...models: string[]) => Array.from({ length: 12 }, (_, i) => models[i % models.length] as string)

test('three models in turns need a load each time, unless all of them fit', () => {
  expect(firstComeLoads(inTurns('a', 'b', 'c'), 1)).toBe(12)
  expect(firstComeLoads(inTurns('a', 'b', 'c'), 2)).toBe(12)
  expect(firstComeLoads(inTurns('a', 'b', 'c'), 3)).toBe(3)
})

test('one model is loaded once, or never when it is there already', () => {
  expect(firstComeLoads(inTurns('a'), 1)).toBe(1)
  expect(firstComeLoads(inTurns('a'), 1, ['a'])).toBe(0)
})

test('the runner that was used longest ago goes first', () => {
  expect(firstComeLoads(['a', 'c', 'a'], 2, ['a', 'b'])).toBe(1)
  expect(firstComeLoads(['c', 'a'], 2, ['a', 'b'])).toBe(2)
})

test('what was seen to fit beside the new one stays, what was not goes, longest unused first', () => {
  const fits = (keys: ReadonlySet<string>) => !keys.has('big') || keys.size < 3
  expect(use(['a', 'b', 'c'], 'd', fits)).toEqual({ held: ['a', 'b', 'c', 'd'], loads: true })
  expect(use(['a', 'b', 'c'], 'big', fits)).toEqual({ held: ['c', 'big'], loads: true })
  expect(use(['a', 'b'], 'a', fits)).toEqual({ held: ['b', 'a'], loads: false })
})
