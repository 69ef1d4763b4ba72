import { describe, expect, test } from 'vitest'
import { systemClock, VirtualClock } from './clock.ts'

describe('the real clock', () => {
  test('never calls back before its time, although Node rounds its timers to whole milliseconds', async () => {
    const early = await Promise.all(
      Array.from({ length: 200 }, (_, i) => {
        const time = systemClock.now() + (i % 40) + i / 200
        return new Promise<boolean>((resolve) => systemClock.at(time, () => resolve(systemClock.now() < time)))
      }),
    )
    expect(early.filter(Boolean)).toHaveLength(0)
  })

  test('calls back later than at once even for a time that has passed, and not at all when canceled', async () => {
    const called: string[] = []
    systemClock.at(systemClock.now() - 1000, () => called.push('past'))
    systemClock.at(systemClock.now(), () => called.push('canceled'))()
    expect(called).toEqual([])
    await new Promise<void>((resolve) => systemClock.at(systemClock.now() + 5, resolve))
    expect(called).toEqual(['past'])
  })

  test('takes a moment that is further away than setTimeout can count, and keeps no process alive for it', () => {
    const keepingAlive = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = keepingAlive()
    const cancel = systemClock.at(systemClock.now() + 2 ** 40, () => expect.unreachable())
    expect(keepingAlive()).toBe(before)
    const kept = setTimeout(() => undefined, 1000)
    expect(keepingAlive()).toBe(before + 1)
    clearTimeout(kept)
    cancel()
  })

  test('has a wall clock in milliseconds since the epoch', () => {
    expect(Math.abs(systemClock.wall() - Date.now())).toBeLessThan(1000)
  })
})

describe('the virtual clock', () => {
  test('stands still until it is advanced, and moves both of its faces', () => {
    const clock = new VirtualClock(5000)
    expect([clock.now(), clock.wall()]).toEqual([0, 5000])
    clock.advance(250)
    expect([clock.now(), clock.wall()]).toEqual([250, 5250])
  })

  test('tells the time of day in whole milliseconds, also between two of them', () => {
    const clock = new VirtualClock(5000)
    const seen: number[] = []
    clock.at(10.75, () => seen.push(clock.now(), clock.wall()))
    clock.advance(20)
    expect(seen).toEqual([10.75, 5010])
  })

  test('its wall can be set without touching what is monotonic', () => {
    const clock = new VirtualClock(5000)
    clock.advance(10)
    clock.shiftWall(-3_600_000)
    expect([clock.now(), clock.wall()]).toEqual([10, 5010 - 3_600_000])
  })

  test('fires in order of time, ties in the order they were set, each at its own time', () => {
    const clock = new VirtualClock()
    const seen: string[] = []
    const note = (name: string) => () => seen.push(`${name}@${clock.now()}`)
    clock.at(30, note('c'))
    clock.at(10, note('a'))
    clock.at(10, note('b'))
    clock.at(31, note('late'))
    clock.at(-5, note('past'))
    clock.advance(30)
    expect(seen).toEqual(['past@0', 'a@10', 'b@10', 'c@30'])
    clock.advance(1)
    expect(seen.at(-1)).toBe('late@31')
  })

  test('says when its first timer is due, and that there is none', () => {
    const clock = new VirtualClock()
    const cancel = clock.at(10, () => undefined)
    clock.at(30, () => undefined)
    expect(clock.due).toBe(10)
    cancel()
    expect(clock.due).toBe(30)
    clock.advance(30)
    expect(clock.due).toBe(Infinity)
  })

  test('fires what a timer sets for the same stretch, and nothing that was canceled on the way', () => {
    const clock = new VirtualClock()
    const seen: number[] = []
    const cancel = clock.at(8, () => seen.push(8))
    clock.at(5, () => {
      cancel()
      clock.at(7, () => seen.push(clock.now()))
    })
    clock.advance(100)
    expect(seen).toEqual([7])
    expect(clock.now()).toBe(100)
  })
})
