// People and a target that is away, over HTTP: whoever waits for it however little is known of the request, whoever is told at
// once, and what becomes of requests that were on it when it vanished. Time is virtual.
import { once } from 'node:events'
import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import { openForeman, type Foreman } from './app.harness.ts'
import { eventually, openFake, openTarget, pass, type Work } from './app.stage.ts'
import { VirtualClock } from './clock.ts'
import type { FakeOptions } from './ollama/fake/fake.ts'

const messages = [{ role: 'user', content: 'hi' }]
const body = { model: 'alpha', stream: false, messages }
/** Says that the body may be packed: its model cannot be told. */
const packed = { 'content-encoding': 'identity' }

async function open(settings: Record<string, string> = {}, options: FakeOptions = {}) {
  const clock = new VirtualClock()
  const fake = await openFake(options)
  const foreman = await openForeman({ clock, fake, settings })
  return { clock, fake, foreman }
}

const people = async (foreman: Foreman) =>
  (await foreman.get('/target')).json.people as { held: number; in_flight: number }
const holds = (foreman: Foreman, count: number) => eventually(async () => (await people(foreman)).held === count)

describe('an inference request whose model cannot be told, or runs elsewhere', () => {
  const strange = (foreman: Foreman) => [
    foreman.post('/api/chat', body, packed),
    foreman.post('/api/generate', { stream: false, prompt: 'x'.repeat(400_000), model: 'alpha' }, packed),
    foreman.post('/v1/chat/completions', { model: 'big:cloud', messages }),
  ]

  test.each(['down', 'asleep'])(
    'waits for a target that is %s like any other, and goes with all of its body',
    async (away) => {
      const { clock, fake, foreman } = await open()
      if (away === 'down') await fake.refuse()
      else {
        fake.sleep()
        await pass(clock, 20_000)
      }
      // The first one that comes finds out that the target is down.
      const asked = strange(foreman)
      await holds(foreman, 3)
      expect(foreman.app.target.state).toBe(away)
      await pass(clock, 25_000)
      expect(await people(foreman)).toEqual({ held: 3, in_flight: 0 })
      if (away === 'down') await fake.listen()
      else fake.wake()
      await pass(clock, 4_000)
      const answers = await Promise.all(asked)
      // The simulated Ollama refuses models of the cloud; what matters is that it was asked.
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 403])
      const arrived = fake.requests.filter(({ path, outcome }) => path === '/api/generate' && outcome === 'answered')
      expect(arrived.map(({ body: { length } }) => length > 400_000)).toEqual([true])
      expect(await people(foreman)).toEqual({ held: 0, in_flight: 0 })
    },
  )

  test('is told after as long as any other, in the shape of its route', async () => {
    const { clock, fake, foreman } = await open({ ABSENT_HOLD: '5s' })
    await fake.refuse()
    const asked = strange(foreman)
    await holds(foreman, 3)
    await pass(clock, 4_000)
    expect((await people(foreman)).held).toBe(3)
    await pass(clock, 1_000)
    for (const { status, headers } of await Promise.all(asked))
      expect([status, headers.get('retry-after')]).toEqual([503, '5'])
    expect((await asked[2]!).json).toMatchObject({ error: { type: 'api_error' } })
    expect(await people(foreman)).toEqual({ held: 0, in_flight: 0 })
  })
})

test('whoever waits for a target that is down has it asked every two seconds; once all were told, nobody does', async () => {
  const { clock, fake, foreman } = await open({ ABSENT_HOLD: '5s' })
  await fake.refuse()
  const asked = foreman.post('/api/chat', body)
  await holds(foreman, 1)
  await pass(clock, 5_000)
  expect((await asked).status).toBe(503)
  // Nobody is asked in the middle of fifteen seconds: a target that comes back just then stays unseen until their end.
  await fake.listen()
  await pass(clock, 9_000)
  expect(fake.requests.filter(({ path }) => path === '/api/version')).toHaveLength(1)
  await pass(clock, 8_000)
  expect(foreman.app.target.state).toBe('awake')
})

describe('what is no inference', () => {
  test('is told at once that the target sleeps, which is asked again how it is', async () => {
    const { clock, fake, foreman } = await open()
    fake.sleep()
    await pass(clock, 20_000)
    expect(foreman.app.target.state).toBe('asleep')
    const seen = fake.requests.length
    for (const path of ['/api/tags', '/v1/models', '/']) {
      const { status, headers, text } = await foreman.get(path)
      expect([status, headers.get('retry-after')]).toEqual([503, '5'])
      expect(text).toContain('foreman: the target cannot be reached')
    }
    fake.wake()
    await eventually(() => fake.requests.length > seen)
    await pass(clock, 4_000)
    expect(fake.requests.some(({ path }) => path === '/v1/models')).toBe(false)
    expect((await foreman.get('/api/tags')).status).toBe(200)
  })

  test('is told at once that the target is down, and goes through as soon as it is back', async () => {
    const { fake, foreman } = await open()
    await fake.refuse()
    await foreman.app.target.probe()
    expect(foreman.app.target.state).toBe('down')
    const { status, headers } = await foreman.get('/api/tags')
    expect([status, headers.get('retry-after')]).toEqual([503, '5'])
    await fake.listen()
    expect((await foreman.get('/api/tags')).status).toBe(200)
  })
})

describe('on a target that vanished', () => {
  test('a request is told after GRACE, or cut when its answer has begun, and holds nobody up any more', async () => {
    const { clock, fake, foreman } = await open({ GRACE: '20s' }, { parallel: 3 })
    fake.fault({ do: 'hang', times: 2 })
    const silent = foreman.post('/v1/messages', { ...body, max_tokens: 1 })
    const stranger = foreman.post('/api/chat', body, packed)
    await eventually(() => fake.ledger.running === 2)
    fake.fault({ do: 'hang', after: 2 })
    const speaking = await fetch(`${foreman.url}/api/chat`, {
      method: 'POST',
      body: JSON.stringify({ ...body, stream: true }),
    })
    const cut = expect(speaking.text()).rejects.toThrow()
    fake.sleep()
    const other = foreman.get('/api/tags')
    await pass(clock, 18_000)
    expect([foreman.app.target.state, await people(foreman)]).toEqual(['asleep', { held: 0, in_flight: 3 }])
    const late = foreman.post('/api/chat', body)
    await holds(foreman, 1)
    await pass(clock, 12_000)
    for (const asked of [silent, stranger, other]) {
      const { status, headers } = await asked
      expect([status, headers.get('retry-after')]).toEqual([503, '5'])
    }
    expect((await silent).json).toMatchObject({ type: 'error', error: { type: 'overloaded_error' } })
    await cut
    // Who was not sent yet goes on waiting.
    expect(await people(foreman)).toEqual({ held: 1, in_flight: 0 })
    fake.wake()
    await pass(clock, 6_000)
    expect((await late).status).toBe(200)
  })

  test('an answer that flows needs no probe, and is never given up though none is answered', async () => {
    const work = Promise.withResolvers<Work>()
    const clock = new VirtualClock()
    let [deaf, probes] = [false, 0]
    const hears = () => {
      probes++
      return !deaf
    }
    const TARGET = await openTarget(work.resolve, hears)
    const foreman = await openForeman({ clock, settings: { TARGET, GRACE: '20s' } })
    const asked = request(`${foreman.url}/api/chat`, { method: 'POST' }).end(JSON.stringify({ ...body, stream: true }))
    const { answer } = await work.promise
    deaf = true
    const before = probes
    let [sent, text] = ['', '']
    const speak = async () => {
      sent += `{"done":false,"at":${clock.now()}}\n`
      answer.write(sent.slice(text.length))
      await eventually(() => text === sent)
    }
    asked.on('response', (response) => response.on('data', (piece: Buffer) => (text += piece.toString())))
    await pass(clock, 1_000)
    answer.flushHeaders()
    await once(asked, 'response')
    await pass(clock, 1_000)
    for (let second = 0; second < 60; second++) {
      await speak()
      await pass(clock, 1_000)
    }
    expect([foreman.app.target.state, probes - before]).toEqual(['awake', 0])
    for (let pause = 0; pause < 12; pause++) {
      await speak()
      await pass(clock, 7_000)
    }
    expect(probes - before).toBeGreaterThan(12)
    await speak()
    answer.end()
    await eventually(async () => (await people(foreman)).in_flight === 0)
  })
})
