// deploy/outgrowing/ with the haproxy it is for, and what docs/outgrowing.md says of it. haproxy.cfg: two Ollamas behind it and
// foreman before it, which promises hold and what foreman no longer sees. foremen.cfg: it stands before two foremen.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { chat, openForeman, type Foreman } from '../../server/app.harness.ts'
import { afterwards, eventually, openFake, temporaryFolder } from '../../server/app.stage.ts'
import type { Fake } from '../../server/ollama/fake/fake.ts'
import { freePort } from '../demo/daemon.ts'
import { textOf } from '../page.harness.ts'
import { runProgram } from '../real/cache.ts'
import { fromDebian } from './tools.ts'

const models = ['alpha', 'beta', 'gamma', 'delta', 'Epsilon', 'zeta:latest']

let balancer: string
let foreman: Foreman
let first: Fake
let second: Fake
let release: () => void

beforeAll(() => fromDebian({ haproxy: 'haproxy' }))

beforeEach(async () => {
  const loading = Promise.withResolvers<number>()
  release = () => loading.resolve(0)
  const options = {
    models: [...models, 'slow'].map((name) => ({ name, capabilities: ['completion' as const, 'vision' as const] })),
    loadMs: (model: string) => (model.startsWith('slow') ? loading.promise : 0),
  }
  first = await openFake(options)
  second = await openFake(options)
  balancer = await balance('haproxy.cfg', [first.url, second.url])
  await eventually(() => answers(`${balancer}/api/version`))
  foreman = await openForeman({ fake: first, settings: { TARGET: balancer, HOLD: '0' } })
})

const answers = (url: string) =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  )

/** haproxy as a file has it, but for addresses, before two servers. */
async function balance(name: string, urls: [string, string]): Promise<string> {
  const port = await freePort()
  const path = join(temporaryFolder(), name)
  let servers = 0
  const here = textOf('deploy', 'outgrowing', name)
    .replace(/bind 127.0.0.1:\d+/, `bind 127.0.0.1:${port}`)
    .replaceAll(/\S+\.example:\d+/g, () => new URL(urls[servers++]!).host)
  expect(servers).toBe(2)
  writeFileSync(path, here)
  expect(await runProgram('sh', ['-c', `haproxy -c -f '${path}' 2>&1`])).toBe('Configuration file is valid\n')
  const haproxy = spawn('haproxy', ['-db', '-f', path], { stdio: 'ignore' })
  afterwards(async () => {
    const ended = once(haproxy, 'exit')
    haproxy.kill('SIGKILL')
    await ended
  })
  return `http://127.0.0.1:${port}`
}

const both = () => [first, second]
/** The one that a model lives at. */
async function homeOf(model: string): Promise<Fake> {
  const asked = () => both().map(({ served }) => served.length)
  const before = asked()
  await fetch(`${balancer}/api/generate`, {
    method: 'POST',
    body: JSON.stringify({ model, prompt: 'hi', stream: false }),
  })
  return both()[asked().findIndex((count, i) => count > before[i]!)] as Fake
}

test('jobs drain, model by model, and each model is loaded once, at one of the two, however it is spelled', async () => {
  const ids: string[] = []
  // Who submits slowly has less to be drained.
  await foreman.post('/queue/pause')
  for (let i = 0; i < 36; i++) ids.push((await foreman.submit(chat(models[i % models.length]))).id)
  await foreman.post('/queue/resume')
  for (const id of ids) expect((await foreman.ended(id)).state).toBe('done')
  expect(first.loads + second.loads).toBe(models.length)
  const homes = both().map(({ served }) => new Set(served.map((name) => name.toLowerCase().replace(/:latest$/, ''))))
  expect(homes[0]!.isDisjointFrom(homes[1]!)).toBe(true)
  expect(Math.min(...homes.map(({ size }) => size))).toBeGreaterThan(0)
})

test('a chat comes piece by piece', async () => {
  for (const ollama of both()) ollama.fault({ do: 'hang', after: 2 })
  const body = JSON.stringify({ model: 'alpha', messages: [{ role: 'user', content: 'hello' }] })
  const answer = await fetch(`${foreman.url}/api/chat`, { method: 'POST', body })
  const reader = answer.body!.getReader()
  let text = ''
  // The Ollama has stopped in the middle: what it had said is here.
  while (text.split('\n').length <= 2) text += new TextDecoder().decode((await reader.read()).value)
  await reader.cancel()
})

test('whoever leaves ends the request at its Ollama, in the silence of a load and in the middle of an answer', async () => {
  const leave = new AbortController()
  const body = { model: 'slow', messages: [{ role: 'user', content: 'hello' }] }
  const asked = foreman.call('POST', '/api/chat', { body, signal: leave.signal })
  await Promise.race(both().map((ollama) => ollama.until(() => ollama.inFlight > 0)))
  leave.abort()
  await expect(asked).rejects.toThrow()
  await Promise.race(both().map((ollama) => ollama.until(() => ollama.ledger.aborted === 1)))
  release()
  for (const ollama of both()) ollama.fault({ do: 'hang', after: 2 })
  const { id } = await foreman.submit(chat('alpha'))
  await Promise.race(both().map((ollama) => ollama.until(() => ollama.ledger.running > 0)))
  await foreman.post(`/jobs/${id}/cancel`)
  await eventually(() => first.ledger.aborted + second.ledger.aborted === 2)
  expect((await foreman.ended(id)).state).toBe('canceled')
})

test('only what the first one holds is seen in memory; jobs of the other one are done all the same, each asked to load', async () => {
  const away = []
  for (const model of models) if ((await homeOf(model)) === second) away.push(model)
  const [model = ''] = away
  for (let i = 0; i < 3; i++) await foreman.ended((await foreman.submit(chat(model))).id)
  expect(second.resident()).toHaveLength(1)
  const { loaded } = (await foreman.get('/target')).json as { loaded: { model: string }[] }
  expect(loaded.map((one) => one.model)).toEqual(first.resident())
  const asked = second.requests.filter(({ purpose }) => purpose === 'load')
  expect(asked).toHaveLength(3)
})

test('a model is found in front of a body that is larger than what is looked at', async () => {
  const home = await homeOf('alpha')
  const images = ['a'.repeat(3_000_000)]
  const request = { endpoint: '/api/generate', body: { model: 'alpha', prompt: 'what is this?', images } }
  const { id } = await foreman.submit({ request })
  expect((await foreman.ended(id)).state).toBe('done')
  expect(home.served.filter((model) => model === 'alpha')).toHaveLength(2)
})

test.each(['first', 'second'])('when the %s is away the other one does all of it, people and jobs', async (gone) => {
  const [away, left] = gone === 'first' ? [first, second] : [second, first]
  await away.refuse()
  const person = async (model: string) => foreman.post('/api/generate', { model, prompt: 'hi', stream: false })
  // Who comes in the very moment in which it is found out may be refused.
  await eventually(async () => (await Promise.all(models.map(person))).every(({ status }) => status === 200))
  for (const model of models) expect((await foreman.ended((await foreman.submit(chat(model))).id)).state).toBe('done')
  expect(new Set(left.served).size).toBe(models.length)
})

test('a job whose Ollama falls asleep in the middle of it is done by the other one', async () => {
  let far = ''
  for (const model of models) if ((await homeOf(model)) === second) far = model
  second.fault({ do: 'hang', after: 2 })
  const { id } = await foreman.submit(chat(far))
  await second.until(() => second.ledger.running > 0)
  second.sleep()
  const { state, attempt } = await foreman.ended(id)
  expect([state, attempt]).toEqual(['done', 2])
})

test('two foremen take jobs at one address, model by model, and the links of each lead to the one that has it', async () => {
  const foremen = [
    await openForeman({ fake: first, settings: { HOLD: '0' } }),
    await openForeman({ fake: second, settings: { HOLD: '0' } }),
  ] as const
  const door = await balance('foremen.cfg', [foremen[0].url, foremen[1].url])
  await eventually(() => answers(`${door}/livez`))
  const submit = async (model: string) => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': `key-of-${model}` }
    const answer = await fetch(`${door}/jobs`, { method: 'POST', headers, body: JSON.stringify(chat(model)) })
    return (await answer.json()) as { id: string; links: { self: string } }
  }
  for (const model of models) {
    const { id, links } = await submit(model)
    expect((await submit(model)).id).toBe(id)
    const job = await (await fetch(`${links.self}?wait=60`)).json()
    expect(job).toMatchObject({ id, state: 'done' })
    const body = JSON.stringify({ model, prompt: 'hi', stream: false })
    expect((await fetch(`${door}/api/generate`, { method: 'POST', body })).status).toBe(200)
  }
  const listed = async (url: string) => ((await (await fetch(`${url}/jobs`)).json()) as { data: { id: string }[] }).data
  for (let i = 0; i < 2; i++) expect(await listed(door)).toEqual(await listed(foremen[0].url))
  // Each Ollama's work is done by its own foreman, people's and jobs', and each model by one of them.
  expect(first.served.length + second.served.length).toBe(2 * models.length)
  expect(first.loads + second.loads).toBe(models.length)
  expect(Math.min(first.loads, second.loads)).toBeGreaterThan(0)
})
