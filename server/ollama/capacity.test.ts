import { expect, test } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { fits } from '../job/room.ts'
import { Capacity, type Listed } from './capacity.ts'

function setup() {
  const clock = new VirtualClock()
  const capacity = new Capacity({ clock })
  /** /api/ps lists these; with a time they would go by themselves then. */
  const looked = (...keys: (string | [key: string, ms: number])[]) =>
    capacity.looked(
      keys.map((one): Listed => {
        const [key, ms] = typeof one === 'string' ? [one, 300_000] : one
        return { key, serves: [key], expiresAt: clock.wall() + ms }
      }),
    )
  const known = (keys: string) => fits(capacity.room, new Set(keys), clock.now())
  return { clock, capacity, looked, known }
}

test('a runner that left when another came did not fit beside it', () => {
  const { capacity, looked, known } = setup()
  looked('a')
  capacity.forwarded('b')
  looked()
  looked('b')
  expect([known('ab'), known('ac')]).toEqual([false, undefined])
})

test('of many that came and went only the last teaches', () => {
  const { capacity, looked, known } = setup()
  looked('a')
  for (const key of 'bcd') capacity.forwarded(key)
  for (const key of 'bcd') looked(key)
  expect(['ab', 'bc', 'cd', 'ad', 'bd'].map(known)).toEqual([false, false, false, undefined, undefined])
})

test('what is listed together fits, though it was asked for one by one', () => {
  const { capacity, looked, known } = setup()
  looked('a')
  capacity.forwarded('b')
  looked('a', 'b')
  expect(known('ab')).toBe(true)
})

test.each([
  ['its time was over', ({ clock }: ReturnType<typeof setup>) => clock.advance(2_000)],
  ['foreman let it go', ({ capacity }: ReturnType<typeof setup>) => capacity.dismissed('a')],
])('a runner that left because %s says nothing', (_, why) => {
  const all = setup()
  all.looked(['a', 1_000])
  all.capacity.forwarded('b')
  why(all)
  all.looked('b')
  expect(all.known('ab')).toBeUndefined()
})

test('a request that was withdrawn is not what made a runner leave', () => {
  const { capacity, looked, known } = setup()
  looked('a')
  capacity.forwarded('b')
  capacity.withdrawn('b')
  looked()
  looked('b')
  expect(known('ab')).toBeUndefined()
})

test('an outage makes all of it void', () => {
  const { capacity, looked, known } = setup()
  looked('a', 'b')
  capacity.forget()
  expect(known('ab')).toBeUndefined()
})

test('a runner under two spellings is one', () => {
  const { capacity, clock } = setup()
  const listed: Listed[] = [{ key: 'w', serves: ['w', 'w num_ctx=4096'], expiresAt: undefined }]
  capacity.forwarded('w num_ctx=4096')
  capacity.looked(listed)
  expect(fits(capacity.room, new Set(['w', 'w num_ctx=4096']), clock.now())).toBe(true)
})
