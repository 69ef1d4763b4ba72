// The people's lane counts right, whatever order things end in.
import { describe, expect, it } from 'vitest'
import { VirtualClock } from './clock.ts'
import { admit } from './job/admit.ts'
import { People } from './people.ts'

describe('the people’s lane', () => {
  it('forwards each request at once and counts it until its ticket is released', () => {
    const clock = new VirtualClock()
    let changes = 0
    const people = new People({ clock, onChange: () => changes++ })
    const order: string[] = []
    clock.advance(5)
    const first = people.arrive('a', () => order.push(`a of ${people.count}`))
    clock.advance(5)
    const second = people.arrive('a', () => order.push(`a of ${people.count}`))
    const unknown = people.arrive(undefined, () => order.push(`? of ${people.count}`))
    expect(order).toEqual(['a of 1', 'a of 2', '? of 3'])
    expect(people.keys).toEqual([{ key: 'a', count: 2, since: 5, lastSeen: 10 }])
    clock.advance(5)
    first.release()
    unknown.release()
    expect(people.count).toBe(1)
    second.release()
    expect(people.keys).toEqual([{ key: 'a', count: 0, since: 5, lastSeen: 15 }])
    clock.advance(5)
    people.arrive('a', () => {})
    expect(people.keys).toEqual([{ key: 'a', count: 1, since: 20, lastSeen: 20 }])
    expect(changes).toBe(7)
  })

  it('lets a ticket be released once', () => {
    const people = new People({ clock: new VirtualClock() })
    const ticket = people.arrive('a', () => {})
    people.arrive('a', () => {})
    ticket.release()
    ticket.release()
    expect(people.count).toBe(1)
  })

  it('remembers few idle keys, those seen last, and forgets none in flight', () => {
    const people = new People({ clock: new VirtualClock() })
    people.arrive('held', () => {})
    for (let i = 0; i < 1_000; i++) people.arrive(`k${i}`, () => {}).release()
    expect(people.keys.length).toBe(257)
    expect(people.keys.map(({ key }) => key)).toContain('k999')
    expect(people.keys.map(({ key }) => key)).not.toContain('k743')
    expect(people.count).toBe(1)
  })
})

describe('admission', () => {
  it('says forward to everybody', () => {
    expect(admit({ now: 0, inFlight: [{ key: 'a', count: 9, since: 0, lastSeen: 0 }] }, 'b')).toBe('forward')
  })
})
