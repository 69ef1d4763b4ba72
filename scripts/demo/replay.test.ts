import { expect, test } from 'vitest'
import { firstComeLoads } from './replay.ts'

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
