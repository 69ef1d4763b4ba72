import { expect, it } from 'vitest'
import { Active, type Underway } from './active.ts'

function several(count: number): Underway[] {
  return Array.from({ length: count }, () => ({
    place: -1,
    stop: () => undefined,
    vanished: () => undefined,
    held: false,
    outcome: 'left',
  }))
}

it('knows who is under way, in whatever order they end', () => {
  const active = new Active()
  const ones = several(6)
  for (const one of ones) active.add(one)
  const here = new Set(ones)
  for (const i of [1, 5, 0, 3, 2, 4]) {
    expect(active.delete(ones[i]!)).toBe(true)
    here.delete(ones[i]!)
    expect(new Set(active.all())).toEqual(here)
    expect(active.size).toBe(here.size)
  }
})

it('lets each go once', () => {
  const active = new Active()
  const [first, second] = several(2) as [Underway, Underway]
  active.add(first)
  expect(active.delete(second)).toBe(false)
  expect(active.delete(first)).toBe(true)
  expect(active.delete(first)).toBe(false)
  active.add(first)
  expect(active.all()).toEqual([first])
})

it('hands out all of them though they end one by one', () => {
  const active = new Active()
  const ended: Underway[] = []
  for (let i = 0; i < 4; i++) {
    const stop = () => void (active.delete(one) && ended.push(one))
    const one: Underway = { place: -1, held: false, outcome: 'left', stop, vanished: () => undefined }
    active.add(one)
  }
  for (const one of active.all()) one.stop()
  expect([ended.length, active.size]).toEqual([4, 0])
})
