// How long is tried again, with a clock that is set by hand.

import { afterEach, expect, test, vi } from 'vitest'
import { ForemanError } from './error.ts'
import { patiently, pause } from './patience.ts'

afterEach(() => vi.useRealTimers())

/** Runs all pauses at once. */
async function played<T>(call: () => Promise<T>, unreachable_ms: number): Promise<T> {
  vi.useFakeTimers()
  const answer = patiently(call, { unreachable_ms })
  answer.catch(() => undefined)
  await vi.runAllTimersAsync()
  return answer
}

const refused = () => new ForemanError('unreachable', 'fetch failed')

test('a call that breaks off after longer than there is patience for is tried again all the same', async () => {
  let tries = 0
  const call = async () => {
    if (++tries > 1) return 'answered'
    vi.setSystemTime(Date.now() + 600_000)
    throw refused()
  }
  expect(await played(call, 300_000)).toBe('answered')
})

test('patience ends so long after the first failure, and without any there is one try', async () => {
  let tries = 0
  const call = async () => {
    tries++
    throw refused()
  }
  await expect(played(call, 0)).rejects.toMatchObject({ code: 'unreachable' })
  expect(tries).toBe(1)
  await expect(played(call, 10_000)).rejects.toMatchObject({ code: 'unreachable' })
  // After 0, 0.25, 0.75, 1.75, 3.75 and 7.75 s.
  expect(tries).toBe(1 + 6)
})

test('a pause that is longer than any timer can wait is not over at once', async () => {
  vi.useFakeTimers()
  let over = false
  void pause(Infinity).then(() => (over = true))
  await vi.advanceTimersByTimeAsync(86_400_000)
  expect(over).toBe(false)
})
