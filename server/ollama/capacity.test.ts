import { beforeEach, describe, expect, test } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { clashBelieved_ms, fits } from '../job/room.ts'
import { Capacity, type Listed } from './capacity.ts'

let clock: VirtualClock
let capacity: Capacity

beforeEach(() => {
  clock = new VirtualClock()
  capacity = new Capacity({ clock })
})

const one = (key: string, expiresIn = 300_000, ...more: string[]): Listed => ({
  key,
  serves: [key, ...more],
  expiresAt: clock.wall() + expiresIn,
})

/** A second later these are listed. */
function looked(...listed: (string | Listed)[]): void {
  clock.advance(1000)
  capacity.looked(listed.map((runner) => (typeof runner === 'string' ? one(runner) : runner)))
}

const fit = (...keys: string[]) => fits(capacity.room, new Set(keys), clock.now())
const learnt = () => [capacity.room.fit.length, capacity.room.clash.length]

describe('what is learnt', () => {
  test('listed together fits', () => {
    looked('a', 'b')
    expect([fit('a', 'b'), fit('a', 'c')]).toEqual([true, undefined])
  })

  test('one that goes when another comes does not fit beside it', () => {
    looked('a')
    capacity.forwarded('b')
    looked('a')
    looked()
    looked('b')
    expect(fit('a', 'b')).toBe(false)
  })

  test('A, B listed, C comes, A leaves: the three don’t fit, and not more is known', () => {
    looked('a', 'b')
    capacity.forwarded('c')
    looked('b', 'c')
    expect(fit('a', 'b', 'c')).toBe(false)
    expect([fit('a', 'b'), fit('b', 'c'), fit('a', 'c')]).toEqual([true, true, undefined])
  })

  test('one that came with it is among those that don’t fit', () => {
    looked('a', 'b')
    capacity.forwarded('c')
    looked('b', 'c', 'd')
    expect([fit('a', 'b', 'c'), fit('a', 'b', 'c', 'd')]).toEqual([undefined, false])
  })

  test('of many that come and go each teaches of the one before it', () => {
    looked('a')
    for (const key of ['b', 'c', 'd']) capacity.forwarded(key)
    for (const key of ['b', 'c', 'd']) {
      looked()
      looked(key)
    }
    expect([fit('a', 'b'), fit('b', 'c'), fit('c', 'd')]).toEqual([false, false, false])
    expect([fit('a', 'c'), fit('a', 'd'), fit('b', 'd')]).toEqual([undefined, undefined, undefined])
  })

  test('one that goes just when another comes may have gone for the next one: the three don’t fit', () => {
    looked('a')
    for (const key of ['b', 'c']) capacity.forwarded(key)
    looked('b')
    expect([fit('a', 'b'), fit('a', 'b', 'c')]).toEqual([undefined, false])
    capacity.withdrawn('c')
    looked('b')
    capacity.forwarded('a')
    looked('a')
    expect(fit('a', 'b')).toBe(false)
  })

  test('one that goes at the begin of a long load counts at its end', () => {
    looked('a', 'b')
    capacity.forwarded('c')
    for (let second = 0; second < 20; second++) looked('b')
    looked('b', 'c')
    expect([fit('a', 'b', 'c'), fit('b', 'c')]).toEqual([false, true])
  })

  test('one that was listed only in between counts', () => {
    capacity.forwarded('c')
    looked('a')
    looked('c')
    expect(fit('a', 'c')).toBe(false)
  })

  test('one that goes and is back has not had to go', () => {
    looked('a')
    capacity.forwarded('b')
    looked()
    looked('a', 'b')
    expect(fit('a', 'b')).toBe(true)
  })

  test('the newest wins, either way', () => {
    looked('a', 'b')
    looked('a')
    capacity.forwarded('b')
    looked('b')
    expect(fit('a', 'b')).toBe(false)
    looked('a', 'b')
    expect(fit('a', 'b')).toBe(true)
  })

  test('that they don’t fit is forgotten after an hour', () => {
    looked('a')
    capacity.forwarded('b')
    looked('b')
    clock.advance(clashBelieved_ms)
    expect(fit('a', 'b')).toBeUndefined()
  })
})

describe('what teaches nothing', () => {
  test('a runner whose time was up', () => {
    looked(one('a', 1500))
    capacity.forwarded('b')
    looked()
    looked('b')
    expect(learnt()).toEqual([0, 0])
  })

  test('but one that went before its time did not go by itself, however long the load takes after', () => {
    looked(one('a', 5000))
    capacity.forwarded('b')
    looked()
    clock.advance(60_000)
    looked('b')
    expect(fit('a', 'b')).toBe(false)
  })

  test('a runner that foreman let go, also when the load takes longer than that', () => {
    looked('a')
    capacity.forwarded('b')
    capacity.dismissed('a')
    looked()
    looked()
    looked('b')
    expect(learnt()).toEqual([0, 0])
  })

  test('nor one that foreman let go before, under whichever key', () => {
    looked(one('a', 300_000, 'a num_ctx=8'))
    capacity.dismissed('a num_ctx=8')
    capacity.forwarded('b')
    looked('b')
    expect(capacity.room.clash).toEqual([])
  })

  test('but once it is gone, the next time is another matter', () => {
    looked('a')
    capacity.dismissed('a')
    looked()
    looked('a')
    capacity.forwarded('b')
    looked('b')
    expect(fit('a', 'b')).toBe(false)
  })

  test('a runner that nobody has asked for', () => {
    looked('a')
    looked('b')
    expect(learnt()).toEqual([0, 0])
  })

  test('a request that was withdrawn, whatever comes later', () => {
    looked('a')
    capacity.forwarded('b')
    capacity.withdrawn('b')
    looked('a')
    looked()
    looked('b')
    expect(learnt()).toEqual([0, 0])
  })

  test('what was listed too long ago to be there for sure', () => {
    looked('a')
    clock.advance(60_000)
    capacity.forwarded('b')
    looked('b')
    expect(learnt()).toEqual([0, 0])
  })

  test('the same weights with other options: they are told apart without that', () => {
    looked('a', 'b')
    capacity.forwarded('a num_ctx=8')
    looked('a num_ctx=8', 'b')
    expect(capacity.room.clash).toEqual([])
    expect(fit('a', 'a num_ctx=8')).toBe(false)
  })

  test('a runner that is only spelled anew', () => {
    looked('a')
    capacity.forwarded('b')
    looked('a num_batch=4', 'b')
    expect(capacity.room.clash).toEqual([])
    expect(fit('a num_batch=4', 'b')).toBe(true)
  })
})

test('what went for other options of the same weights did not fit beside these', () => {
  looked('a', 'b')
  capacity.forwarded('a num_ctx=99')
  looked('a num_ctx=99')
  expect([fit('a num_ctx=99', 'b'), fit('a', 'b')]).toEqual([false, true])
})

test('what comes listed under another spelling is the one that was asked for, and is told by that', () => {
  looked('a')
  capacity.forwarded('b num_ctx=8')
  looked(one('b', 300_000, 'b num_ctx=8'))
  expect(fit('a', 'b num_ctx=8')).toBe(false)
})

test('an answer that ends before the next look teaches all the same', () => {
  looked('a')
  capacity.forwarded('b')
  clock.advance(10)
  capacity.withdrawn('b')
  looked('b')
  expect(fit('a', 'b')).toBe(false)
})

test('a look that was asked for before the request ended is not the last one', () => {
  looked('a')
  capacity.forwarded('b')
  const at = clock.now()
  clock.advance(10)
  capacity.withdrawn('b')
  capacity.looked([one('a')], at)
  looked('b')
  expect(fit('a', 'b')).toBe(false)
})

test('an outage forgets it all', () => {
  looked('a', 'b')
  capacity.forwarded('c')
  looked('b', 'c')
  capacity.forwarded('d')
  capacity.forget()
  expect(learnt()).toEqual([0, 0])
  looked('d')
  expect(learnt()).toEqual([0, 0])
})

test('when names mean other runners, what was learnt stays and what is under way does not count', () => {
  looked('a', 'b')
  capacity.forwarded('c')
  capacity.renamed()
  looked('c')
  expect([fit('a', 'b'), fit('a', 'c')]).toEqual([true, undefined])
})

test('what is learnt is bounded', () => {
  for (let n = 0; n < 600; n++) {
    looked(`a${n}`)
    capacity.forwarded(`b${n}`)
    looked(`b${n}`)
    looked(`b${n}`, `c${n}`)
    looked()
  }
  expect(learnt()).toEqual([256, 256])
})

test('whether a runner’s time was up is told by the clock that its end is meant by', () => {
  const theirs = clock.wall() - 600_000
  capacity.looked([{ key: 'a', serves: ['a'], expiresAt: theirs + 300_000 }], clock.now(), theirs)
  capacity.forwarded('b')
  capacity.looked([one('b')], clock.now(), theirs + 1_000)
  expect(fit('a', 'b')).toBe(false)
})
