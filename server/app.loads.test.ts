// How foreman changes what is in the target's memory: it makes room itself where it knows that there is none, and watches loads.
import { expect, test } from 'vitest'
import { chat, openForeman, type Foreman } from './app.harness.ts'
import { openFake, pass, turns } from './app.stage.ts'
import { VirtualClock } from './clock.ts'
import type { Fake, Seen } from './ollama/fake/fake.ts'

const models = ['alpha', 'beta', 'gamma']
const unloads = ({ purpose }: Seen) => purpose === 'unload'

/** Jobs for these models, which start only when all are there; resolves when all have ended well. */
async function drain(foreman: Foreman, ...order: string[]): Promise<void> {
  await foreman.post('/queue/pause')
  const jobs = []
  for (const model of order) jobs.push(await foreman.submit(chat(model)))
  await foreman.post('/queue/resume')
  for (const { id } of jobs) expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 1 })
}

test('once it is known that only one fits, every runner that goes was let go by foreman before the next was asked for', async () => {
  const foreman = await openForeman({ settings: { HOLD: '0s' }, fake: { models, loadMs: 10 } })
  await foreman.app.target.refresh()
  for (const order of [models, ['beta', 'alpha', 'gamma'], ['gamma', 'alpha', 'beta'], ['beta', 'gamma', 'alpha']])
    await drain(foreman, ...order)
  const before = { loads: foreman.fake.loads, unloads: foreman.fake.requests.filter(unloads).length }
  await drain(foreman, 'alpha', 'beta', 'gamma', 'alpha', 'gamma', 'beta')
  const loaded = foreman.fake.loads - before.loads
  expect(loaded).toBeGreaterThanOrEqual(2)
  expect(foreman.fake.requests.filter(unloads).length - before.unloads).toBe(loaded)
})

test('a job says how long its own load took, and one behind it only what the target says', async () => {
  const load = Promise.withResolvers<void>()
  const clock = new VirtualClock()
  const foreman = await openForeman({ clock, fake: { models, loadMs: load.promise } })
  await foreman.app.target.refresh()
  const { id } = await foreman.submit(chat('alpha'))
  await foreman.fake.until(() => foreman.fake.requests.some(({ purpose }) => purpose === 'load'))
  clock.advance(3_000)
  load.resolve()
  const said = async (id: string) => {
    const { usage, response } = await foreman.ended(id).then(() => foreman.job(id, '?include=response'))
    const ms = (name: string) => Math.round(Number(response?.[name]) / 1e6)
    return { load: usage!.load_ms! - ms('load_duration'), total: usage!.total_ms! - ms('total_duration') }
  }
  expect(await said(id)).toEqual({ load: 3_000, total: 3_000 })
  expect(await said((await foreman.submit(chat('alpha'))).id)).toEqual({ load: 0, total: 0 })
})

test('a target with room for all is never told to let go', async () => {
  const foreman = await openForeman({ fake: { models, room: 3 } })
  await foreman.app.target.refresh()
  for (let i = 0; i < 3; i++) await drain(foreman, ...models)
  expect([foreman.fake.loads, foreman.fake.requests.filter(unloads)]).toEqual([3, []])
})

test('a load for which there was no memory is tried once more with everything else gone, at the same attempt', async () => {
  const foreman = await openForeman({ fake: { models, room: 3 } })
  await foreman.app.target.refresh()
  await drain(foreman, 'alpha')
  foreman.fake.fault({ do: 'fail_load', text: 'llama runner process has terminated: cudaMalloc failed: out of memory' })
  await drain(foreman, 'beta')
  expect(foreman.fake.requests.filter(unloads)).toHaveLength(1)
  expect(foreman.fake.resident()).toEqual(['beta:latest'])
})

/** Ollama's own hang (ollama#17408): a runner is to go for another, and a request with keep_alive comes before it is idle. */
async function hang(fake: Fake, other: () => Promise<unknown>): Promise<void> {
  const ask = (path: string, body: object) => fetch(fake.url + path, { method: 'POST', body: JSON.stringify(body) })
  const end = Promise.withResolvers<void>()
  const betas = () => fake.requests.filter(({ model }) => model?.startsWith('beta')).length
  const before = betas()
  fake.fault({ do: 'hang', after: 2, until: end.promise })
  const busy = ask('/api/generate', { model: 'alpha', prompt: 'hi' }).then((answer) => answer.text())
  await fake.until(() => fake.ledger.running === 1)
  void other()
  await fake.until(() => fake.queued > 0 || betas() > before)
  await turns()
  await ask('/api/generate', { model: 'alpha', keep_alive: -1 })
  end.resolve()
  await busy
}

test('a load that hangs is cured by letting go of what is in memory, once, and its job is done at the same attempt', async () => {
  const clock = new VirtualClock()
  const fake = await openFake({ models })
  const foreman = await openForeman({ clock, fake, settings: { LOAD_STALL: '30s' } })
  await foreman.app.target.refresh()
  let id = ''
  await hang(fake, async () => (id = (await foreman.submit(chat('beta'))).id))
  await turns()
  expect(fake.resident()).toEqual(['alpha:latest'])
  await pass(clock, 32_000)
  expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 1 })
  expect(fake.requests.filter(unloads)).toHaveLength(1)
  expect((await foreman.get('/metrics')).text).toContain('foreman_target_healed_total 1')
  // The time that it hung is none of a load.
  expect(foreman.lines.find(({ msg }) => msg === 'model loaded')?.ms).toBeLessThan(5_000)
})

test('people who provoke the hang are healed of it: the runner that all wait for is let go after fifteen seconds', async () => {
  const clock = new VirtualClock()
  const fake = await openFake({ models })
  const foreman = await openForeman({ clock, fake })
  await foreman.app.target.refresh()
  // That both don't fit is known: else it would take a minute until a load beside the idle runner is believed to hang.
  for (const model of ['alpha', 'beta']) {
    await foreman.post('/api/generate', { model, prompt: 'hi', stream: false })
    await foreman.app.target.look()
  }
  const answer = Promise.withResolvers<number>()
  const body = { model: 'beta', stream: false, messages: [{ role: 'user', content: 'hi' }] }
  await hang(fake, async () => answer.resolve((await foreman.post('/api/chat', body)).status))
  await pass(clock, 17_000)
  expect(await answer.promise).toBe(200)
  expect(fake.requests.filter(unloads)).toHaveLength(1)
  expect((await foreman.get('/metrics')).text).toContain('foreman_target_healed_total 1')
})
