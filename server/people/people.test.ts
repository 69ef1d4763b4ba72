// The people's lane: who is forwarded when, counted right, whatever order things end in.
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { sawEvict, sawTogether, unknownRoom } from '../job/room.ts'
import { Scenery } from './people.harness.ts'
import { People } from './people.ts'
import type { PeopleOptions } from './surroundings.ts'

function open(options: Partial<PeopleOptions> = {}) {
  const clock = new VirtualClock()
  const target = new Scenery()
  const order: string[] = []
  const people = new People({
    clock,
    target,
    patience: 10_000,
    absentHold: 30_000,
    slowestLoad: () => 0,
    ...options,
  })
  const arrive = (name?: string) =>
    people.arrive(name, { forward: () => order.push(name ?? '?'), refuse: () => order.push(`no ${name}`) })
  return { clock, target, people, order, arrive }
}

/** A target that holds one runner, with `a` in it. */
function openOne(options: Partial<PeopleOptions> = {}) {
  const all = open(options)
  all.target.resident = new Set(['a'])
  all.target.capacity.room = sawEvict(unknownRoom, new Set(['a', 'b']), 0)
  return all
}

describe('the people’s lane', () => {
  it('forwards at once when nobody is in the way, and counts each until it ends, once', () => {
    let changes = 0
    const { people, order, arrive } = open({ onChange: () => changes++ })
    const tickets = [arrive('a'), arrive('a'), arrive(), arrive('m:cloud')]
    expect([order, people.inFlight, people.strangers]).toEqual([['a', 'a', '?', 'm:cloud'], 4, 1])
    for (const ticket of [...tickets, ...tickets]) ticket.release()
    expect([people.inFlight, people.held, changes]).toEqual([0, 0, 8])
  })

  it('holds who does not fit, and lets all of a key go when what is in use has drained', () => {
    const { clock, order, people, arrive } = openOne()
    const first = arrive('a')
    const held = [arrive('b'), arrive('b')]
    expect([order, people.held, held[0]?.held]).toEqual([['a'], 2, true])
    clock.advance(1000)
    first.release()
    expect([order, people.held, people.inFlight]).toEqual([['a', 'b', 'b'], 0, 2])
  })

  it('ends a turn when another key is overdue, by itself and not before', () => {
    const { clock, order, arrive } = openOne()
    const first = arrive('a')
    arrive('b')
    clock.advance(9_999)
    const second = arrive('a')
    expect(order).toEqual(['a', 'a'])
    clock.advance(1)
    arrive('a')
    first.release()
    expect(order).toEqual(['a', 'a'])
    second.release()
    expect(order).toEqual(['a', 'a', 'b'])
  })

  it('never forwards who left while it was held', () => {
    const { order, people, arrive } = openOne()
    const first = arrive('a')
    const second = arrive('b')
    second.release()
    first.release()
    expect([order, people.held]).toEqual([['a'], 0])
  })

  it('holds nobody without patience, or when nothing is known of the target', () => {
    const off = openOne({ patience: null })
    off.arrive('a')
    off.arrive('b')
    expect(off.order).toEqual(['a', 'b'])
    const { target, order, people, arrive } = openOne()
    arrive('a')
    arrive('b')
    target.blind = true
    people.decide()
    expect(order).toEqual(['a', 'b'])
  })

  it('does not count a client that takes nothing for thirty seconds, until it does again', () => {
    const { clock, order, people, arrive } = openOne()
    const reader = arrive('a')
    arrive('b')
    reader.stalled(true)
    clock.advance(5_000)
    reader.stalled(false)
    reader.stalled(true)
    clock.advance(29_999)
    expect(order).toEqual(['a'])
    clock.advance(1)
    expect([order, people.inFlight]).toEqual([['a', 'b'], 1])
    reader.stalled(false)
    expect(people.inFlight).toBe(2)
    reader.release()
    expect(people.inFlight).toBe(1)
  })

  it('counts a client that takes bytes again for the runner that its name means by then', () => {
    const { clock, target, people, arrive } = openOne()
    const reader = arrive('a')
    reader.stalled(true)
    clock.advance(30_000)
    target.runners.set('a', 'a2')
    target.resident = new Set(['a2'])
    people.renamed()
    reader.stalled(false)
    expect(people.crowds.filter(({ flight }) => flight > 0).map(({ key }) => key)).toEqual(['a2'])
    reader.release()
    expect(people.inFlight).toBe(0)
  })

  it('holds for a job and for a claim, and lets go when they are over', () => {
    const { order, people, arrive } = openOne()
    people.jobs({ running: 'a', claim: null })
    arrive('b')
    people.jobs({ running: null, claim: 'a' })
    expect(order).toEqual([])
    people.jobs({ running: null, claim: null })
    expect(order).toEqual(['b'])
  })

  it('remembers few idle keys, those used last, and forgets none in flight', () => {
    const { people, arrive, clock } = open()
    arrive('first')
    for (let i = 0; i < 1_000; i++) {
      arrive(`k${i}`).release()
      clock.advance(1)
    }
    const keys = people.crowds.map(({ key }) => key)
    expect(keys.length).toBe(257)
    expect([keys.includes('first'), keys.includes('k999'), keys.includes('k743')]).toEqual([true, true, false])
  })
})

describe('while the target is absent', () => {
  it('requests wait for it, and go in order when it is back', () => {
    const { clock, target, people, order, arrive } = open()
    target.absent = true
    arrive('a')
    clock.advance(20_000)
    arrive('b')
    arrive('a')
    expect(order).toEqual([])
    target.absent = false
    people.decide()
    // The other key is tried as soon as it is seen what the first load did.
    expect(order).toEqual(['a', 'a'])
    target.resident.add('a')
    people.looked()
    expect(order).toEqual(['a', 'a', 'b'])
  })

  it('each is refused when it has waited for so long, or at once if nobody is to wait', () => {
    const { clock, target, people, order, arrive } = open()
    target.absent = true
    arrive('a')
    clock.advance(1)
    arrive('b')
    clock.advance(29_999)
    expect([order, people.held]).toEqual([['no a'], 1])
    clock.advance(1)
    expect(order).toEqual(['no a', 'no b'])
    const never = open({ absentHold: 0 })
    never.target.absent = true
    never.arrive('a').release()
    expect(never.order).toEqual(['no a'])
  })

  it('the end of a wait is told of, be it that somebody is refused or that a pause is over', () => {
    const held: number[] = []
    const away = open({ onChange: () => held.push(away.people.held) })
    away.target.absent = true
    away.arrive('a')
    away.clock.advance(30_000)
    expect([away.order, held]).toEqual([['no a'], [1, 0]])
    held.length = 0
    const there = openOne({ slowestLoad: () => 8_000, onChange: () => held.push(there.people.held) })
    there.arrive('a').release()
    there.arrive('b')
    there.clock.advance(999)
    expect([there.order, held]).toEqual([['a'], [0, 0, 1]])
    there.clock.advance(1)
    expect([there.order, held]).toEqual([
      ['a', 'b'],
      [0, 0, 1, 0],
    ])
  })

  it('who found nobody there waits for the answer of a probe, and goes again', async () => {
    const { order, people, arrive } = open()
    const ticket = arrive('a')
    expect(ticket.again()).toBe(true)
    expect([order, people.held]).toEqual([['a'], 1])
    await Promise.resolve().then(() => Promise.resolve())
    expect([order, people.held]).toEqual([['a', 'a'], 0])
  })
})

describe('while the target comes and goes', () => {
  it('whoever waits for another when it is back has all of the time again when it is away anew', () => {
    const { clock, target, people, order, arrive } = openOne()
    arrive('a')
    target.absent = true
    arrive('b')
    clock.advance(20_000)
    target.absent = false
    people.decide()
    target.absent = true
    people.decide()
    clock.advance(29_999)
    expect(order).toEqual(['a'])
    clock.advance(1)
    expect(order).toEqual(['a', 'no b'])
  })

  it.each(['a', undefined, 'm:cloud'])(
    'whoever finds nobody there although it seemed back (%s) waits no longer than for an absent one',
    async (name) => {
      const { clock, target, people, order, arrive } = open()
      target.absent = true
      const ticket = arrive(name)
      clock.advance(29_999)
      target.absent = false
      people.decide()
      expect(ticket.again()).toBe(true)
      await Promise.resolve().then(() => Promise.resolve())
      expect([order.length, people.held, people.inFlight]).toEqual([2, 0, 1])
      clock.advance(1)
      expect(ticket.again()).toBe(false)
      expect([people.held, people.inFlight, people.strangers]).toEqual([0, 0, 0])
    },
  )

  it.each(['a', undefined, 'm:cloud'])('nobody waits for it any more once refused (%s)', (name) => {
    const { clock, target, order, arrive } = open()
    target.absent = true
    arrive(name)
    expect(target.demands).toEqual({ waiting: true, in_flight: true })
    clock.advance(30_000)
    expect([order, target.demands]).toEqual([[`no ${name}`], { waiting: false, in_flight: false }])
  })

  it('a request that never went has asked for no load and used no runner', async () => {
    const loads: object[] = []
    const { clock, target, people, arrive } = open({ onLoad: (load) => loads.push(load) })
    const ticket = arrive('a')
    target.absent = true
    ticket.again()
    expect([target.awaited.size, people.crowds[0]?.used]).toEqual([0, -Infinity])
    await Promise.resolve().then(() => Promise.resolve())
    clock.advance(20_000)
    target.absent = false
    people.decide()
    expect([...target.awaited]).toEqual(['a'])
    people.looked()
    clock.advance(2_000)
    target.resident = new Set(['a'])
    people.looked()
    expect(loads).toEqual([{ key: 'a', ms: 2_000 }])
  })

  it('a load is measured from when somebody waits for it, not from when somebody once did', () => {
    const loads: object[] = []
    const { clock, target, people, arrive } = open({ onLoad: (load) => loads.push(load) })
    arrive('a').release()
    clock.advance(3_600_000)
    arrive('a')
    people.looked()
    clock.advance(2_000)
    target.resident = new Set(['a'])
    people.looked()
    expect(loads).toEqual([{ key: 'a', ms: 2_000 }])
  })
})

describe('a runner that is there after a pause in which nobody looked', () => {
  const openPaused = () => {
    const loads: object[] = []
    const all = open({ onLoad: (load) => loads.push(load) })
    all.people.looked()
    return { ...all, loads }
  }

  it('has not been loaded when the next look shows it', () => {
    const { clock, target, people, arrive, loads } = openPaused()
    clock.advance(3_001)
    arrive('a')
    clock.advance(10)
    target.resident = new Set(['a'])
    people.looked()
    expect(loads).toEqual([])
  })

  it('nor when that look was asked for before the pause was over', () => {
    const { clock, target, people, arrive, loads } = openPaused()
    clock.advance(10_000)
    people.looked(clock.now() - 3_001)
    arrive('a')
    clock.advance(10)
    target.resident = new Set(['a'])
    people.looked()
    expect(loads).toEqual([])
  })

  it('has been loaded when it was seen not to be there, shortly before or since', () => {
    const { clock, target, people, arrive, loads } = openPaused()
    clock.advance(3_000)
    arrive('a')
    clock.advance(10)
    target.resident = new Set(['a'])
    people.looked()
    clock.advance(10_000)
    arrive('b')
    people.looked()
    clock.advance(20)
    target.resident = new Set(['a', 'b'])
    people.looked()
    expect(loads).toEqual([
      { key: 'a', ms: 10 },
      { key: 'b', ms: 20 },
    ])
  })
})

describe('a target that hangs on letting its only runner go', () => {
  it('is told to, once a request has been silent and the runner idle for fifteen seconds', () => {
    const { clock, target, arrive } = openOne()
    const busy = arrive('a')
    clock.advance(1000)
    busy.release()
    arrive('b')
    clock.advance(14_999)
    expect(target.unloaded).toEqual([])
    clock.advance(60_000)
    expect(target.unloaded).toEqual(['a'])
    clock.advance(1)
    expect(target.unloaded).toEqual(['a', 'a'])
  })

  it('counts as healed once that runner has gone, and not before', () => {
    const [hung, healed]: [string[], string[]] = [[], []]
    const options = { onHung: (key: string) => hung.push(key), onHealed: (key: string) => healed.push(key) }
    const { clock, target, people, arrive } = openOne(options)
    arrive('b')
    clock.advance(15_000)
    // It takes its time to go.
    people.looked()
    expect([hung, healed]).toEqual([['a'], []])
    target.resident = new Set()
    people.looked()
    people.looked()
    expect([hung, healed]).toEqual([['a'], ['a']])
  })

  it('is no hang while a job has only just left its runner', () => {
    const { clock, target, people, arrive } = openOne()
    people.jobs({ running: 'a', claim: null })
    target.blind = true
    arrive('b')
    clock.advance(60_000)
    people.jobs({ running: null, claim: null })
    clock.advance(14_999)
    expect(target.unloaded).toEqual([])
    clock.advance(1)
    expect(target.unloaded).toEqual(['a'])
  })

  it('is no hang while a runner that fits beside the idle one may be loading', () => {
    const { clock, target, arrive } = openOne()
    target.capacity.room = sawTogether(target.capacity.room, new Set(['a', 'c']), 0)
    arrive('c')
    arrive('b')
    clock.advance(600_000)
    expect(target.unloaded).toEqual([])
  })

  it.each([
    [0, 60_000],
    [50_000, 100_000],
  ])('has a minute while nobody knows whether both fit, or twice the slowest load: %i ms, %i ms', (load, silence) => {
    const { clock, target, arrive } = open({ slowestLoad: () => load })
    target.resident = new Set(['a'])
    clock.advance(1)
    arrive('b')
    clock.advance(silence - 1)
    expect(target.unloaded).toEqual([])
    clock.advance(1)
    expect(target.unloaded).toEqual(['a'])
  })
})
