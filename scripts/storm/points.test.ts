import { expect, test } from 'vitest'
import { Dice } from '../simulate/dice.ts'
import { Points } from './points.ts'

const moments = ['before', 'inside', 'after'].flatMap((moment) => [`submit:${moment}`, `finish:${moment}`])

test('every point that was passed has its turn before any has a second one', () => {
  const points = new Points()
  const dice = new Dice(1)
  expect(points.next(dice)).toBeUndefined()
  for (const point of [...moments, ...moments]) points.passed(point)
  const aims = Array.from({ length: 12 }, () => points.next(dice)!.point)
  expect(aims.slice(0, 6).toSorted()).toEqual(moments.toSorted())
  expect(aims.slice(6).toSorted()).toEqual(moments.toSorted())
  // One that comes late goes before those that had theirs.
  points.passed('purge:inside')
  expect(points.next(dice)?.point).toBe('purge:inside')
})

test('one that was missed is aimed at on its first time, and what was hit is counted', () => {
  const points = new Points()
  const dice = new Dice(1)
  points.passed('draw:inside')
  points.next(dice)
  for (let i = 0; i < 20; i++) expect(points.next(dice)).toEqual({ point: 'draw:inside', nth: 1 })
  expect(points.counts).toEqual({ known: 1, reached: 0 })
  points.died({ point: 'draw:inside', nth: 1 })
  points.passed('draw:after')
  expect(points.counts).toEqual({ known: 2, reached: 1 })
  expect(points.deaths).toEqual(['draw 0/1/0'])
})
