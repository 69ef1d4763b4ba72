import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { Vigil } from './vigil.ts'

function setup() {
  const clock = new VirtualClock()
  const vigil = new Vigil(clock)
  const ended: string[] = []
  const wait = (name: string, job: number, ms = 1000, signal?: AbortSignal) =>
    vigil.wait(job, ms, signal).then(() => ended.push(name))
  return { clock, vigil, ended, wait }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('a wait ends', () => {
  test('when its job is told of, and no other', async () => {
    const { vigil, ended, wait } = setup()
    void wait('a', 1)
    void wait('b', 1)
    void wait('c', 2)
    expect(vigil.size).toBe(3)
    vigil.wake(1)
    await turn()
    expect(ended).toEqual(['a', 'b'])
    expect(vigil.size).toBe(1)
    vigil.wake(99)
    expect(vigil.size).toBe(1)
  })

  test('when its time is over', async () => {
    const { clock, vigil, ended, wait } = setup()
    void wait('short', 1, 10)
    void wait('long', 1, 20)
    clock.advance(9)
    await turn()
    expect(ended).toEqual([])
    clock.advance(1)
    await turn()
    expect(ended).toEqual(['short'])
    clock.advance(10)
    await turn()
    expect(ended).toEqual(['short', 'long'])
    expect(vigil.size).toBe(0)
  })

  test('when its caller leaves, or had left', async () => {
    const { vigil, ended, wait } = setup()
    const caller = new AbortController()
    void wait('a', 1, 1000, caller.signal)
    void wait('b', 1)
    caller.abort()
    await turn()
    expect(ended).toEqual(['a'])
    await wait('gone', 1, 1000, caller.signal)
    expect(vigil.size).toBe(1)
  })

  test('when all end, and then none begins', async () => {
    const { vigil, ended, wait } = setup()
    void wait('a', 1)
    void wait('b', 2)
    expect(vigil.over).toBe(false)
    vigil.end()
    await turn()
    expect(ended).toEqual(['a', 'b'])
    await wait('late', 3)
    expect([vigil.over, vigil.size]).toEqual([true, 0])
  })

  test('at once when there is no time', async () => {
    const { vigil, wait } = setup()
    await wait('a', 1, 0)
    await wait('b', 1, -5)
    expect(vigil.size).toBe(0)
  })
})

test('a thousand are let go over several turns, each of them once', async () => {
  const { vigil, ended, wait } = setup()
  for (let i = 0; i < 1000; i++) void wait(`w${i}`, 1)
  vigil.wake(1)
  await Promise.resolve()
  await Promise.resolve()
  expect(ended.length).toBeLessThan(100)
  for (let i = 0; i < 40; i++) await turn()
  expect(ended).toHaveLength(1000)
  expect(vigil.size).toBe(0)
})

test('what has ended leaves nothing behind: no timer, no listener, no entry', async () => {
  const timers = new Set<object>()
  const clock = new VirtualClock()
  const counted = {
    now: () => clock.now(),
    wall: () => clock.wall(),
    at: (time: number, fn: () => void) => {
      const timer = {}
      timers.add(timer)
      const cancel = clock.at(time, fn)
      return () => {
        timers.delete(timer)
        cancel()
      }
    },
  }
  const vigil = new Vigil(counted)
  const caller = new AbortController()
  let listeners = 0
  const { addEventListener, removeEventListener } = EventTarget.prototype
  caller.signal.addEventListener = (...given: Parameters<typeof addEventListener>) => {
    listeners += 1
    addEventListener.apply(caller.signal, given)
  }
  caller.signal.removeEventListener = (...given: Parameters<typeof removeEventListener>) => {
    listeners -= 1
    removeEventListener.apply(caller.signal, given)
  }
  const waits = [1, 2, 3].map((job) => vigil.wait(job, job * 1000, caller.signal))
  expect([timers.size, listeners]).toEqual([3, 3])
  vigil.wake(1)
  clock.advance(2000)
  caller.abort()
  await Promise.all(waits)
  expect([timers.size, listeners, vigil.size]).toEqual([0, 0, 0])
})

test('a caller who waits again while being woken is not woken twice', async () => {
  const { vigil } = setup()
  let rounds = 0
  const loop = async () => {
    for (; rounds < 3; rounds++) await vigil.wait(1, 1000)
  }
  const done = loop()
  for (let i = 1; i <= 3; i++) {
    vigil.wake(1)
    await turn()
    expect(rounds).toBe(i)
  }
  await done
})
