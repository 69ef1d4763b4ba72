// The target goes away and comes back, with people and jobs waiting for it; and it comes back broken.
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { describe, expect, test } from 'vitest'
import { chat, openForeman, type Foreman } from './app.harness.ts'
import { eventually, openFake, pass, turns } from './app.stage.ts'
import { VirtualClock } from './clock.ts'
import type { FakeOptions } from './ollama/fake/fake.ts'

async function open(settings: Record<string, string> = {}, options: FakeOptions = {}) {
  const clock = new VirtualClock()
  const fake = await openFake(options)
  const foreman = await openForeman({ clock, fake, settings, random: () => 0.5 })
  await foreman.app.target.refresh()
  return { clock, fake, foreman }
}

const ask = (foreman: Foreman, more: object = {}, signal?: AbortSignal) => {
  const body = { model: 'alpha', stream: false, messages: [{ role: 'user', content: 'hi' }], ...more }
  return foreman.call('POST', '/api/chat', { body, signal })
}
const held = async (foreman: Foreman) => ((await foreman.get('/target')).json.people as { held: number }).held

describe('people outlive an outage', () => {
  test('of twenty seconds, nineteen of nineteen: streamed or not, short or of many pieces', async () => {
    const { clock, fake, foreman } = await open()
    expect((await ask(foreman)).status).toBe(200)
    await fake.refuse()
    const asked = []
    for (let i = 0; i < 19; i++) {
      // Ollama ignores what it does not know.
      asked.push(ask(foreman, { stream: i % 2 === 0, padding: 'x'.repeat(i % 3 === 0 ? 300_000 : 10) }))
      await eventually(async () => (await held(foreman)) === i + 1)
      await pass(clock, 1_000)
    }
    await fake.listen()
    await pass(clock, 8_000)
    const answers = await Promise.all(asked)
    expect(answers.map(({ status }) => status)).toEqual(Array(19).fill(200))
    for (const { text } of answers) expect(text).toContain('"done":true')
    expect(fake.requests.filter(({ purpose, outcome }) => purpose === 'work' && outcome === 'answered')).toHaveLength(
      20,
    )
  })

  test('for as long as they are to wait, and are told then in the shape of their route', async () => {
    const { clock, fake, foreman } = await open({ ABSENT_HOLD: '5s' })
    await fake.refuse()
    const native = ask(foreman)
    const openai = foreman.post('/v1/chat/completions', { model: 'alpha', messages: [] })
    await eventually(async () => (await held(foreman)) === 2)
    await pass(clock, 5_000)
    expect((await native).json).toEqual({ error: expect.stringContaining('foreman: the target cannot be reached') })
    const { status, headers, json } = await openai
    expect([status, headers.get('retry-after'), json]).toMatchObject([503, '5', { error: { type: 'api_error' } }])
    // What needs no runner is told at once.
    expect((await foreman.get('/api/tags')).status).toBe(503)
  })

  test('not at all when nobody is to wait', async () => {
    const { fake, foreman } = await open({ ABSENT_HOLD: '0' })
    await fake.refuse()
    expect((await ask(foreman)).status).toBe(503)
  })

  test('a caller who leaves meanwhile never reaches the target', async () => {
    const { clock, fake, foreman } = await open()
    await fake.refuse()
    const leave = new AbortController()
    const gone = ask(foreman, {}, leave.signal).catch(() => 'gone')
    await eventually(async () => (await held(foreman)) === 1)
    leave.abort()
    await gone
    await eventually(async () => (await held(foreman)) === 0)
    await fake.listen()
    await pass(clock, 8_000)
    expect(fake.requests.filter(({ purpose }) => purpose === 'work')).toEqual([])
  })

  test('a foreman that stops meanwhile tells them at once', async () => {
    const { fake, foreman } = await open({ STOP_GRACE: '10s' })
    await fake.refuse()
    const asked = ask(foreman)
    await eventually(async () => (await held(foreman)) === 1)
    const closed = foreman.close()
    const { status, headers, text } = await asked
    expect([status, headers.get('retry-after'), text]).toEqual([503, '5', expect.stringContaining('stopping')])
    await closed
  })

  test('a foreman that stops holds nobody whose body comes in only then', async () => {
    const { fake, foreman } = await open({ STOP_GRACE: '1h' })
    await fake.refuse()
    await foreman.app.target.probe()
    const late = request(`${foreman.url}/api/chat`, { method: 'POST' })
    late.write('{"model":"alpha",')
    const earlier = ask(foreman)
    await eventually(async () => (await held(foreman)) === 1)
    const closed = foreman.close()
    expect((await earlier).status).toBe(503)
    late.end('"messages":[]}')
    const [answer] = (await once(late, 'response')) as [IncomingMessage]
    expect(answer.statusCode).toBe(503)
    answer.resume()
    await closed
  })
})

test('a target that is away is woken for a job, and again while it does not come', async () => {
  const { clock, fake, foreman } = await open({ WAKE_MAC: 'aa:bb:cc:00:01:02', WAKE_BROADCAST: '127.255.255.255' })
  await fake.refuse()
  await foreman.app.target.probe()
  await foreman.submit(chat())
  await foreman.logged(({ msg, times }) => msg.startsWith('a Wake-on-LAN packet') && times === 1)
  await pass(clock, 31_000)
  await foreman.logged(({ msg, times }) => msg.startsWith('a Wake-on-LAN packet') && times === 2)
  await fake.listen()
})

test('a target that wakes for a moment, for one probe, gets no load', async () => {
  const { clock, fake, foreman } = await open()
  await fake.refuse()
  await foreman.app.target.probe()
  const { id } = await foreman.submit(chat())
  await fake.listen()
  await foreman.app.target.probe()
  await fake.refuse()
  await pass(clock, 5_000)
  await fake.listen()
  const loads = () => fake.requests.filter(({ purpose }) => purpose === 'load').length
  expect([loads(), (await foreman.job(id)).state]).toEqual([0, 'queued'])
  await pass(clock, 6_000)
  expect((await foreman.ended(id)).state).toBe('done')
})

test('a runner that freezes in the middle of an answer is let go, and the job is tried again', async () => {
  const { clock, fake, foreman } = await open()
  fake.fault({ do: 'hang', after: 2 })
  const { id } = await foreman.submit(chat())
  await eventually(async () => ((await foreman.job(id)).progress?.tokens ?? 0) > 0)
  await pass(clock, 59_000)
  expect((await foreman.job(id)).state).toBe('working')
  await pass(clock, 2_000)
  await foreman.reached(id, 'back_off')
  expect(fake.requests.filter(({ purpose }) => purpose === 'unload')).toHaveLength(1)
  await pass(clock, 10_000)
  expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 2 })
})

test('an answer that does not come word by word may be silent for as long as it takes, after an outage too', async () => {
  const { clock, fake, foreman } = await open()
  await fake.refuse()
  await foreman.app.target.probe()
  await fake.listen()
  const end = Promise.withResolvers<void>()
  fake.fault({ do: 'hang', until: end.promise })
  const body = { model: 'alpha', messages: [{ role: 'user', content: 'hi' }] }
  const { id } = await foreman.submit({ request: { endpoint: '/v1/chat/completions', body } })
  await pass(clock, 5_000)
  await foreman.reached(id, 'working')
  await pass(clock, 100_000)
  end.resolve()
  expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 1 })
})

test('an empty first answer after an outage is no answer: the model is loaded again', async () => {
  let empty = false
  const { clock, fake, foreman } = await open({}, { reply: () => (empty ? '' : undefined) })
  await fake.refuse()
  await foreman.app.target.probe()
  empty = true
  await fake.listen()
  const { id } = await foreman.submit(chat())
  await pass(clock, 5_000)
  await foreman.reached(id, 'back_off')
  expect(fake.requests.filter(({ purpose }) => purpose === 'unload')).toHaveLength(1)
  empty = false
  await pass(clock, 10_000)
  expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 2 })
  empty = true
  const second = await foreman.submit(chat())
  await turns()
  expect(await foreman.ended(second.id)).toMatchObject({ state: 'done', attempt: 1 })
})
