// The client against a real foreman process in front of the simulated Ollama.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Daemon, freePort } from '../../../scripts/demo/daemon.ts'
import { startFake, type Fake } from '../../../server/ollama/fake/fake.ts'
import { Foreman, ForemanError } from './index.ts'

let fake: Fake
let daemon: Daemon
let folder: string
let foreman: Foreman
let loaded: () => void

const messages = [{ role: 'user', content: 'Hello' }]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'foreman-client-'))
  const load = Promise.withResolvers<number>()
  loaded = () => load.resolve(0)
  fake = await startFake({
    models: ['llama3.2:3b', { name: 'slow', loadMs: 0 }, { name: 'nomic', capabilities: ['embedding'] }],
    loadMs: (model) => (model.startsWith('slow') ? load.promise : 0),
  })
  const settings = { FOREMAN_WEBHOOK_ALLOW: '127.0.0.1' }
  daemon = new Daemon({ target: fake.url, port: await freePort(), folder, settings })
  await daemon.start()
  foreman = new Foreman({ url: daemon.url })
})

afterEach(async () => {
  loaded()
  await daemon.stop()
  await fake.close()
  rmSync(folder, { recursive: true, force: true })
})

test('chat, generate and embed return what Ollama would have returned', async () => {
  const ask = (path: string, body: object) =>
    fetch(`${fake.url}${path}`, { method: 'POST', body: JSON.stringify(body) }).then((answer) => answer.json())
  const chat = { model: 'llama3.2:3b', messages }
  const answer = await foreman.chat(chat)
  const direct = (await ask('/api/chat', { ...chat, stream: false })) as typeof answer
  expect(Object.keys(answer)).toEqual(Object.keys(direct))
  expect(answer.message).toEqual(direct.message)
  expect((await foreman.generate({ model: 'llama3.2:3b', prompt: 'Hi' })).response).toBe(
    ((await ask('/api/generate', { model: 'llama3.2:3b', prompt: 'Hi', stream: false })) as { response: string })
      .response,
  )
  expect((await foreman.embed({ model: 'nomic', input: ['a', 'b'] })).embeddings).toEqual(
    ((await ask('/api/embed', { model: 'nomic', input: ['a', 'b'] })) as { embeddings: number[][] }).embeddings,
  )
})

test('a chat is answered although foreman is killed and started again meanwhile', async () => {
  const answer = foreman.chat({ model: 'slow', messages })
  await fake.until(() => fake.ledger.running > 0 || fake.requests.some((seen) => seen.purpose === 'load'))
  await daemon.kill()
  await daemon.start()
  loaded()
  expect((await answer).done).toBe(true)
  const { data } = await foreman.jobs.list({})
  expect(data).toHaveLength(1)
  expect(data[0]).toMatchObject({ state: 'done', interruptions: 1 })
})

test('a job that fails throws with its code, and a refused call with the problem', async () => {
  await expect(foreman.chat({ model: 'nobody', messages })).rejects.toMatchObject({
    code: 'model_missing',
    job: { state: 'failed' },
  })
  const refused = await foreman.jobs.get({ id: 'job_nobody' }).catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(ForemanError)
  expect(refused).toMatchObject({ code: 'not_found', problem: { status: 404 } })
  await expect(foreman.chat({ model: '', messages })).rejects.toMatchObject({
    code: 'invalid_request',
    problem: { errors: [{ pointer: '/request/body/model' }] },
  })
})

test('aborting a call cancels its job, and the target is let go', async () => {
  const abort = new AbortController()
  const answer = foreman.chat({ model: 'slow', messages }, { signal: abort.signal })
  await fake.until(() => fake.requests.some((seen) => seen.purpose === 'load'))
  abort.abort(new Error('not needed any more'))
  await expect(answer).rejects.toThrow()
  const [job] = (await foreman.jobs.list({})).data
  expect((await foreman.jobs.wait(job?.id ?? '')).state).toBe('canceled')
  await fake.until(() => fake.requests.every((seen) => seen.outcome !== 'open'))
})

test('the same idempotency key makes one job', async () => {
  const options = { idempotency_key: 'once' }
  const [a, b] = await Promise.all([
    foreman.chat({ model: 'llama3.2:3b', messages }, options),
    foreman.chat({ model: 'llama3.2:3b', messages }, options),
  ])
  expect(a).toEqual(b)
  expect((await foreman.jobs.list({})).data).toHaveLength(1)
})

test('what a job owes is told, and sent again', async () => {
  const deliver = { url: `http://127.0.0.1:${await freePort()}/{name}` }
  const { id } = await foreman.jobs.submit({
    request: { endpoint: '/api/chat', body: { model: 'llama3.2:3b', messages } },
    deliver,
  })
  const { artifacts } = await foreman.jobs.wait(id)
  const { data } = await foreman.deliveries.list({ id })
  expect(data.map(({ artifact }) => artifact).toSorted()).toEqual(artifacts.map(({ name }) => name).toSorted())
  const [one] = data
  const again = await foreman.deliveries.redeliver({ id: one?.id ?? '' })
  expect(again).toMatchObject({ id: one?.id, job_id: id, state: 'pending' })
})

test('a foreman that does not come back is told as unreachable', async () => {
  const url = `http://127.0.0.1:${await freePort()}`
  const alone = new Foreman({ url, unreachable_ms: 0 })
  const told = {
    code: 'unreachable',
    message: expect.stringContaining(`no foreman at ${url}: connect ECONNREFUSED`) as unknown,
  }
  await expect(alone.chat({ model: 'llama3.2:3b', messages })).rejects.toMatchObject(told)
  await expect(alone.queue.get()).rejects.toMatchObject(told)
})
