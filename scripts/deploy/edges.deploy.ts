// foreman behind the edges of deploy/edges, with TLS and HTTP/2: what passes through them as it would without, however long it
// is silent, however large it is and however slowly it comes. Each has a foreman process in front of a simulated Ollama, and a
// second one whose Ollama loads for 200 s: that is asked at the start and has answered at the end.

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startFake, type Fake } from '../../server/ollama/fake/fake.ts'
import { Daemon, freePort } from '../demo/daemon.ts'
import { Caller, type Answer } from './caller.ts'
import { Edge, kinds, makeCertificate, type Kind } from './edges.ts'

const silence_ms = 200_000
const token = 'a-token-of-this-test'
const mega = Buffer.alloc(1024 * 1024, 'foreman')
const gigabyte = 1024
/** Less than a tenth of what passes through, and more than any needs. */
const memory = 100 * 1024 * 1024

const folder = mkdtempSync(join(tmpdir(), 'foreman-edges-'))
const chat = JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'Why?' }] })
const open: (() => Promise<unknown>)[] = []
let certificate: string
const silent: { kind: Kind; version: string; answer: Promise<string> }[] = []

interface Line {
  fake: Fake
  edge: Edge
  caller: Caller
}

/** A simulated Ollama whose loads take so long, a foreman in front of it, the edge in front of that, and who calls it. */
async function openLine(kind: Kind, loadMs: number): Promise<Line> {
  const fake = await startFake({ models: ['tiny'], parallel: 2, tokens: 5, loadMs })
  const data = mkdtempSync(join(folder, 'data-'))
  const settings = { FOREMAN_TOKEN: token }
  const daemon = new Daemon({ target: fake.url, port: await freePort(), folder: data, settings })
  await daemon.start()
  const edge = await Edge.open(kind, new URL(daemon.url).host, folder)
  const caller = new Caller(edge.url, certificate, token)
  open.push(async () => {
    caller.close()
    await edge.close()
    await daemon.kill()
    await fake.close()
  })
  return { fake, edge, caller }
}

beforeAll(async () => {
  certificate = await makeCertificate(folder)
  for (const kind of kinds) {
    const { caller } = await openLine(kind, silence_ms)
    silent.push({ kind, version: 'HTTP/2', answer: caller.post('/api/chat', chat).then((answer) => answer.text()) })
    silent.push({ kind, version: 'HTTP/1.1', answer: caller.plain('/api/chat', chat) })
  }
})

afterAll(async () => {
  for (const close of open) await close()
  rmSync(folder, { recursive: true, force: true })
})

/** The next piece of an answer, as text. */
async function piece(answer: Answer): Promise<string> {
  const { value, done } = await answer.pieces.next()
  if (done) throw new Error(`the answer has ended, with status ${answer.status}`)
  return value.toString()
}

async function submitted(caller: Caller): Promise<string> {
  const request = { endpoint: '/api/chat', body: JSON.parse(chat) as object }
  const answer = await caller.post('/jobs', JSON.stringify({ request }))
  expect(answer.status).toBe(202)
  return (JSON.parse(await answer.text()) as { id: string }).id
}

describe.each(kinds)('%s', (kind) => {
  let fake: Fake
  let edge: Edge
  let caller: Caller

  beforeAll(async () => {
    ;({ fake, edge, caller } = await openLine(kind, 0))
  })

  test('a line of a stream is there before the next one is said', async () => {
    for (const said of [1, 2, 4]) {
      const more = Promise.withResolvers<void>()
      fake.fault({ do: 'hang', after: said, until: more.promise })
      const answer = await caller.post('/api/chat', chat)
      let lines = ''
      while (lines.split('\n').length <= said) lines += await piece(answer)
      more.resolve()
      expect(JSON.parse((lines + (await answer.text())).trim().split('\n').at(-1) as string)).toMatchObject({
        done: true,
      })
    }
  })

  test('1 GB goes up piece by piece, and the edge keeps none of it', async () => {
    const digest = createHash('sha256').update(kind)
    for (let i = 0; i < gigabyte; i++) digest.update(mega)
    const upload = caller.open('POST', `/api/blobs/sha256:${digest.digest('hex')}`)
    upload.write(kind)
    const seen = () => fake.requests.findLast(({ path }) => path.startsWith('/api/blobs/'))
    while (seen()?.bodyBytes !== kind.length) await new Promise((resolve) => setImmediate(resolve))
    for (let i = 0; i < gigabyte; i++) if (!upload.write(mega)) await once(upload, 'drain')
    upload.end()
    expect((await caller.answer(upload)).status).toBe(201)
    process.stdout.write(`${kind}: ${Math.round(edge.peak / 1e6)} MB at most\n`)
    expect(edge.peak).toBeLessThan(memory)
  })

  test('who leaves while Ollama is silent has it stop, over HTTP/2 and HTTP/1.1', async () => {
    for (const leave of [() => caller.open('POST', '/api/chat', chat), () => caller.openPlain('/api/chat', chat)]) {
      fake.fault({ do: 'hang' })
      const request = leave()
      request.on('error', () => {})
      await fake.until(() => fake.inFlight === 1)
      request.destroy()
      await fake.until(() => fake.inFlight === 0)
      expect(fake.requests.findLast(({ path }) => path === '/api/chat')?.outcome).toBe('aborted')
    }
  })

  test('who leaves in the middle of an answer has it stop', async () => {
    fake.fault({ do: 'hang', after: 2 })
    const answer = await caller.post('/api/chat', chat)
    await piece(answer)
    answer.leave()
    await fake.until(() => fake.inFlight === 0)
    expect(fake.requests.findLast(({ path }) => path === '/api/chat')?.outcome).toBe('aborted')
  })

  test('the events of a job come as they happen, and who waits for one is told', async () => {
    await caller.post('/queue/pause', '')
    const id = await submitted(caller)
    const events = await caller.get(`/jobs/${id}/events`, { accept: 'text/event-stream' })
    expect(events.headers['content-type']).toMatch('text/event-stream')
    let told = ''
    while (!told.includes('"state":"queued"')) told += await piece(events)
    const waited = caller.get(`/jobs/${id}?wait=60`).then((answer) => answer.text())
    await caller.post('/queue/resume', '')
    while (!told.includes('"state":"done"')) told += await piece(events)
    expect(JSON.parse(await waited)).toMatchObject({ id, state: 'done' })
  })
})

test.each(kinds)('%s: a chat that is silent for 200 s gets its answer, over HTTP/2 and HTTP/1.1', async (kind) => {
  for (const { version, answer } of silent.filter((one) => one.kind === kind)) {
    const last = JSON.parse((await answer).trim().split('\n').at(-1) as string) as object
    expect(last, version).toMatchObject({ done: true, model: 'tiny' })
  }
})
