// Answers in parts, events, artifacts and calls to receivers, against a real foreman in front of the simulated Ollama.

import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Daemon, freePort } from '../../../scripts/demo/daemon.ts'
import { startFake, type Fake } from '../../../server/ollama/fake/fake.ts'
import { Foreman, ForemanError, webhooks, type ChatResponse, type JobEvent, type WebhookCall } from './index.ts'

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const chat = { model: 'llama3.2', messages: [{ role: 'user', content: 'Hello' }] }
let fake: Fake
let daemon: Daemon
let folder: string
let foreman: Foreman

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'foreman-client-'))
  fake = await startFake({ models: ['llama3.2'], tokens: 5 })
  const settings = { FOREMAN_WEBHOOK_ALLOW: '127.0.0.1', FOREMAN_WEBHOOK_SECRET: secret }
  daemon = new Daemon({ target: fake.url, port: await freePort(), folder, settings })
  await daemon.start()
  foreman = new Foreman({ url: daemon.url })
})

afterEach(() => fake.clearFaults())

afterAll(async () => {
  await daemon.stop()
  await fake.close()
  rmSync(folder, { recursive: true, force: true })
})

const newest = async () => (await foreman.jobs.list({ limit: 1 })).data[0]!
const said = (parts: ChatResponse[]) => parts.map(({ message }) => message.content).join('')
const idle = () => fake.until(() => fake.requests.every(({ outcome }) => outcome !== 'open'))

async function all<T>(these: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const one of these) found.push(one)
  return found
}

test("a streamed chat comes in the target's own parts", async () => {
  const body = JSON.stringify(chat)
  const direct = await (await fetch(`${fake.url}/api/chat`, { method: 'POST', body })).text()
  const lines = direct
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as ChatResponse)
  const parts = await all(await foreman.chat({ ...chat, stream: true }))
  expect(parts.map((part) => Object.keys(part))).toEqual(lines.map((line) => Object.keys(line)))
  expect(said(parts)).toBe(said(lines))
  expect(said(parts)).toBe((await foreman.chat(chat)).message.content)
  expect((await newest()).state).toBe('done')
  const words = await all(await foreman.generate({ model: 'llama3.2', prompt: 'Hi', stream: true }))
  expect(words.map(({ response }) => response).join('')).toBe(
    (await foreman.generate({ model: 'llama3.2', prompt: 'Hi' })).response,
  )
})

test('a stream says that the answer begins anew, and goes on, when foreman is killed and started again', async () => {
  fake.fault({ do: 'hang', after: 2 })
  let parts: ChatResponse[] = []
  let restarts = 0
  const on_restart = () => {
    restarts++
    parts = []
  }
  for await (const part of await foreman.chat({ ...chat, stream: true }, { on_restart })) {
    parts.push(part)
    if (parts.length !== 2 || restarts > 0) continue
    await daemon.kill()
    await daemon.start()
  }
  expect(restarts).toBe(1)
  expect(said(parts)).toBe((await foreman.chat(chat)).message.content)
})

test('whoever does not expect a new beginning is thrown it, and the job is canceled', async () => {
  fake.fault({ do: 'hang', after: 1 })
  const parts = await foreman.chat({ ...chat, stream: true })
  await parts.next()
  fake.fault({ do: 'hang', after: 1 })
  await daemon.kill()
  await daemon.start()
  await expect(parts.next()).rejects.toMatchObject({ code: 'restarted' })
  expect((await newest()).state).toBe('canceled')
  await idle()
})

test('leaving the loop before the last part cancels the job, and after it does not', async () => {
  fake.fault({ do: 'hang', after: 1 })
  for await (const _ of await foreman.chat({ ...chat, stream: true })) break
  expect((await newest()).state).toBe('canceled')
  await idle()
  for await (const part of await foreman.chat({ ...chat, stream: true })) if (part.done) break
  expect((await foreman.jobs.wait((await newest()).id)).state).toBe('done')
})

test("aborting a stream throws the signal's reason and cancels the job", async () => {
  fake.fault({ do: 'hang', after: 1 })
  const abort = new AbortController()
  const parts = await foreman.chat({ ...chat, stream: true }, { signal: abort.signal })
  await parts.next()
  const reason = new Error('not needed any more')
  const next = parts.next()
  abort.abort(reason)
  await expect(next).rejects.toBe(reason)
  expect((await newest()).state).toBe('canceled')
  await idle()
})

test('a stream that nobody reads is canceled by its signal, and by returning it', async () => {
  fake.fault({ do: 'hang', after: 1, times: 2 })
  const abort = new AbortController()
  await foreman.chat({ ...chat, stream: true }, { signal: abort.signal })
  const { id } = await newest()
  abort.abort()
  expect((await foreman.jobs.wait(id)).state).toBe('canceled')
  await (await foreman.chat({ ...chat, stream: true })).return()
  expect((await newest()).state).toBe('canceled')
  expect((await newest()).id).not.toBe(id)
  await idle()
})

test('a streamed call that fails throws with its code', async () => {
  const parts = await foreman.chat({ ...chat, model: 'nobody', stream: true })
  await expect(parts.next()).rejects.toMatchObject({ code: 'model_missing', job: { state: 'failed' } })
  const refused = foreman.chat({ ...chat, model: '', stream: true })
  await expect(refused).rejects.toMatchObject({ code: 'invalid_request', status: 422 })
})

/** A fetch whose answers with events break off after so many pieces each. */
function cutting(after: number, asked: Headers[]): typeof fetch {
  return async (input, init) => {
    const answer = await fetch(input, init)
    if (!answer.headers.get('content-type')?.includes('event-stream')) return answer
    asked.push(new Headers(init?.headers))
    let left = after
    const cut = new TransformStream<Uint8Array, Uint8Array>({
      transform(piece, through) {
        if (left-- > 0) through.enqueue(piece)
        else through.error(new Error('cut'))
      },
    })
    return new Response(answer.body!.pipeThrough(cut), { headers: answer.headers })
  }
}

test('events come each once and in order, although the connection is cut, and from any of them on', async () => {
  const { id } = await foreman.jobs.submit({ request: { endpoint: '/api/chat', body: chat } })
  await foreman.jobs.wait(id)
  const whole = await all(foreman.jobs.events(id))
  expect(whole.map(({ event }) => event)).toEqual(expect.arrayContaining(['state', 'output', 'end']))
  const lines = whole.flatMap((event) => (event.event === 'output' ? [event.line] : []))
  expect(`${lines.join('\n')}\n`).toBe(await (await foreman.jobs.artifact(id, 'stream.ndjson')).text())

  const seen = (event: JobEvent) => ('id' in event ? event.id : undefined)
  const asked: Headers[] = []
  const cut = new Foreman({ url: daemon.url, fetch: cutting(2, asked) })
  const pieces = await all(cut.jobs.events(id))
  expect(pieces).toEqual(whole)
  expect(asked.length).toBeGreaterThan(1)
  expect(asked.map((headers) => headers.get('last-event-id'))[0]).toBeNull()

  const middle = Math.floor(whole.length / 2)
  const rest = await all(foreman.jobs.events(id, { after: seen(whole[middle]!)! }))
  expect(rest).toEqual(whole.slice(middle + 1))
  expect(await all(foreman.jobs.events(id, { after: seen(whole.at(-1)!)! }))).toEqual([])
})

test("a job's stream is the target's lines, and one that breaks off throws", async () => {
  const { id } = await foreman.jobs.submit({ request: { endpoint: '/api/chat', body: chat } })
  const lines = await all(foreman.jobs.stream<ChatResponse>(id))
  expect(said(lines)).toBe((await foreman.chat(chat)).message.content)
  fake.fault({ do: 'hang', after: 1 })
  const other = await foreman.jobs.submit({ request: { endpoint: '/api/chat', body: chat } })
  const broken = foreman.jobs.stream(other.id)
  await broken.next()
  await foreman.jobs.cancel({ id: other.id })
  await expect(broken.next()).rejects.toMatchObject({ code: 'unreachable' })
  await expect(foreman.jobs.stream(other.id).next()).rejects.toMatchObject({ code: 'conflict', status: 409 })
})

test('artifacts are listed and fetched, and gone when the job is deleted', async () => {
  const { id } = await foreman.jobs.submit({ request: { endpoint: '/api/chat', body: chat } })
  const done = await foreman.jobs.wait(id, { include: ['response'] })
  const { data } = await foreman.jobs.artifacts({ id })
  expect(data.map(({ name }) => name)).toContain('output.txt')
  const output = await foreman.jobs.artifact(id, 'output.txt')
  expect(await output.text()).toBe((done.response as unknown as ChatResponse).message.content)
  await foreman.jobs.delete({ id })
  await expect(foreman.jobs.artifact(id, 'output.txt')).rejects.toMatchObject({ code: 'gone', status: 410 })
})

test('a receiver unwraps what it is told, and refuses what is another, too old or not signed', async () => {
  const told = Promise.withResolvers<{ body: string; headers: NodeJS.Dict<string | string[]> }>()
  const receiver = createServer(async (request, answer) => {
    told.resolve({ body: await text(request), headers: request.headers })
    answer.writeHead(204).end()
  })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  const webhook = { url: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook` }
  const { id } = await foreman.jobs.submit({ request: { endpoint: '/api/chat', body: chat }, webhook })
  const { body, headers } = await told.promise
  receiver.close()
  const call: WebhookCall = foreman.webhooks.unwrap(body, headers, secret)
  expect(call).toMatchObject({ id: headers['webhook-id'], type: 'job.done', data: { id, state: 'done' } })
  expect(webhooks.unwrap(Buffer.from(body), new Headers(headers as Record<string, string>), secret)).toEqual(call)
  const refused = (...[wrong, by, key]: Parameters<typeof webhooks.unwrap>) => {
    const unwrap = () => webhooks.unwrap(wrong, by, key)
    expect(unwrap).toThrow(ForemanError)
    expect(unwrap).toThrow(expect.objectContaining({ code: 'unverified' }))
  }
  refused(body.replace(id, 'job_other'), headers, secret)
  refused(body, headers, `whsec_${Buffer.alloc(32, 8).toString('base64')}`)
  refused(body, { ...headers, 'webhook-signature': undefined }, secret)
  refused(body, { ...headers, 'webhook-timestamp': '1700000000' }, secret)
  refused(body, { ...headers, 'webhook-id': 'a\nb' }, secret)
  refused(body, headers, '')
})
