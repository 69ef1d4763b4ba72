import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as breathe } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { Hours, type Companion } from './hours.ts'

/** A companion with nothing to do, which remembers how far it was asked to go. */
class Idler implements Companion {
  steps: number[] = []

  advance(ms: number): Promise<{ left: number; pending: boolean }> {
    this.steps.push(ms)
    return Promise.resolve({ left: Infinity, pending: false })
  }
}

test('time leaps to what is due next when nothing moves, and its companion takes each step', async () => {
  const hours = new Hours(0)
  const idler = new Idler()
  hours.companion = idler
  let rung = 0
  hours.clock.at(3_600_000, () => (rung = hours.now))
  await hours.pass(() => rung > 0)
  expect(rung).toBe(3_600_000)
  expect(idler.steps.reduce((sum, ms) => sum + ms, 0)).toBe(hours.clock.now())
  expect(idler.steps.length).toBeLessThan(20)
})

test('time never leaps over what its companion has to do', async () => {
  const hours = new Hours(0)
  let theirs = 0
  let due = 1_000_000
  hours.companion = {
    advance: (ms) => {
      theirs += ms
      if (theirs >= due) due = Infinity
      return Promise.resolve({ left: due - theirs, pending: false })
    },
  }
  await hours.pass(() => theirs >= 1_000_000)
  expect(theirs).toBe(1_000_000)
})

test('time stands still while an exchange is on its way, and goes on where that may stay without an answer', async () => {
  const server = createServer((_req, res) => {
    void (async () => {
      for (let turns = 0; turns < 20; turns++) await breathe()
      res.end('well')
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const takes = async (silent: boolean) => {
    const hours = new Hours(0)
    hours.companion = new Idler()
    hours.silent = () => silent
    hours.clock.at(86_400_000, () => undefined)
    let answer: string | undefined
    hours.meanwhile(fetch(`http://127.0.0.1:${port}/look`).then(async (one) => (answer = await one.text())))
    await hours.pass(() => answer !== undefined)
    return hours.clock.now()
  }
  expect(await takes(false)).toBeLessThan(2_000)
  expect(await takes(true)).toBeGreaterThan(2_000)
})

test('what goes wrong in the course of time ends it', async () => {
  const hours = new Hours(0)
  hours.meanwhile(Promise.reject(new Error('no')))
  await expect(hours.pass(() => false)).rejects.toThrow('no')
})
