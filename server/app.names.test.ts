// Which jobs of a whole foreman run on one loaded runner: copies and derived models, and names that come to stand for
// something else while their jobs wait.

import { describe, expect, test } from 'vitest'
import { chat, openForeman, type Foreman } from './app.harness.ts'
import { eventually, openFake, openTarget, pass } from './app.stage.ts'
import { VirtualClock } from './clock.ts'
import type { Fake, FakeModel } from './ollama/fake/fake.ts'

const models: (string | FakeModel)[] = [
  'alpha',
  'beta',
  { name: 'poet', weights: 'alpha:latest', system: 'You are a poet.' },
  { name: 'short', weights: 'alpha:latest', parameters: { num_ctx: 2048 } },
]
const settings = { PEOPLE_PATIENCE: 'off' }
const [x, y] = ['a'.repeat(64), 'b'.repeat(64)] as const

/** A foreman that is paused, over a target that holds one runner. */
async function paused(): Promise<Foreman> {
  const foreman = await openForeman({ fake: { models }, settings })
  await foreman.post('/queue/pause')
  await eventually(() => foreman.app.target.models.length === models.length)
  return foreman
}

/** Sends it through foreman and waits until foreman knows what came of it. */
async function change(foreman: Foreman, method: string, path: string, body: object, known: () => boolean) {
  const { status, text } = await foreman.call(method, path, { body })
  expect([status, text.includes('"error"')]).toEqual([200, false])
  await eventually(known)
}

async function create(foreman: Foreman, model: string, digest: string): Promise<void> {
  foreman.fake.addBlob(`sha256:${digest}`)
  const body = { model, files: { 'x.gguf': `sha256:${digest}` } }
  await change(foreman, 'POST', '/api/create', body, () => runner(foreman, model) === `sha256-${digest}`)
}

const runner = (foreman: Foreman, model: string) => foreman.app.target.runnerKey(`${model}:latest`)

const keys = (foreman: Foreman) =>
  foreman.app.queue.keys((key) => foreman.app.target.runnerKey(key)).map(({ waiting }) => waiting)

async function submit(foreman: Foreman, ...names: string[]): Promise<string[]> {
  const ids = []
  for (const [n, name] of names.entries()) ids.push((await foreman.submit(chat(name, `say ${n}`))).id)
  return ids
}

async function drained(foreman: Foreman, ids: string[]): Promise<string[]> {
  await foreman.post('/queue/resume')
  for (const id of ids) expect((await foreman.ended(id)).state).toBe('done')
  return foreman.fake.served
}

describe('one runner', () => {
  test('drains the jobs of a model, its copy and one made from it with one load', async () => {
    const foreman = await paused()
    const { target } = foreman.app
    const copy = { source: 'alpha', destination: 'twin' }
    await change(foreman, 'POST', '/api/copy', copy, () => runner(foreman, 'twin') === runner(foreman, 'alpha'))
    const made = { model: 'sage', from: 'twin', system: 'You are wise.' }
    await change(foreman, 'POST', '/api/create', made, () => runner(foreman, 'sage') === runner(foreman, 'alpha'))
    const ids = await submit(foreman, 'alpha', 'beta', 'twin', 'beta', 'poet', 'Sage:LATEST', 'library/alpha', 'beta')
    expect(keys(foreman)).toEqual([5, 3])
    const served = await drained(foreman, ids)
    expect(served.slice(0, 5)).toEqual(['alpha', 'twin', 'poet', 'Sage:LATEST', 'library/alpha'])
    expect(served.slice(5)).toEqual(['beta', 'beta', 'beta'])
    expect(foreman.fake.loads).toBe(2)
    expect(target.residentKeys().has(runner(foreman, 'beta'))).toBe(true)
  })

  test('serves a Modelfile’s context and the same context asked for, and /v1 with it', async () => {
    const foreman = await paused()
    const asked = await foreman.submit(chat('alpha', 'one', { options: { num_ctx: 2048 } }))
    const [between, own] = await submit(foreman, 'alpha', 'short')
    const body = { model: 'short', messages: [{ role: 'user', content: 'four' }] }
    const v1 = await foreman.submit({ request: { endpoint: '/v1/chat/completions', body } })
    expect(keys(foreman)).toEqual([3, 1])
    expect(await drained(foreman, [asked.id, between!, own!, v1.id])).toEqual(['alpha', 'short', 'short', 'alpha'])
    expect(foreman.fake.loads).toBe(2)
  })
})

describe('while jobs wait, a name', () => {
  test('that comes to stand for other weights takes its jobs to another key', async () => {
    const foreman = await paused()
    const ids = await submit(foreman, 'poet', 'alpha', 'beta', 'poet', 'alpha')
    expect(keys(foreman)).toEqual([4, 1])
    await create(foreman, 'poet', x)
    expect(keys(foreman)).toEqual([2, 2, 1])
    expect(await drained(foreman, ids)).toEqual(['poet', 'poet', 'alpha', 'alpha', 'beta'])
    expect(foreman.fake.loads).toBe(3)
  })

  test('that comes to stand for another’s weights joins its jobs', async () => {
    const foreman = await paused()
    await create(foreman, 'poet', x)
    const ids = await submit(foreman, 'alpha', 'poet', 'beta', 'alpha', 'poet')
    expect(keys(foreman)).toEqual([2, 2, 1])
    const made = { model: 'poet', from: 'alpha', system: 'You are another poet.' }
    await change(foreman, 'POST', '/api/create', made, () => runner(foreman, 'poet') === runner(foreman, 'alpha'))
    expect(keys(foreman)).toEqual([4, 1])
    expect(await drained(foreman, ids)).toEqual(['alpha', 'poet', 'alpha', 'poet', 'beta'])
    expect(foreman.fake.loads).toBe(2)
  })

  test('that is deleted leaves its jobs by themselves, and made again brings them where it stands now', async () => {
    const foreman = await paused()
    await create(foreman, 'poet', x)
    const ids = await submit(foreman, 'poet', 'alpha', 'poet')
    const gone = { model: 'poet' }
    await change(foreman, 'DELETE', '/api/delete', gone, () => runner(foreman, 'poet') === 'poet:latest')
    expect(keys(foreman)).toEqual([2, 1])
    await create(foreman, 'poet', y)
    expect(keys(foreman)).toEqual([2, 1])
    const made = { model: 'poet', from: 'alpha' }
    await change(foreman, 'POST', '/api/create', made, () => runner(foreman, 'poet') === runner(foreman, 'alpha'))
    expect(keys(foreman)).toEqual([3])
    expect(await drained(foreman, ids)).toEqual(['poet', 'alpha', 'poet'])
    expect(foreman.fake.loads).toBe(1)
  })

  test('that comes to stand for other weights after its runner was loaded has it loaded anew', async () => {
    const foreman = await paused()
    await drained(foreman, await submit(foreman, 'poet'))
    await foreman.post('/queue/pause')
    await create(foreman, 'poet', x)
    const ids = await submit(foreman, 'poet', 'alpha')
    expect(await drained(foreman, ids)).toEqual(['poet', 'alpha', 'poet'])
    expect(foreman.fake.loads).toBe(2)
  })
})

test('a cloud model’s jobs wait for no room: nobody’s runner goes for them', async () => {
  const foreman = await openForeman({ fake: { models } })
  const said = { model: 'alpha', prompt: 'hello', stream: false }
  expect((await foreman.post('/api/generate', said)).status).toBe(200)
  const [beta, cloud] = await submit(foreman, 'beta', 'gpt-oss:20b-cloud')
  // The simulated target has its cloud switched off; what counts is that it was asked.
  expect(await foreman.ended(cloud!)).toMatchObject({ state: 'failed', error: { code: 'target_refused' } })
  expect((await foreman.job(beta!)).reason).toBe('yielding_to_people')
  expect([foreman.fake.resident(), foreman.fake.loads]).toEqual([['alpha:latest'], 1])
})

test('people share the runner of a job that began before the names were known', async () => {
  const clock = new VirtualClock()
  const fake = await openFake({ models, parallel: 4 })
  const foreman = await openForeman({ clock, fake })
  const end = Promise.withResolvers<void>()
  fake.fault({ do: 'hang', after: 2, times: 2, until: end.promise })
  const job = await foreman.submit(chat('alpha'))
  await foreman.reached(job.id, 'working')
  const closing = foreman.close()
  await pass(clock, 12_000)
  await closing
  await foreman.start()
  await foreman.reached(job.id, 'working', 2)
  await foreman.app.target.refresh()
  const { status } = await foreman.post('/api/generate', { model: 'alpha', prompt: 'hi', stream: false })
  expect([status, (await foreman.job(job.id)).state]).toEqual([200, 'working'])
  end.resolve()
  expect((await foreman.ended(job.id)).state).toBe('done')
})

test('a job of a cloud model holds no people, and starts beside them', async () => {
  const [hold, cloud] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const asked: string[] = []
  const said = '{"model":"x","message":{"role":"assistant","content":"hi"},"response":"hi","done":true}\n'
  const url = await openTarget(({ body, answer }) => {
    const { model, prompt } = JSON.parse(body.toString()) as { model: string; prompt?: string }
    asked.push(model)
    if (prompt === 'quick') answer.end(said)
    else void (prompt ? hold : cloud).promise.then(() => answer.end(said))
  })
  const foreman = await openForeman({ fake: { url } as Fake })
  const ask = (model: string, prompt: string) => foreman.post('/api/generate', { model, prompt })
  const long = ask('beta', 'long')
  await eventually(() => asked.includes('beta'))
  const job = await foreman.submit(chat('gpt-oss:20b-cloud'))
  await foreman.reached(job.id, 'working')
  hold.resolve()
  expect((await long).status).toBe(200)
  expect((await ask('alpha', 'quick')).status).toBe(200)
  expect((await foreman.job(job.id)).state).toBe('working')
  cloud.resolve()
  expect((await foreman.ended(job.id)).state).toBe('done')
})
