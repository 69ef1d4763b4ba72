// The life of a job over HTTP: from its submit, on either road, to what it leaves behind.

import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { chat, openForeman, type Foreman } from './app.harness.ts'
import { openTarget } from './app.stage.ts'
import type { Job } from './job/schema.ts'
import type { Endpoint } from './job/submit.ts'

const said = { model: 'alpha', messages: [{ role: 'user', content: 'hello' }] }
const bodies: Record<Endpoint, object> = {
  '/api/chat': said,
  '/api/generate': { model: 'alpha', prompt: 'hello', stream: false },
  '/api/embed': { model: 'embedder', input: ['one', 'two'] },
  '/v1/chat/completions': { ...said, stream: true },
  '/v1/completions': { model: 'alpha', prompt: 'hello' },
  '/v1/embeddings': { model: 'embedder', input: 'one' },
  '/v1/responses': { model: 'alpha', input: 'hello' },
  '/v1/messages': { ...said, max_tokens: 8 },
}

const embeds = (endpoint: string) => endpoint.includes('embed')
const streams = (endpoint: string) => endpoint === '/api/chat' || endpoint === '/api/generate'

/** The bytes of an artifact. */
function artifact(foreman: Foreman, id: string, name: string): Buffer {
  const { queue } = foreman.app
  return Buffer.concat([...(queue.artifact(queue.find(id), name)?.read() ?? [])])
}

/** Without what differs from one answer to the next: times and random ids. */
function timeless(value: unknown): unknown {
  const names = /_at$|_duration$|^created$|^id$/
  return JSON.parse(JSON.stringify(value, (name, inner: unknown) => (names.test(name) ? '' : inner)))
}

/** What the target itself answers when it is asked not to stream. */
async function direct(foreman: Foreman, endpoint: string, body: object): Promise<object> {
  const asked = JSON.stringify({ ...body, stream: false })
  return (await (await fetch(foreman.fake.url + endpoint, { method: 'POST', body: asked })).json()) as object
}

const roads = {
  REST: (foreman: Foreman, input: object) => foreman.submit(input),
  tRPC: (foreman: Foreman, input: object) => foreman.trpc.jobs.submit.mutate(input as never) as Promise<Job>,
}

for (const [road, submit] of Object.entries(roads)) {
  describe(`over ${road}`, () => {
    test.each(Object.entries(bodies))('%s is answered as the target would have answered', async (endpoint, body) => {
      const foreman = await openForeman()
      const job = await submit(foreman, { request: { endpoint, body }, labels: { feed: '42' } })
      expect(job.state).toMatch(/queued|loading|working/)
      expect(job.request).toEqual({ endpoint, model: embeds(endpoint) ? 'embedder:latest' : 'alpha:latest' })
      const done = await foreman.ended(job.id)
      expect(done).toMatchObject({ state: 'done', attempt: 1, interruptions: 0, labels: { feed: '42' } })
      const whole = await foreman.job(job.id, '?include=response')
      expect(timeless(whole.response)).toEqual(timeless(await direct(foreman, endpoint, body)))
      expect(Object.keys(whole.response ?? {})).toEqual(Object.keys(await direct(foreman, endpoint, body)))

      const names = done.artifacts.map(({ name }) => name)
      const expected = ['response.json']
      if (!embeds(endpoint)) expected.unshift('output.txt')
      if (streams(endpoint)) expected.push('stream.ndjson')
      expect(names).toEqual(expected)
      for (const { name, size_bytes, sha256, partial } of done.artifacts) {
        const bytes = artifact(foreman, job.id, name)
        expect(bytes.length).toBe(size_bytes)
        expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256)
        expect(partial).toBe(false)
      }
      const text = JSON.stringify(artifact(foreman, job.id, 'output.txt').toString())
      if (!embeds(endpoint)) expect(JSON.stringify(whole.response)).toContain(text)
      expect(done.usage?.prompt_tokens).toBeGreaterThan(0)
      if (!embeds(endpoint)) expect(done.usage?.output_tokens).toBe(8)
      expect(done.usage?.queue_ms).toBeGreaterThanOrEqual(0)
    })
  })
}

test('the states are passed in order, with their times, events and one log line each', async () => {
  const foreman = await openForeman()
  const { id } = await foreman.submit(chat())
  const done = await foreman.ended(id)
  const events = foreman.rows<{ state: string; seq: number }>('SELECT state, seq FROM event ORDER BY seq')
  expect(events.map(({ state }) => state)).toEqual(['queued', 'loading', 'working', 'done'])
  expect(done.sequence).toBe(events.at(-1)?.seq)
  const { created_at, queued_at, loading_at, working_at, finished_at } = done
  const times = [created_at, queued_at, loading_at, working_at, finished_at].map((time) => Date.parse(String(time)))
  expect(times).toEqual([...times].sort((a, b) => a - b))
  expect(created_at).toBe(queued_at)
  expect(created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  expect(foreman.lines.filter((line) => line.job === id).map((line) => line.state)).toEqual(events.map((e) => e.state))
})

test('a submit is answered 202 with the address of the job, which then says how it goes', async () => {
  const load = Promise.withResolvers<void>()
  const token = Promise.withResolvers<void>()
  const foreman = await openForeman({ fake: { models: ['alpha', 'beta'], loadMs: load.promise } })
  foreman.fake.fault({ do: 'hang', after: 3, until: token.promise })
  const { status, headers, json } = await foreman.post('/jobs', chat())
  expect(status).toBe(202)
  expect(headers.get('location')).toBe(`${foreman.url}/jobs/${String(json.id)}`)
  expect(headers.get('retry-after')).toBe('1')
  expect(json.links).toEqual({
    self: headers.get('location'),
    events: `${headers.get('location')}/events`,
    stream: `${headers.get('location')}/stream`,
    cancel: `${headers.get('location')}/cancel`,
  })
  const id = String(json.id)
  expect(id).toMatch(/^job_[0-9a-f]{8}-[0-9a-f]{4}-7/)
  await foreman.reached(id, 'loading')
  const next = await foreman.submit(chat())
  const later = await foreman.submit(chat())
  const other = await foreman.submit(chat('beta'))
  expect(await foreman.job(id)).toMatchObject({ state: 'loading', attempt: 1, working_at: null, finished_at: null })
  expect(await foreman.job(next.id)).toMatchObject({ state: 'queued', reason: 'next', position: 1 })
  expect(await foreman.job(later.id)).toMatchObject({ state: 'queued', reason: 'behind_others' })
  expect(await foreman.job(other.id)).toMatchObject({ state: 'queued', reason: 'draining_another_model' })
  load.resolve()
  await foreman.reached(id, 'working')
  while ((await foreman.job(id)).progress?.tokens !== 3);
  token.resolve()
  expect((await foreman.ended(id)).progress).toBeUndefined()
  expect((await foreman.ended(other.id)).state).toBe('done')
  expect(
    (await foreman.ended(next.id)).finished_at?.localeCompare((await foreman.job(other.id)).loading_at ?? ''),
  ).toBe(-1)
})

test('a format that is asked for and parses becomes output.json, one that does not stays text', async () => {
  const foreman = await openForeman({
    fake: { models: ['alpha'], reply: ({ text }) => (text.includes('yes') ? '{"a": 1}' : '{"a') },
  })
  const format = { type: 'object' }
  const yes = await foreman.ended((await foreman.submit(chat('alpha', 'yes', { format }))).id)
  expect(yes.artifacts.map(({ name }) => name)).toEqual(['output.json', 'response.json', 'stream.ndjson'])
  expect(artifact(foreman, yes.id, 'output.json').toString()).toBe('{"a": 1}')
  const no = await foreman.ended((await foreman.submit(chat('alpha', 'no', { format }))).id)
  expect(no.artifacts[0]).toMatchObject({ name: 'output.txt', content_type: 'text/plain; charset=utf-8' })
})

describe('to the byte', () => {
  const seed = '9223372036854775807'

  test("a job's numbers, spaces and escapes reach the target as they were written", async () => {
    const foreman = await openForeman()
    const body = `{ "model" : "alpha",\n "prompt":"\\u00e9\\/<&>", "options" : {"seed":${seed},"temperature":1.10e-1, "top_p":0.30000000000000004} }`
    const answer = await foreman.post('/jobs', `{"labels":{},"request":{"body":${body},"endpoint":"/api/generate"}}`)
    expect(answer.status).toBe(202)
    const id = String(answer.json.id)
    await foreman.ended(id)
    const work = foreman.fake.requests.find((seen) => seen.purpose === 'work')
    expect(work?.body.toString()).toBe(body.replace(/ }$/, ' ,"stream":true}'))
    const { text } = await foreman.get(`/jobs/${id}?include=request`)
    expect(text).toContain(`"body":${body}`)
  })

  test('the stream is kept as it came, and the answer keeps its digits', async () => {
    const lines = [
      `{"model":"alpha", "created_at":"x","message":{"role":"assistant","content":"h\\u00e9 "},"done":false}`,
      `{"model":"alpha","message":{"role":"assistant","content":"<ok>"},"extra":${seed}1, "done":false}`,
      `{"model":"alpha","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","eval_count":2,"x":${seed}.10}`,
    ]
    const sent = `${lines[0]}\n${lines[1]}\r\n\n${lines[2]}\n`
    const target = await openTarget(({ answer }) => answer.end(sent))
    const foreman = await openForeman({ settings: { TARGET: target } })
    const { id } = await foreman.submit(chat())
    expect((await foreman.ended(id)).state).toBe('done')
    expect(artifact(foreman, id, 'stream.ndjson').toString()).toBe(`${lines[0]}\n${lines[1]}\r\n${lines[2]}\n`)
    expect(artifact(foreman, id, 'output.txt').toString()).toBe('hé <ok>')
    const response = `{"model":"alpha","message":{"role":"assistant","content":"hé \\u003cok\\u003e"},"done":true,"done_reason":"stop","eval_count":2,"x":${seed}.10}`
    expect(artifact(foreman, id, 'response.json').toString()).toBe(response)
    expect((await foreman.get(`/jobs/${id}?include=response&include=request`)).text).toContain(`"response":${response}`)
  })

  test('an answer of /v1 is kept as it came', async () => {
    const sent = `{ "id":"x","choices":[{"message":{"content":"hi"}}],\n"big":${seed}0, "usage":{"prompt_tokens":1,"completion_tokens":2}}\n`
    const target = await openTarget(({ answer }) => answer.end(sent))
    const foreman = await openForeman({ settings: { TARGET: target } })
    const { id } = await foreman.submit({ request: { endpoint: '/v1/chat/completions', body: said } })
    expect((await foreman.ended(id)).usage).toMatchObject({ prompt_tokens: 1, output_tokens: 2 })
    expect(artifact(foreman, id, 'response.json').toString()).toBe(sent)
    expect((await foreman.get(`/jobs/${id}?include=response`)).text).toContain(sent.trim())
  })

  test('over tRPC numbers are exact to 2^53, and what is included comes parsed', async () => {
    const foreman = await openForeman()
    const body = { model: 'alpha', prompt: 'hi', options: { seed: 2 ** 53 - 1 } }
    const { id } = await foreman.trpc.jobs.submit.mutate({ request: { endpoint: '/api/generate', body } })
    await foreman.ended(id)
    const job = await foreman.trpc.jobs.get.query({ id, include: ['request', 'response'] })
    expect(job.request.body).toEqual(body)
    expect(job.response).toMatchObject({ model: 'alpha', done: true })
    expect(foreman.fake.requests.find((seen) => seen.purpose === 'work')?.body.toString()).toContain(
      '"seed":9007199254740991',
    )
  })
})

test('a limit that is no whole number of seconds is the next one', async () => {
  const foreman = await openForeman({ settings: { JOB_TIMEOUT: '500ms' } })
  expect((await foreman.submit({ ...chat(), timeout_s: 1 })).timeout_s).toBe(1)
  expect((await foreman.submit(chat())).timeout_s).toBe(1)
})
