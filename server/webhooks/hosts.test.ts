// Whose turn it is, on rows that a test makes up.

import { expect, test } from 'vitest'
import { Hosts, type Next } from './hosts.ts'

/** An outbox: rows by host, as the store has them. */
class Outbox {
  rows: { seq: number; host: string; due: number }[] = []
  hosts = new Hosts({
    first: (host, most) => {
      const mine = this.rows.filter((row) => row.host === host)
      return mine.sort((a, b) => a.due - b.due || a.seq - b.seq).slice(0, most)
    },
  })
  now = 0

  add(host: string, count = 1, due = this.now): void {
    for (let i = 0; i < count; i++) this.rows.push({ seq: this.rows.length + 1, host, due })
    this.hosts.look(host, this.now)
  }

  /** All whose turn it is, under way from now on. */
  take(): Next[] {
    const taken: Next[] = []
    for (let next = this.hosts.take(this.now); next; next = this.hosts.take(this.now)) taken.push(next)
    return taken
  }

  /** A try has ended: it is delivered, or due again. */
  end(next: Next, answered: boolean, due = this.now + 5000): void {
    const row = this.rows.find(({ seq }) => seq === next.seq)!
    if (answered) this.rows = this.rows.filter((one) => one !== row)
    else row.due = due
    this.hosts.ended(next, answered, this.now)
  }
}

const names = (taken: readonly Next[]) => taken.map(({ host }) => host.name)

test('a host gets one try until it has answered, and two from then on', () => {
  const outbox = new Outbox()
  outbox.add('a', 10)
  const [first, ...none] = outbox.take()
  expect([first?.seq, none]).toEqual([1, []])
  outbox.end(first!, true)
  const two = outbox.take()
  expect(two.map(({ seq }) => seq)).toEqual([2, 3])
  outbox.end(two[1]!, true)
  expect(outbox.take().map(({ seq }) => seq)).toEqual([4])
  outbox.end(two[0]!, false)
  expect(outbox.take()).toEqual([])
})

test('what is due first goes first; what is due later waits for its time, and says which that is', () => {
  const outbox = new Outbox()
  outbox.add('a', 1, 200)
  outbox.add('b', 1, 100)
  expect([outbox.take(), outbox.hosts.nextDue]).toEqual([[], 100])
  outbox.now = 100
  expect([names(outbox.take()), outbox.hosts.nextDue]).toEqual([['b'], 200])
  outbox.now = 200
  expect([names(outbox.take()), outbox.hosts.nextDue]).toEqual([['a'], Infinity])
})

test('hosts take turns, however much waits for one of them', () => {
  const outbox = new Outbox()
  outbox.add('a', 100)
  outbox.add('b', 2)
  const rounds: string[][] = []
  for (let i = 0; i < 3; i++) {
    const taken = outbox.take()
    rounds.push(names(taken).sort())
    for (const next of taken) outbox.end(next, true)
  }
  expect(rounds).toEqual([
    ['a', 'b'],
    ['a', 'a', 'b'],
    ['a', 'a'],
  ])
})

test('a hundred hosts that hang leave room for a new one, and a thousand for one that answers', () => {
  const outbox = new Outbox()
  outbox.add('live', 3)
  for (const next of outbox.take()) outbox.end(next, true)
  const live = outbox.take()
  expect(names(live)).toEqual(['live', 'live'])
  for (let i = 0; i < 100; i++) outbox.add(`hangs ${i}`, 5)
  expect(outbox.take().length).toBe(100)
  outbox.add('new')
  expect(names(outbox.take())).toEqual(['new'])
  for (let i = 100; i < 1000; i++) outbox.add(`hangs ${i}`, 5)
  outbox.take()
  expect(outbox.hosts.underWay).toBe(2 + 128)
  outbox.end(live[0]!, true)
  outbox.add('live', 1)
  expect(names(outbox.take())).toContain('live')
})

test('a host that answered last keeps its room while nothing waits for it', () => {
  const outbox = new Outbox()
  outbox.add('live')
  for (const next of outbox.take()) outbox.end(next, true)
  expect(outbox.hosts.size).toBe(0)
  for (let i = 0; i < 300; i++) outbox.add(`hangs ${i}`)
  outbox.take()
  outbox.add('new')
  outbox.add('live', 3)
  const live = outbox.take()
  expect(names(live)).toEqual(['live', 'live'])
  outbox.end(live[0]!, false)
  expect(outbox.take()).toEqual([])
})

test('two hundred hosts that answer and have much to be told leave room for a new one, and for one that failed', () => {
  const outbox = new Outbox()
  outbox.add('failed')
  for (const next of outbox.take()) outbox.end(next, false)
  for (let i = 0; i < 200; i++) outbox.add(`live ${i}`, 50)
  const rounds = (count: number) => {
    for (let i = 0; i < count; i++) for (const next of outbox.take()) outbox.end(next, true)
  }
  rounds(10)
  outbox.now = 5000
  const busy = outbox.take()
  outbox.add('new')
  expect(names([...busy, ...outbox.take()])).toEqual(expect.arrayContaining(['new', 'failed']))
})

test('hosts that failed leave room for those that did not', () => {
  const outbox = new Outbox()
  for (let i = 0; i < 300; i++) outbox.add(`dead ${i}`, 2)
  for (let left = 300; left > 0;) {
    const taken = outbox.take()
    for (const next of taken) outbox.end(next, false)
    left -= taken.length
  }
  outbox.now = 5000
  expect(outbox.take().length).toBe(128)
  outbox.add('new')
  expect(names(outbox.take())).toEqual(['new'])
})

test('a host that failed is left alone for a second, whatever waits for it, or until somebody wants it called', () => {
  const outbox = new Outbox()
  outbox.add('a', 3)
  const [first] = outbox.take()
  outbox.end(first!, false)
  expect([outbox.take(), outbox.hosts.nextDue]).toEqual([[], 1000])
  outbox.now = 1000
  const [second] = outbox.take()
  expect(second?.seq).toBe(2)
  outbox.end(second!, false)
  outbox.hosts.spare('a')
  outbox.hosts.look('a', outbox.now)
  const [third] = outbox.take()
  expect(third?.seq).toBe(3)
  outbox.end(third!, true)
  outbox.add('a')
  expect(outbox.take().length).toBe(1)
})

test('a host is forgotten with the last that waits for it, and so is how it stood', () => {
  const outbox = new Outbox()
  outbox.add('a', 1)
  const [next] = outbox.take()
  outbox.end(next!, false)
  expect(outbox.hosts.size).toBe(1)
  outbox.rows = []
  outbox.now = 5000
  expect([outbox.take(), outbox.hosts.size, outbox.hosts.nextDue]).toEqual([[], 0, Infinity])
})

test('what was erased or ended meanwhile is passed over', () => {
  const outbox = new Outbox()
  outbox.add('a')
  outbox.add('b')
  outbox.rows = outbox.rows.filter(({ host }) => host === 'b')
  expect([names(outbox.take()), outbox.hosts.underWay]).toEqual([['b'], 1])
})
