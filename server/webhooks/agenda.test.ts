import { expect, test } from 'vitest'
import { Agenda } from './agenda.ts'

test('what is next is the earliest, whatever was put in, moved and taken out before', () => {
  const agenda = new Agenda()
  const times = new Map<string, number>()
  let seed = 7
  const dice = (sides: number) => (seed = (seed * 48_271) % 2_147_483_647) % sides
  for (let i = 0; i < 5000; i++) {
    const name = `host ${dice(50)}`
    if (dice(3) === 0) {
      agenda.delete(name)
      times.delete(name)
    } else {
      const time = dice(1000)
      agenda.set(name, time)
      times.set(name, time)
    }
    expect(agenda.next).toBe(Math.min(...times.values()))
    if (dice(10) > 0) continue
    const now = dice(1000)
    const taken = agenda.take(now)
    const earliest = Math.min(...times.values())
    if (earliest > now) expect(taken).toBeUndefined()
    else expect(times.get(taken ?? '')).toBe(earliest)
    if (taken !== undefined) times.delete(taken)
  }
})

test('an empty one has nothing next, and nothing to take', () => {
  const agenda = new Agenda()
  agenda.delete('nobody')
  expect([agenda.next, agenda.take(Infinity)]).toEqual([Infinity, undefined])
  agenda.set('a', 1)
  expect([agenda.take(1), agenda.next]).toEqual(['a', Infinity])
})
