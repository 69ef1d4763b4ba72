import type { Socket } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { affinityKey, type RunnerOptions } from '../job/affinity.ts'
import { Names } from './names.ts'
import { plain, replay, type Route } from './recordings/replay.ts'
import { Residents, type Reading } from './residents.ts'
import { Wire } from './wire.ts'

const ends: (() => unknown)[] = []

afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

const a = `sha256-${'a'.repeat(64)}`
const key = (model: string, options: RunnerOptions = {}) => affinityKey(model, options)
const listed = (...models: object[]): Route => plain(200, JSON.stringify({ models }))
const one = (name: string, context_length?: number, digest = name) => ({ name, digest, size: 1, context_length })
const silence: Route = (socket: Socket) => void socket.pause()

class CountingWire extends Wire {
  readings = 0
  override ask(...args: Parameters<Wire['ask']>): ReturnType<Wire['ask']> {
    if (args[0].path === '/api/ps') this.readings++
    return super.ask(...args)
  }
}

/** Residents over a target whose /api/ps answers as `routes` say; it has `a`, its copy and `b`, all with one Modelfile. */
async function watched(...routes: Route[]) {
  return watchedWith('', ...routes)
}

async function watchedWith(parameters: string, ...routes: Route[]) {
  const server = await replay({
    'GET /api/ps': routes,
    'GET /api/tags': listed(one('a:latest', 0, '1'), one('copy:latest', 0, '1'), one('b:latest', 0, '2')),
    'POST /api/show': plain(200, JSON.stringify({ modelfile: `FROM /models/${a}\n`, parameters })),
  })
  const clock = new VirtualClock()
  const wire = new CountingWire({ url: server.url, clock })
  const names = new Names({ wire, clock })
  const readings: Reading[] = []
  const residents = new Residents({ wire, clock, names, onReading: (reading) => readings.push(reading) })
  ends.push(
    () => residents.close(),
    () => server.close(),
  )
  return { server, wire, clock, names, residents, readings }
}

test('a recorded listing is read with sizes, ends and context', async () => {
  const { residents } = await watched('ps-three-models')
  await residents.look()
  expect(residents.current?.map(({ name }) => name)).toEqual(['slow:latest', 'tiny-a:latest', 'tiny-embed:latest'])
  expect(residents.current?.[1]).toEqual({
    name: 'tiny-a:latest',
    digest: '7ff2d6fa226abdafedf9fc86770268ac57aebf1ec266784c7ce81f65becae203',
    sizeBytes: 3344956,
    contextLength: 2048,
    expiresAt: Date.parse('2026-11-22T16:55:22.380Z'),
  })
  expect(residents.current?.[0]?.expiresAt).toBeGreaterThan(Date.UTC(2300, 0))
})

test('a listing with sizes that are none is read as one that does not tell them', async () => {
  const models = '[{"name":"a","size":"x","context_length":1e99},{"name":"b","size":-5},null]'
  const { residents } = await watched(plain(200, `{"models":${models}}`))
  await residents.look()
  expect(residents.current).toEqual([
    { name: 'a', digest: '', sizeBytes: 0 },
    { name: 'b', digest: '', sizeBytes: 0 },
    { name: '', digest: '', sizeBytes: 0 },
  ])
})

test('while something is in flight it is read every second, and not between', async () => {
  const { residents, wire, clock, readings } = await watched('ps-loaded')
  const read = (count: number) => vi.waitFor(() => expect(readings).toHaveLength(count), { interval: 1 })
  residents.poll(true)
  clock.advance(0)
  await read(1)
  await new Promise((resolve) => setImmediate(resolve))
  for (let count = 2; count < 5; count++) {
    clock.advance(999)
    expect(wire.readings).toBe(count - 1)
    clock.advance(1)
    await read(count)
    await new Promise((resolve) => setImmediate(resolve))
  }
  residents.poll(false)
  clock.advance(5_000)
  expect(wire.readings).toBe(4)
  // Many short requests don't make it more often.
  for (let n = 0; n < 5; n++) {
    residents.poll(true)
    clock.advance(10)
    residents.poll(false)
  }
  await read(5)
  expect(wire.readings).toBe(5)
})

test('a reading is too old after 3 s, and a listing that hangs says nothing', async () => {
  const { residents, clock, server } = await watched(
    'ps-loaded',
    silence,
    plain(500, ''),
    plain(200, '<html>'),
    'ps-empty',
  )
  await residents.look()
  clock.advance(3_000)
  expect(residents.current).toHaveLength(1)
  const hanging = residents.look()
  await vi.waitFor(() => expect(server.received).toHaveLength(2), { interval: 1 })
  clock.advance(1)
  expect(residents.current).toBeUndefined()
  clock.advance(2_999)
  await hanging
  await residents.look()
  await residents.look()
  expect(residents.current).toBeUndefined()
  expect(residents.reading?.residents).toHaveLength(1)
  await residents.look()
  expect(residents.current).toEqual([])
})

test('a runner that somebody else loaded serves what leaves num_ctx open or asks for what is listed', async () => {
  const { residents, names } = await watched(listed(one('copy:latest', 4096, '1')))
  await names.refresh()
  await residents.look()
  const has = (model: string, options?: RunnerOptions) => residents.runners.has(names.runner(key(model, options)))
  expect(has('a')).toBe(true)
  expect(has('copy', { num_ctx: 4096 })).toBe(true)
  expect(has('a', { num_ctx: 2048 })).toBe(false)
  expect(has('a', { num_ctx: 4096, num_thread: 2 })).toBe(false)
  expect(has('a', { shift: false })).toBe(false)
})

test('it was loaded with what its Modelfile says, and serves what adds nothing to that', async () => {
  const parameters = 'num_ctx                        2048\nnum_thread                     1\n'
  const { names, residents } = await watchedWith(
    parameters,
    listed(one('a:latest', 2048, '1')),
    listed(one('a:latest', 512, '1')),
  )
  await names.refresh()
  await residents.look()
  const has = (options: RunnerOptions) => residents.runners.has(names.runner(key('copy', options)))
  expect([has({}), has({ num_ctx: 2048 }), has({ num_ctx: 512 }), has({ num_thread: 2 })]).toEqual([
    true,
    true,
    false,
    false,
  ])
  await residents.look()
  expect([has({}), has({ num_ctx: 2048 }), has({ num_ctx: 512 })]).toEqual([false, false, true])
})

test('without a word of the target the names themselves are compared', async () => {
  const { residents } = await watched(listed(one('llama3:latest', undefined, 'd')))
  await residents.look()
  expect([...residents.runners]).toEqual(['llama3:latest'])
})

test('what foreman loaded counts at once, with the options it was loaded with', async () => {
  const { residents, clock, names } = await watched(listed(), listed(one('a:latest', 2048, '1')))
  await names.refresh()
  await residents.look()
  clock.advance(100)
  residents.loaded(key('copy', { num_batch: 64 }))
  expect([...residents.runners]).toEqual([`${a} num_batch=64`])
  clock.advance(100)
  await residents.look()
  expect([...residents.runners]).toEqual([`${a} num_batch=64`, `${a} num_batch=64 num_ctx=2048`])
  // Loading it with other options replaces it.
  residents.loaded(key('a', { num_batch: 32 }))
  expect([...residents.runners]).toEqual([`${a} num_batch=32`])
})

test('a load of foreman’s that a later listing lacks is gone, one that nobody listed counts for 3 s', async () => {
  const { residents, clock } = await watched(listed(), listed(one('b:latest', 1, '2')))
  residents.loaded(key('a'))
  expect([...residents.runners]).toEqual(['a:latest'])
  clock.advance(3_001)
  expect([...residents.runners]).toEqual([])
  residents.loaded(key('a'))
  clock.advance(1)
  await residents.look()
  expect([...residents.runners]).toEqual([])
})

test('a reading asked for before the load was answered does not contradict it', async () => {
  let answer = () => {}
  const late: Route = (socket, request) => {
    const empty = listed()
    answer = () => typeof empty === 'function' && empty(socket, request)
  }
  const { residents, clock, server } = await watched(late)
  const early = residents.look()
  await vi.waitFor(() => expect(server.received).toHaveLength(1), { interval: 1 })
  clock.advance(500)
  residents.loaded(key('a'))
  answer()
  await early
  expect(residents.current).toEqual([])
  expect([...residents.runners]).toEqual(['a:latest'])
})

test('a runner reloaded by somebody with another context is no longer foreman’s', async () => {
  const { residents, clock } = await watched(listed(one('a:latest', 2048)), listed(one('a:latest', 8192)))
  residents.loaded(key('a', { num_ctx: 2048 }))
  clock.advance(10)
  await residents.look()
  expect([...residents.runners]).toEqual(['a:latest num_ctx=2048'])
  await residents.look()
  expect([...residents.runners]).toEqual(['a:latest', 'a:latest num_ctx=8192'])
})

test('closed, it reads nothing any more', async () => {
  const { residents, clock, wire } = await watched('ps-empty')
  residents.poll(true)
  residents.close()
  clock.advance(10_000)
  await residents.look()
  residents.poll(true)
  clock.advance(10_000)
  expect(wire.readings).toBe(0)
})

describe('a runner of the weights that a person waits for', () => {
  const until = (expires_at: number, context_length = 4096) => ({
    ...one('a:latest', context_length, '1'),
    expires_at: new Date(expires_at).toISOString(),
  })
  const asked = key('copy', { num_thread: 4 })

  /** Whether the asked one counts as there after each of the readings, one second apart. */
  async function seen(early: number, ...routes: Route[]) {
    const { residents, clock, names } = await watched(...routes)
    await names.refresh()
    const answers = []
    for (let i = 0; i < routes.length; i++) {
      if (i === early) residents.expect(asked, true)
      clock.advance(1000)
      await residents.look()
      answers.push(residents.runners.has(names.runner(asked)))
    }
    return answers
  }

  test('is her own when it was not there before, with all that it serves', async () => {
    expect(await seen(1, listed(), listed(until(5)), listed(until(5)))).toEqual([false, true, true])
  })

  test('is her own when it has another context or end than before: only in its first answer that moves along', async () => {
    expect(await seen(1, listed(until(5)), listed(until(6)))).toEqual([false, true])
    expect(await seen(1, listed(until(5)), listed(until(5, 512)))).toEqual([false, true])
    expect(await seen(0, listed(until(5)), listed(until(6)))).toEqual([false, true])
  })

  test('is another one while it stays as it was', async () => {
    expect(await seen(1, listed(until(5)), listed(until(5)), listed(until(5)))).toEqual([false, false, false])
    expect(await seen(0, listed(until(5)), listed(until(5)))).toEqual([false, false])
  })

  test('is nobody’s when she has left, and not told by the end of somebody else’s answer', async () => {
    const { residents, clock, names } = await watched(listed(), listed(until(5)), listed(until(6)))
    await names.refresh()
    const has = () => residents.runners.has(names.runner(asked))
    await residents.look()
    residents.expect(asked, true)
    residents.expect(asked, false)
    clock.advance(1000)
    await residents.look()
    expect(has()).toBe(false)
    residents.expect(asked, true)
    residents.expect(key('a'), false)
    clock.advance(1000)
    await residents.look()
    expect(has()).toBe(false)
  })
})

test('a reading knows what the target’s clock said, to the end of that second, or takes foreman’s', async () => {
  const date = 'Sun, 22 Nov 2026 00:10:00 GMT'
  const { residents, clock } = await watched(plain(200, '{"models":[]}', { Date: date }), listed())
  await residents.look()
  expect(residents.reading?.wall).toBe(Date.parse(date) + 999)
  await residents.look()
  expect(residents.reading?.wall).toBe(clock.wall())
})
