// Those who are never held for another's sake, and how they count.
import { expect, test } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { Scenery } from './people.harness.ts'
import { People } from './people.ts'

function open() {
  const clock = new VirtualClock()
  const options = { clock, target: new Scenery(), patience: 10_000, absentHold: 30_000, slowestLoad: () => 0 }
  const people = new People(options)
  const counts = () => [people.inFlight, people.strangers]
  return { clock, people, counts, arrive: (name?: string) => people.arrive(name, { forward() {}, refuse() {} }) }
}

test.each([undefined, 'm:cloud'])('one whose client takes no byte for thirty seconds counts no longer (%s)', (name) => {
  const { clock, counts, arrive } = open()
  const ticket = arrive(name)
  const before = counts()
  ticket.stalled(true)
  clock.advance(29_999)
  expect(counts()).toEqual(before)
  clock.advance(1)
  expect(counts()).toEqual([0, 0])
  ticket.stalled(false)
  expect(counts()).toEqual(before)
  ticket.release()
  ticket.release()
  expect(counts()).toEqual([0, 0])
})

test('one that ends while its client is stalled is counted off once', () => {
  const { clock, counts, arrive } = open()
  const ticket = arrive()
  ticket.stalled(true)
  ticket.release()
  clock.advance(60_000)
  expect(counts()).toEqual([0, 0])
})
