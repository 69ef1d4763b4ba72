import type { Socket } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { plain, replay, type Route } from './recordings/replay.ts'
import { Watch, type TargetState } from './watch.ts'
import { Wire } from './wire.ts'

const good: Route = 'version'
const silence: Route = (socket: Socket) => void socket.pause()
const cut: Route = (socket: Socket) => void socket.resetAndDestroy()

const ends: (() => unknown)[] = []

afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

class CountingWire extends Wire {
  asked = 0
  override ask(...args: Parameters<Wire['ask']>): ReturnType<Wire['ask']> {
    this.asked++
    return super.ask(...args)
  }
}

/** A watch over a server whose /api/version answers as `routes` say, one after the other. */
async function watched(...routes: Route[]) {
  const server = await replay({ 'GET /api/version': routes })
  const clock = new VirtualClock()
  const states: TargetState[] = []
  const probes: boolean[] = []
  const wire = new CountingWire({ url: server.url, clock })
  const watch = new Watch({
    wire,
    clock,
    onState: (state) => states.push(state),
    onProbe: (good) => probes.push(good),
  })
  ends.push(
    () => watch.close(),
    () => server.close(),
  )
  /** Moves time to where the probe number `count` was the last to begin, and waits until it has ended. */
  const pass = async (ms: number, count: number) => {
    clock.advance(ms)
    expect(wire.asked).toBe(count)
    await vi.waitFor(() => expect(probes).toHaveLength(count), { interval: 1 })
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { server, watch, clock, states, pass }
}

test('one good answer makes an unknown target awake and tells its version', async () => {
  const { watch, clock, states } = await watched(good)
  expect(watch.state).toBe('unknown')
  clock.advance(1000)
  await watch.probe()
  expect(states).toEqual(['awake'])
  expect(watch).toMatchObject({ version: '0.33.0-rc2', failingSince: undefined, since: clock.wall() })
})

test('no answer within 3 s is asleep, and since when counts from the first that failed', async () => {
  const { watch, clock, pass } = await watched(silence)
  void watch.probe()
  clock.advance(2_999)
  expect(watch.state).toBe('unknown')
  await pass(1, 1)
  expect(watch).toMatchObject({ state: 'asleep', failingSince: 0 })
  await pass(15_000, 2)
  expect(watch.failingSince).toBe(0)
})

test('a refused connection is down, so is one that breaks and a proxy that answers for Ollama', async () => {
  const closed = await watched(good)
  await closed.server.close()
  await closed.watch.probe()
  expect(closed.watch.state).toBe('down')
  for (const route of [cut, plain(502, 'Bad Gateway')]) {
    const { watch } = await watched(route)
    await watch.probe()
    expect(watch.state).toBe('down')
  }
})

test('an answer that is no version is still an answer', async () => {
  for (const route of [plain(401, ''), plain(200, '<html>'), plain(200, '{"version":5}')]) {
    const { watch } = await watched(route)
    await watch.probe()
    expect(watch).toMatchObject({ state: 'awake', version: undefined })
  }
})

test('after an outage two good probes in a row make it awake, two seconds apart', async () => {
  const { watch, states, pass } = await watched(good, cut, good, cut, good, good)
  await watch.probe()
  await pass(15_000, 2)
  expect(watch.state).toBe('down')
  await pass(15_000, 3)
  expect(watch.state).toBe('down')
  await pass(2_000, 4)
  await pass(15_000, 5)
  expect(watch.state).toBe('down')
  await pass(2_000, 6)
  expect(states).toEqual(['awake', 'down', 'awake'])
  expect(watch.failingSince).toBeUndefined()
})

test('the second good probe comes two seconds after the first was answered, however late that was', async () => {
  let answer = () => {}
  const late: Route = (socket, request) => {
    const version = plain(200, '{"version":"1"}')
    answer = () => typeof version === 'function' && version(socket, request)
  }
  const { watch, clock, server, pass } = await watched(cut, late, good)
  await watch.probe()
  clock.advance(15_000)
  await vi.waitFor(() => expect(server.received).toHaveLength(2), { interval: 1 })
  clock.advance(2_500)
  answer()
  await pass(0, 2)
  await pass(1_999, 2)
  expect(watch.state).toBe('down')
  await pass(1, 3)
  expect(watch.state).toBe('awake')
})

test('idle it is asked every 15 s, awake or not', async () => {
  const { watch, pass } = await watched(good, good, cut, cut)
  await watch.probe()
  for (let count = 2; count <= 4; count++) {
    await pass(14_999, count - 1)
    await pass(1, count)
  }
})

test('an absent target that something waits for is asked every 2 s, from the first wait on', async () => {
  const { watch, pass } = await watched(cut)
  await watch.probe()
  await pass(10_000, 1)
  watch.demand('waiting', true, 'jobs')
  watch.demand('waiting', true, 'people')
  await pass(0, 2)
  await pass(2_000, 3)
  watch.demand('waiting', false, 'people')
  await pass(2_000, 4)
  watch.demand('waiting', false, 'jobs')
  await pass(14_999, 4)
  await pass(1, 5)
})

test('something that waits for an awake target asks no more often', async () => {
  const { watch, pass } = await watched(good)
  await watch.probe()
  watch.demand('waiting', true, 'jobs')
  await pass(14_999, 1)
  await pass(1, 2)
})

test('a silent request is asked beside every 2 s, a speaking one is not', async () => {
  const { watch, clock, pass } = await watched(good)
  await watch.probe()
  watch.demand('in_flight', true, 1)
  await pass(2_000, 2)
  for (let n = 0; n < 10; n++) {
    clock.advance(500)
    watch.heard()
  }
  await pass(1_999, 2)
  await pass(1, 3)
  watch.demand('in_flight', false, 1)
  await pass(14_999, 3)
})

test('bytes that came during a probe without an answer are better evidence', async () => {
  const { watch, clock, pass } = await watched(good, silence)
  await watch.probe()
  watch.demand('in_flight', true, 1)
  clock.advance(3_000)
  watch.heard()
  await pass(2_000, 2)
  expect(watch).toMatchObject({ state: 'awake', failingSince: undefined })
  await pass(5_000, 3)
  expect(watch).toMatchObject({ state: 'asleep', failingSince: 5_000 })
  watch.heard()
  expect(watch.failingSince).toBeUndefined()
})

test('stuck is left by a load that goes through, by an outage, or after five minutes', async () => {
  const { watch, states, pass } = await watched(...Array<Route>(30).fill(good), cut, good)
  watch.stuck()
  expect(watch.state).toBe('unknown')
  await watch.probe()
  watch.stuck()
  watch.unstuck()
  watch.stuck()
  for (let count = 2; count <= 20; count++) await pass(15_000, count)
  expect(watch.state).toBe('stuck')
  await pass(15_000, 21)
  expect(watch.state).toBe('awake')
  watch.stuck()
  for (let count = 22; count <= 31; count++) await pass(15_000, count)
  await pass(15_000, 32)
  await pass(2_000, 33)
  expect(states).toEqual(['awake', 'stuck', 'awake', 'stuck', 'awake', 'stuck', 'down', 'awake'])
})

test('only one probe is under way at a time', async () => {
  const { watch, server } = await watched(good)
  await Promise.all([watch.probe(), watch.probe(), watch.probe()])
  expect(server.received).toHaveLength(1)
})

test('closed, it asks nothing any more and tells nothing', async () => {
  const { watch, clock, server, states } = await watched(silence)
  const probing = watch.probe()
  watch.demand('in_flight', true, 1)
  watch.close()
  await probing
  clock.advance(60_000)
  await watch.probe()
  expect(server.received.length).toBeLessThanOrEqual(1)
  expect(states).toEqual([])
})
