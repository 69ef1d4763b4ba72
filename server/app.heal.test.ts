// The cure for a target that hangs must not hit the runner that is answering: one loaded with options that /api/ps doesn't tell.
import { expect, test } from 'vitest'
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

test('a runner whose slot is lost as a caller leaves goes once the next ones have waited a minute in vain', async () => {
  const clock = new VirtualClock()
  const foreman = await openForeman({ clock, fake: { models: ['alpha'] } })
  const { app, fake } = foreman
  await app.target.refresh()
  const body = { model: 'alpha', prompt: 'hi' }
  /** A caller who leaves `after` so many lines of an answer that goes no further; `ms` later than it begins. */
  const leaveIn = async (after: number, ms: number) => {
    fake.fault({ do: 'hang', after })
    const leave = new AbortController()
    const asked = fetch(`${foreman.url}/api/generate`, {
      method: 'POST',
      body: JSON.stringify(body),
      signal: leave.signal,
    })
    const left = asked.then((answer) => answer.text()).catch(() => 'left')
    await fake.until(() => fake.ledger.running === 1)
    if (after > 0) await asked
    await pass(clock, ms)
    leave.abort()
    expect(await left).toBe('left')
    await eventually(async () => {
      const { people } = (await foreman.get('/target')).json
      return (people as { in_flight: number }).in_flight === 0
    })
  }
  await leaveIn(2, 0)
  await leaveIn(0, 40_000)
  expect(fake.requests.filter(unloads)).toEqual([])
  await leaveIn(0, 40_000)
  await fake.until(() => fake.requests.filter(unloads).length === 1)
  expect((await foreman.post('/api/generate', { ...body, stream: false })).status).toBe(200)
  expect(fake.loads).toBe(2)
})
