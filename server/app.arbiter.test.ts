// People and jobs before one arbiter, over real HTTP: nobody thrashes, nobody starves. The bounds in time are proven on the
// virtual clock (scripts/simulate); here it is that the whole, with its sockets, does what the law says.
import { request as send, type ClientRequest } from 'node:http'
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { chat, openForeman, type Foreman, type Setup } from './app.harness.ts'
import { afterwards, eventually, openTarget, pass, turns } from './app.stage.ts'
import { VirtualClock } from './clock.ts'
import type { Fake } from './ollama/fake/fake.ts'

const models = ['alpha', 'beta', 'gamma', 'delta']
/** Times of the law, as short as the loads of the simulated target. */
const quick = { PEOPLE_PATIENCE: '300ms', PATIENCE: '3s', HOLD: '300ms', YIELD_MAX: '2s', CLAIM: '500ms' }

async function open({ settings, fake, ...rest }: Setup = {}): Promise<Foreman> {
  const foreman = await openForeman({
    fake: { models, loadMs: 40, tokenMs: 1, ...fake },
    settings: { ...quick, ...settings },
    ...rest,
  })
  // What is learnt before the target has told which names are which runner is learnt of names.
  await foreman.app.target.refresh()
  return foreman
}

/** A person's chat, answered whole. */
async function ask(foreman: Foreman, model: string, tokens = 4): Promise<number> {
  const body = { model, stream: false, messages: [{ role: 'user', content: 'hi' }], options: { num_predict: tokens } }
  return (await foreman.post('/api/chat', body)).status
}

/** A client that asks again as soon as it is answered, until told to stop. */
function hot(foreman: Foreman, model: string) {
  const client = { going: true, answered: 0, stop: async () => {} }
  const loop = async () => {
    while (client.going) if ((await ask(foreman, model)) === 200) client.answered++
  }
  const done = loop()
  client.stop = async () => {
    client.going = false
    await done
  }
  afterwards(() => client.stop())
  return client
}

/** Lets foreman see each pair of models, one after the other, and what is in memory after each. */
async function learn(foreman: Foreman, ...names: string[]): Promise<void> {
  const { target } = foreman.app
  for (const [i, one] of names.entries()) {
    for (const other of names.slice(i + 1)) {
      for (const model of [one, other]) {
        await ask(foreman, model)
        await target.look()
      }
    }
  }
}

describe('a burst of a hundred synchronous chats over four models', () => {
  const burst = async (foreman: Foreman) => {
    const asked = Array.from({ length: 100 }, (_, i) => ask(foreman, models[(i * 7) % 4] as string))
    expect(new Set(await Promise.all(asked))).toEqual(new Set([200]))
  }

  test('needs at most ten loads from a cold start, and seven once the target is known', async () => {
    const foreman = await open({ settings: { PEOPLE_PATIENCE: '10s' } })
    await burst(foreman)
    expect(foreman.fake.loads).toBeLessThanOrEqual(10)
    await learn(foreman, ...models)
    const before = foreman.fake.loads
    await burst(foreman)
    expect(foreman.fake.loads - before).toBeLessThanOrEqual(7)
  })

  test('needs very many when nobody is held', async () => {
    const foreman = await open({ settings: { PEOPLE_PATIENCE: 'off' }, fake: { loadMs: 1 } })
    await burst(foreman)
    expect(foreman.fake.loads).toBeGreaterThan(40)
  })
})

test('one caller for another model is answered while two clients hammer the first without end', async () => {
  const foreman = await open()
  const clients = [hot(foreman, 'alpha'), hot(foreman, 'alpha')]
  await eventually(() => clients.every(({ answered }) => answered > 3))
  expect(await ask(foreman, 'beta')).toBe(200)
  // Once more, now that it is known that only one fits.
  expect(await ask(foreman, 'gamma')).toBe(200)
  const before = clients.map(({ answered }) => answered)
  await eventually(() => clients.every(({ answered }, i) => answered > (before[i] ?? 0)))
})

test('with five hundred jobs waiting a person waits for the running job at most, and no job runs beside her', async () => {
  const foreman = await open({ settings: { YIELD_MAX: 'off' }, fake: { loadMs: 5 } })
  const jobs = Array.from({ length: 500 }, (_, i) => chat(models[i % 3], 'hi', { options: { num_predict: 3 } }))
  expect((await foreman.post('/jobs/batch', { jobs })).status).toBe(202)
  await foreman.fake.until(() => foreman.fake.served.length > 20)
  for (let i = 0; i < 3; i++) {
    const served = foreman.fake.served.length
    expect(await ask(foreman, 'delta', 30)).toBe(200)
    const since = foreman.fake.served.slice(served)
    // The job that was running, then she.
    expect([0, 1]).toContain(since.indexOf('delta'))
    expect(foreman.fake.ledger.maxRunning).toBe(1)
  }
  await foreman.app.queue.pause(true)
})

test('a job starts although people never stop, its turn is short, and they are served first after it', async () => {
  const foreman = await open({ settings: { YIELD_MAX: '300ms', CLAIM: '100ms' } })
  await learn(foreman, 'alpha', 'beta')
  const client = hot(foreman, 'alpha')
  const jobs = Array.from({ length: 40 }, () => chat('beta', 'hi', { options: { num_predict: 20 } }))
  await foreman.post('/jobs/batch', { jobs })
  await foreman.logged(({ msg }) => msg === 'jobs claim a turn', 2)
  await foreman.logged(({ msg }) => msg === 'the claim is over', 2)
  const done = () => foreman.app.queue.total('done')
  expect(done()).toBeGreaterThanOrEqual(2)
  const between = foreman.fake.served.slice(foreman.fake.served.indexOf('beta'))
  expect(between).toContain('alpha')
  await client.stop()
})

test('on a target that holds several runners nobody is held who fits, once that was seen', async () => {
  const foreman = await open({ fake: { room: 4 } })
  for (let i = 0; i < 3; i++) await Promise.all(models.map((model) => ask(foreman, model, 20)))
  const held = async () => /foreman_proxy_held_seconds_count (\d+)/.exec((await foreman.get('/metrics')).text)?.[1]
  await eventually(async () => {
    const before = await held()
    await Promise.all(models.map((model) => ask(foreman, model)))
    return (await held()) === before
  })
  const before = await held()
  for (let i = 0; i < 5; i++) await Promise.all(models.map((model) => ask(foreman, model)))
  expect([await held(), foreman.fake.loads]).toEqual([before, 4])
})

describe('a held caller who leaves', () => {
  test.each([
    ['a kilobyte', 1_000],
    ['five megabytes', 5_000_000],
  ])('with a body of %s never reaches the target', async (_, size) => {
    const foreman = await open()
    await learn(foreman, 'beta', 'alpha')
    foreman.fake.fault({ do: 'hang', after: 2 })
    const busy = leaving(foreman, 'alpha', 10)
    await foreman.fake.until(() => foreman.fake.inFlight === 1)
    const held = leaving(foreman, 'beta', size)
    await eventually(async () => ((await foreman.get('/target')).json.people as { held: number }).held === 1)
    held.destroy()
    await eventually(async () => ((await foreman.get('/target')).json.people as { held: number }).held === 0)
    busy.destroy()
    await foreman.fake.until(() => foreman.fake.inFlight === 0)
    await turns()
    expect(foreman.fake.served.filter((model) => model === 'beta')).toHaveLength(1)
    expect(foreman.fake.requests.filter(({ model, bodyBytes }) => model === 'beta' && bodyBytes > size)).toEqual([])
  })

  function leaving(foreman: Foreman, model: string, size: number): ClientRequest {
    const asked = send(`${foreman.url}/api/chat`, { method: 'POST', agent: false })
    asked.on('error', () => {}).on('response', (answer) => answer.resume().on('error', () => {}))
    asked.end(JSON.stringify({ model, messages: [{ role: 'user', content: 'x'.repeat(size) }] }))
    return asked
  }
})

test('two pipelined requests of different models do not lock each other', async () => {
  const foreman = await open()
  await learn(foreman, 'alpha', 'beta')
  const { port, hostname } = new URL(foreman.url)
  const socket = connect(Number(port), hostname)
  let text = ''
  socket.on('data', (bytes: Buffer) => (text += bytes.toString()))
  const one = (model: string) => {
    const body = JSON.stringify({ model, stream: false, messages: [{ role: 'user', content: 'hi' }] })
    return `POST /api/chat HTTP/1.1\r\nHost: ${hostname}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  }
  socket.write(one('alpha') + one('beta'))
  await eventually(() => text.split('"done":true').length === 3)
  expect(text.indexOf('"model":"alpha"')).toBeLessThan(text.indexOf('"model":"beta"'))
  socket.destroy()
})

test('/queue and /target tell who is held and that jobs step aside', async () => {
  const foreman = await open({ settings: { YIELD_MAX: 'off', PEOPLE_PATIENCE: '10s' } })
  await learn(foreman, 'beta', 'alpha')
  foreman.fake.fault({ do: 'hang', after: 2 })
  const leave = new AbortController()
  const body = { model: 'alpha', messages: [{ role: 'user', content: 'hi' }] }
  const gone = [body, { ...body, model: 'beta' }].map((each) =>
    foreman.call('POST', '/api/chat', { body: each, signal: leave.signal }).catch(() => undefined),
  )
  await foreman.fake.until(() => foreman.fake.inFlight === 1)
  const job = await foreman.submit(chat('gamma'))
  await foreman.logged(({ msg }) => msg === 'jobs step aside for people')
  expect((await foreman.get('/queue')).json).toMatchObject({
    reason: 'yielding_to_people',
    people: { in_flight: 1, held: 1 },
    yielding_since: expect.any(String),
  })
  expect(await foreman.job(job.id)).toMatchObject({ state: 'queued', reason: 'yielding_to_people' })
  leave.abort()
  await Promise.all(gone)
  await foreman.logged(({ msg }) => msg === 'nobody is held any more')
  expect((await foreman.ended(job.id)).state).toBe('done')
})

test('a job starts although requests whose model cannot be told overlap without end', async () => {
  const clock = new VirtualClock()
  let strangers = 0
  const url = await openTarget(({ path, answer }) => {
    if (path === '/api/generate') strangers++
    else answer.end('{"model":"alpha","message":{"role":"assistant","content":"hi"},"done":true}\n')
  })
  const foreman = await openForeman({ clock, fake: { url } as Fake, settings: { YIELD_MAX: '1m', CLAIM: '2m' } })
  const stranger = async () => {
    const caller = new AbortController()
    const before = strangers
    void foreman.call('POST', '/api/generate', { body: 'no JSON', signal: caller.signal }).catch(() => {})
    await eventually(() => strangers > before)
    return caller
  }
  let last = await stranger()
  afterwards(async () => last.abort())
  const job = await foreman.submit(chat('alpha'))
  for (let i = 0; i < 12; i++) {
    const next = await stranger()
    last.abort()
    last = next
    await pass(clock, 20_000)
  }
  expect((await foreman.ended(job.id)).state).toBe('done')
})
