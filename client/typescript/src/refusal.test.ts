// What the client repeats and what it takes for an answer, against a foreman with a token and a server played by hand.

import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Daemon, freePort } from '../../../scripts/demo/daemon.ts'
import { startFake, type Fake } from '../../../server/ollama/fake/fake.ts'
import { Foreman } from './index.ts'

const messages = [{ role: 'user', content: 'Hello' }]
const chat = { model: 'llava', messages }
let fake: Fake
let folder: string
let daemon: Daemon | undefined
let server: Server | undefined
let asked: string[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'foreman-client-'))
  fake = await startFake({ models: [{ name: 'llava', capabilities: ['completion', 'vision'] }] })
  asked = []
})

afterEach(async () => {
  await daemon?.stop()
  daemon = undefined
  server?.closeAllConnections()
  server?.close()
  server = undefined
  await fake.close()
  rmSync(folder, { recursive: true, force: true })
})

async function foreman(): Promise<Daemon> {
  daemon = new Daemon({ target: fake.url, port: await freePort(), folder })
  await daemon.start()
  return daemon
}

/** A server played by hand, and a client of it that has all the patience there is. */
async function played(answer: RequestListener): Promise<Foreman> {
  server = createServer((request, response) => {
    asked.push(request.url ?? '')
    request.resume().on('end', () => void answer(request, response))
  })
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
  return new Foreman({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}

test.each([400, 401, 403, 404, 413, 422])('an answer of %i is final, whoever gives it', async (status) => {
  const alone = await played((_, response) => response.writeHead(status).end('<html>no</html>'))
  const told = {
    status,
    message: expect.stringMatching(`^what answers at http.* is not foreman: HTTP ${status}$`) as unknown,
  }
  await expect(alone.chat(chat)).rejects.toMatchObject(told)
  await expect(alone.jobs.get({ id: 'job_1' })).rejects.toMatchObject(told)
  expect(asked).toHaveLength(2)
})

test.each([429, 502, 503, 504])('an answer of %i is asked again', async (status) => {
  const alone = await played((_, response) => {
    if (asked.length === 1) response.writeHead(status).end('<html>later</html>')
    else response.writeHead(403).end()
  })
  await expect(alone.chat(chat)).rejects.toMatchObject({ status: 403 })
  const path = '/jobs?wait=25&include=response'
  expect(asked).toEqual([path, path])
})

test('an answer that says to come back later than there is patience for is final', async () => {
  const alone = await played((_, response) => response.writeHead(503, { 'retry-after': '301' }).end())
  await expect(alone.chat(chat)).rejects.toMatchObject({ status: 503, retry_after_s: 301 })
  await expect(alone.jobs.get({ id: 'job_1' })).rejects.toMatchObject({ status: 503, retry_after_s: 301 })
  expect(asked).toHaveLength(2)
})

test.each([
  ['an hour from now', (now: number) => new Date(now + 3_600_000).toUTCString(), 1],
  ['an hour ago', (now: number) => new Date(now - 3_600_000).toUTCString(), 2],
  ['longer than any number', () => '9'.repeat(400), 1],
  ['before now', () => '-5', 2],
  ['no date', () => 'soon GMT', 2],
])('a pause that is told as %s is as long, unless that is beyond the patience', async (_, value, requests) => {
  const alone = await played((_, response) => {
    if (asked.length === 1) response.writeHead(503, { 'retry-after': value(Date.now()) }).end('<html>later</html>')
    else response.writeHead(403).end()
  })
  await expect(alone.jobs.submit({ request: { endpoint: '/api/chat', body: chat } })).rejects.toThrow(
    requests === 1 ? '503' : '403',
  )
  expect(asked).toHaveLength(requests)
  asked = []
  await expect(alone.jobs.get({ id: 'job_1' })).rejects.toThrow(requests === 1 ? '503' : '403')
  expect(asked).toHaveLength(requests)
})

const queued = JSON.stringify({ id: 'job_1', state: 'queued' })

test('whoever can wait no longer is told of which job, and the job is left alone', async () => {
  await played((request, response) => {
    if (request.url?.startsWith('/jobs?') || request.url === '/jobs') response.end(queued)
    else request.socket.destroy()
  })
  const { port } = server!.address() as AddressInfo
  const impatient = new Foreman({ url: `http://127.0.0.1:${port}`, unreachable_ms: 0 })
  const told = { code: 'unreachable', job_id: 'job_1' }
  await expect(impatient.chat(chat)).rejects.toMatchObject(told)
  await expect(impatient.jobs.wait('job_1')).rejects.toMatchObject(told)
  const parts = await impatient.chat({ ...chat, stream: true })
  await expect(parts.next()).rejects.toMatchObject(told)
  expect(asked.filter((path) => path.includes('cancel'))).toEqual([])
})

test('a job is handed in again under the key that it was handed in with', async () => {
  const keys: unknown[] = []
  server = createServer(async (request, response) => {
    keys.push((JSON.parse(await text(request)) as { idempotency_key: unknown }).idempotency_key)
    if (keys.length === 1) request.socket.destroy()
    else response.writeHead(403).end()
  })
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
  const alone = new Foreman({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  const request = { endpoint: '/api/chat' as const, body: chat }
  await expect(alone.jobs.submit({ request })).rejects.toMatchObject({ status: 403 })
  expect(keys).toEqual([expect.any(String), keys[0]])
})

test('a call that was aborted before it was made hands in no job', async () => {
  const alone = await played((_, response) => response.writeHead(403).end())
  const signal = AbortSignal.abort(new Error('too late'))
  await expect(alone.chat(chat, { signal })).rejects.toThrow('too late')
  await expect(alone.chat({ ...chat, stream: true }, { signal })).rejects.toThrow('too late')
  expect(asked).toEqual([])
})

test('a line with an error in a stream is no part of the answer, but what its job fails by', async () => {
  const job = { id: 'job_1', state: 'failed', error: { code: 'target_failed', detail: 'unexpected EOF' } }
  const lines = ['{"message":{"content":"a"},"done":false}', '{"error":"unexpected EOF"}']
  const alone = await played((request, response) => {
    if (request.method === 'POST') return response.end('{"id":"job_1","state":"queued"}')
    response.setHeader('content-type', 'text/event-stream')
    for (const [i, line] of lines.entries()) response.write(`id: 1-${i}\nevent: output\ndata: ${line}\n\n`)
    return response.end(`id: 2-0\nevent: state\ndata: ${JSON.stringify(job)}\n\n`)
  })
  const parts = await alone.chat({ ...chat, stream: true })
  expect((await parts.next()).value).toMatchObject({ message: { content: 'a' } })
  await expect(parts.next()).rejects.toMatchObject({ code: 'target_failed', job: { id: 'job_1' } })
})

test('a stream that is cut before its first line is asked for again, and after that it is not', async () => {
  const answers = ['{', '{"n":', '{"n":1}\n{"n":']
  const alone = await played((_, response) => {
    response.writeHead(200).write(answers[asked.length - 1], () => response.destroy())
  })
  const lines = alone.jobs.stream('job_1')
  expect((await lines.next()).value).toEqual({ n: 1 })
  await expect(lines.next()).rejects.toMatchObject({ code: 'unreachable', job_id: 'job_1' })
  expect(asked).toHaveLength(3)
})

test.each(['{"signed_in":false}', 'null', '[]', '<html>sign in</html>'])('%s is no job', async (said) => {
  const alone = await played((_, response) => response.end(said))
  const request = { endpoint: '/api/chat' as const, body: chat }
  await expect(alone.jobs.submit({ request })).rejects.toMatchObject({ code: 'unreachable', status: 200 })
  await expect(alone.jobs.submit_batch({ jobs: [{ request }] })).rejects.toMatchObject({ code: 'unreachable' })
  expect(asked).toHaveLength(2)
})

test('a text in place of an answer is none, and in place of a line', async () => {
  const alone = await played((_, response) => response.writeHead(200, { 'content-type': 'text/plain' }).end('hello'))
  const told = { code: 'unreachable', status: 200, message: expect.stringContaining('is not foreman') as unknown }
  await expect(alone.jobs.get({ id: 'job_1' })).rejects.toMatchObject(told)
  await expect(alone.jobs.stream('job_1').next()).rejects.toMatchObject({ code: 'unreachable', job_id: 'job_1' })
  expect(asked).toHaveLength(2)
})

test.each([{ 'content-length': '10' }, {}])('an artifact that is cut is none, with %o', async (headers) => {
  const alone = await played((_, response) => {
    response.writeHead(200, headers).write('whole', () => response.destroy())
  })
  await expect(alone.jobs.artifact('job_1', 'output.txt').then((answer) => answer.text())).rejects.toThrow()
})

test('a problem of a refused submit is told as it is', async () => {
  const problem = { code: 'unauthorized', status: 401, detail: 'a token is required' }
  const alone = await played((_, response) => response.writeHead(401).end(JSON.stringify(problem)))
  await expect(alone.chat(chat)).rejects.toMatchObject({ code: 'unauthorized', problem })
})

test('what can be no JSON is thrown at once', async () => {
  const round: Record<string, unknown> = {}
  round.self = round
  const alone = await played((_, response) => response.writeHead(500).end())
  await expect(alone.chat({ ...chat, round })).rejects.toThrow(/circular/)
  await expect(alone.jobs.submit({ request: { endpoint: '/api/chat', body: round } })).rejects.toThrow(/circular/)
  expect(asked).toEqual([])
})

test('a chat with images of many megabytes is answered', async () => {
  const { url } = await foreman()
  const images = ['A'.repeat(6 * 1024 * 1024)]
  const answer = await new Foreman({ url }).chat({ ...chat, messages: [{ role: 'user', content: 'Hi', images }] })
  expect(answer.done).toBe(true)
})
