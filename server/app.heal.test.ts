// The cure for a target that hangs must not hit the runner that is answering: one loaded with options that /api/ps doesn't tell.
import { describe, expect, test } from 'vitest'
import { openForeman } from './app.harness.ts'
import { eventually, pass } from './app.stage.ts'
import { VirtualClock } from './clock.ts'
import type { Seen } from './ollama/fake/fake.ts'

const unloads = ({ purpose }: Seen) => purpose === 'unload'

test.each([{ num_gpu: 99 }, { num_thread: 4 }, { num_batch: 64 }])(
  'a runner that answers one request for a long time is left alone, whether it was in memory before or not: %o',
  async (options) => {
    const clock = new VirtualClock()
    const foreman = await openForeman({ clock, fake: { models: ['alpha'] } })
    const { app, fake } = foreman
    await app.target.refresh()
    const ask = async (body: object) => {
      const end = Promise.withResolvers<void>()
      fake.fault({ do: 'hang', after: 2, until: end.promise })
      let status = 0
      const asked = { model: 'alpha', prompt: 'hi', stream: false, ...body }
      void foreman.post('/api/generate', asked).then((answer) => (status = answer.status))
      await fake.until(() => fake.ledger.running === 1)
      await pass(clock, 90_000)
      end.resolve()
      await eventually(() => status)
      await pass(clock, 2_000)
    }
    await ask({ options })
    await ask({})
    await ask({ options })
    await ask({ shift: false })
    await ask({ options })
    expect(fake.requests.filter(unloads)).toEqual([])
  },
)

test('a long prompt is no hang', async () => {
  const clock = new VirtualClock()
  const gate = Promise.withResolvers<number>()
  const foreman = await openForeman({ clock, fake: { models: ['alpha'], promptMs: () => gate.promise as never } })
  await foreman.app.target.refresh()
  const body = { model: 'alpha', messages: [{ role: 'user', content: 'long' }], options: { num_thread: 4 } }
  const asked = foreman.post('/api/chat', body)
  await pass(clock, 90_000)
  gate.resolve(0)
  expect((await asked).status).toBe(200)
  expect(foreman.fake.requests.filter(unloads)).toEqual([])
})

test('a request with options of its own holds up nobody who fits beside its model', async () => {
  const clock = new VirtualClock()
  const foreman = await openForeman({ clock, fake: { models: ['alpha', 'beta'], room: 2 } })
  const { app, fake } = foreman
  await app.target.refresh()
  for (const model of ['alpha', 'beta']) {
    await foreman.post('/api/generate', { model, prompt: 'hi', stream: false })
    await app.target.lookAnew()
    await pass(clock, 1_000)
  }
  const end = Promise.withResolvers<void>()
  fake.fault({ do: 'hang', after: 2, until: end.promise })
  const options = { num_gpu: 99 }
  const first = foreman.post('/api/generate', { model: 'alpha', prompt: 'hi', stream: false, options })
  await fake.until(() => fake.ledger.running === 1)
  await pass(clock, 3_000)
  let status = 0
  void foreman
    .post('/api/generate', { model: 'beta', prompt: 'hi', stream: false })
    .then((got) => (status = got.status))
  await pass(clock, 1_000)
  expect(status).toBe(200)
  end.resolve()
  await first
})

test.each([-600_000, 0, 600_000])(
  'what does not fit is learnt also from a target whose clock is off by %i ms',
  async (skew) => {
    const clock = new VirtualClock()
    const theirs = new VirtualClock()
    theirs.shiftWall(skew)
    const foreman = await openForeman({ clock, fake: { models: ['alpha', 'beta'], clock: theirs } })
    const { target } = foreman.app
    await target.refresh()
    for (const model of ['beta', 'alpha', 'beta']) {
      await foreman.post('/api/generate', { model, prompt: 'hi', stream: false })
      await target.look()
      await pass(clock, 1_000)
    }
    expect(target.capacity.room.clash).toHaveLength(1)
  },
)

describe('callers who give up', () => {
  async function openBefore() {
    const clock = new VirtualClock()
    const foreman = await openForeman({ clock, fake: { models: ['alpha'] } })
    const { app, fake } = foreman
    await app.target.refresh()
    const body = { model: 'alpha', prompt: 'hi', options: { num_ctx: 1024 } }
    const unloads = () => fake.requests.filter(({ purpose }) => purpose === 'unload').length
    /** A caller who leaves `ms` after an answer has begun, or, with `silent`, after she asked. */
    const leave = async (ms: number, silent: boolean) => {
      const left = () => foreman.lines.filter(({ outcome }) => outcome === 'left').length
      const before = left()
      const leaving = new AbortController()
      const asked = fetch(`${foreman.url}/api/generate`, {
        method: 'POST',
        body: JSON.stringify(body),
        signal: leaving.signal,
      })
      const answer = asked.then((answer) => answer.text()).catch(() => 'left')
      await fake.until(() => fake.inFlight === 1)
      if (!silent) await asked
      await pass(clock, ms)
      leaving.abort()
      expect(await answer).toBe('left')
      await eventually(() => left() > before && fake.inFlight === 0)
    }
    const served = async () => (await foreman.post('/api/generate', { ...body, stream: false })).status
    return { clock, foreman, fake, leave, served, unloads }
  }

  test('a runner whose slot was lost goes, and whoever comes meanwhile is answered by the next one', async () => {
    const { clock, fake, leave, served, unloads } = await openBefore()
    fake.fault({ do: 'lose', after: 2 })
    await leave(0, false)
    await leave(40_000, true)
    await leave(40_000, true)
    const next = served()
    await pass(clock, 55_000)
    expect(unloads()).toBe(0)
    await pass(clock, 10_000)
    expect([await next, unloads(), fake.loads]).toEqual([200, 1, 2])
  })

  test('a job finds out by itself, once it has waited for its first word', async () => {
    const { clock, foreman, fake, leave, unloads } = await openBefore()
    const body = { model: 'alpha', prompt: 'hi', options: { num_ctx: 1024 } }
    const request = { endpoint: '/api/generate', body }
    await foreman.ended((await foreman.submit({ request })).id)
    fake.fault({ do: 'lose', after: 2 })
    await leave(0, false)
    const { id } = await foreman.submit({ request })
    await eventually(() => fake.inFlight === 1)
    await pass(clock, 100_000)
    expect([(await foreman.ended(id)).state, unloads(), fake.loads]).toEqual(['done', 1, 2])
  })

  test('when foreman ends nothing of its own is left in the target', async () => {
    const { foreman, fake, leave } = await openBefore()
    fake.fault({ do: 'lose', after: 2 })
    await leave(0, false)
    await leave(61_000, true)
    await fake.until(() => fake.inFlight === 1)
    await foreman.close()
    await fake.until(() => fake.inFlight === 0)
  })

  test('a runner that is only slow stays, and is asked for one word', async () => {
    const { clock, fake, leave, served, unloads } = await openBefore()
    fake.fault({ do: 'hang', after: 2 })
    await leave(0, false)
    fake.fault({ do: 'hang', times: 2 })
    await leave(40_000, true)
    await leave(40_000, true)
    const next = served()
    await pass(clock, 65_000)
    expect([await next, unloads(), fake.loads]).toEqual([200, 0, 1])
    expect(fake.served).toHaveLength(5)
  })
})
