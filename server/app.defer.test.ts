// Calls of Ollama's own routes that ask to become jobs, over HTTP and against the simulated Ollama: what is a job and what
// passes, and that an answer in time is the one the route would have given.

import { describe, expect, test } from 'vitest'
import { openForeman, replyOf, type Foreman, type Reply } from './app.harness.ts'
import { openTarget } from './app.stage.ts'
import { endpoints, type Endpoint } from './job/submit.ts'
import type { Job } from './job/schema.ts'

const messages = [{ role: 'user', content: 'hello' }]
const bodies: Record<Endpoint, Record<string, unknown>> = {
  '/api/chat': { model: 'alpha', messages },
  '/api/generate': { model: 'alpha', prompt: 'hello' },
  '/api/embed': { model: 'embedder', input: 'hello' },
  '/v1/chat/completions': { model: 'alpha', messages },
  '/v1/completions': { model: 'alpha', prompt: 'hello' },
  '/v1/embeddings': { model: 'embedder', input: 'hello' },
  '/v1/responses': { model: 'alpha', input: 'hello' },
  '/v1/messages': { model: 'alpha', max_tokens: 10, messages },
}
const native = (endpoint: string) => endpoint.startsWith('/api/')
const jobs = (foreman: Foreman) => foreman.rows<{ id: string }>('SELECT id FROM job').map(({ id }) => id)

/** What differs between two answers to one request, in whatever shape. */
const volatile =
  /"(created_at|completed_at|created|id|item_id|request_id|total_duration|load_duration|prompt_eval_duration|eval_duration)":("[^"]*"|\d+)/g

/** An answer as its client sees it: status, content type and text, without what is new each time. */
const seen = ({ status, headers, text }: Reply) => [
  status,
  headers.get('content-type'),
  text
    .replaceAll(volatile, '"$1":0')
    .replace(/,"request_id":0/, '')
    .replace(/127\.0\.0\.1:\d+/, 'runner'),
]

/** Asks the simulated Ollama itself. */
async function direct(foreman: Foreman, path: string, body: object | string): Promise<Reply> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return replyOf(await fetch(foreman.fake.url + path, { method: 'POST', body: text }))
}

/** What a caller may read beside the answer of the route. */
const told = ({ headers }: Reply) => ['location', 'preference-applied', 'retry-after'].map((name) => headers.get(name))

const cases = endpoints.flatMap((endpoint) => [undefined, true, false].map((stream) => ({ endpoint, stream })))
const streams = ({ endpoint, stream }: (typeof cases)[number]) => !native(endpoint) && stream === true
const bodyOf = ({ endpoint, stream }: (typeof cases)[number]) =>
  stream === undefined ? bodies[endpoint] : { ...bodies[endpoint], stream }

test.each(cases.filter((one) => !streams(one)))(
  '$endpoint with stream $stream is a job, and answered by its route if that ends in time',
  async ({ endpoint, stream }) => {
    const body = bodyOf({ endpoint, stream })
    const foreman = await openForeman()
    const asked = seen(await direct(foreman, endpoint, body))
    const passed = await foreman.post(endpoint, body)
    expect([...seen(passed), ...told(passed), jobs(foreman)]).toEqual([...asked, null, null, null, []])

    const inTime = await foreman.post(endpoint, body, { prefer: 'respond-async, wait=60' })
    const [first = ''] = jobs(foreman)
    const applied = 'respond-async, wait=60'
    expect([...seen(inTime), ...told(inTime)]).toEqual([...asked, `${foreman.url}/jobs/${first}`, applied, null])
    expect(await foreman.job(first)).toMatchObject({ state: 'done', request: { endpoint }, labels: {} })

    await foreman.post('/queue/pause')
    for (const preferred of ['respond-async', 'respond-async, wait=0']) {
      const late = await foreman.post(endpoint, body, { prefer: preferred })
      const job = late.json as unknown as Job
      expect([late.status, job.state]).toEqual([202, 'queued'])
      expect(told(late)).toEqual([`${foreman.url}/jobs/${job.id}`, preferred, '1'])
      const stored = await foreman.job(job.id, '?include=request')
      expect([stored.request.endpoint, stored.request.body]).toEqual([endpoint, body])
    }
  },
)

test.each(cases.filter(streams))(
  '$endpoint with stream $stream passes, as a job of it would not stream',
  async ({ endpoint, stream }) => {
    const body = bodyOf({ endpoint, stream })
    const foreman = await openForeman()
    const asked = seen(await direct(foreman, endpoint, body))
    for (const preferred of ['respond-async', 'respond-async, wait=60']) {
      const passed = await foreman.post(endpoint, body, { prefer: preferred })
      expect([...seen(passed), ...told(passed), jobs(foreman)]).toEqual([...asked, null, null, null, []])
    }
  },
)

test.each([
  ['/api/chat', {}],
  ['/api/chat', { messages: [], keep_alive: 0 }],
  ['/api/chat', { messages: [], stream: true }],
  ['/api/generate', {}],
  ['/api/generate', { keep_alive: 0 }],
  ['/api/generate', { prompt: '', stream: false }],
])(
  'a request to load or unload is answered as one object, as it is without the preference: %s %j',
  async (path, more) => {
    const body = { model: 'alpha', ...more }
    const foreman = await openForeman()
    const deferred = await foreman.post(path, body, { prefer: 'respond-async, wait=60' })
    expect(seen(deferred)).toEqual(seen(await direct(foreman, path, body)))
    expect(seen(deferred).slice(0, 2)).toEqual([200, 'application/json; charset=utf-8'])
    expect(await foreman.job(jobs(foreman)[0] ?? '')).toMatchObject({ state: 'done' })
  },
)

test.each(endpoints)('what is no flag where stream should be is what it is to %s itself', async (path) => {
  const body = { ...bodies[path], stream: 'true', background: true }
  const knows = !path.includes('embed')
  const foreman = await openForeman()
  const asked = await direct(foreman, path, body)
  const preferred = await foreman.post(path, body, { prefer: 'respond-async, wait=60' })
  expect([seen(preferred), told(preferred)[1]]).toEqual([seen(asked), knows ? null : 'respond-async, wait=60'])
  expect([asked.status, jobs(foreman).length]).toEqual(knows ? [400, 0] : [200, 1])
  expect(seen(await foreman.post(path, body))).toEqual(seen(asked))
})

describe('a failure in time is told as its route tells it', () => {
  const settings = { MAX_ATTEMPTS: '1' }
  const wait = { prefer: 'respond-async, wait=60' }
  const whole = endpoints.map((endpoint) => ({ endpoint, body: { ...bodies[endpoint], stream: false } }))
  const native = ['/api/chat', '/api/generate'] as const
  const lined = native.map((endpoint) => ({ endpoint, body: bodies[endpoint] }))
  const both = [...whole, ...lined]

  /** Holds the deferred answer to that of the simulated Ollama. */
  async function alike(foreman: Foreman, path: string, body: object): Promise<Reply> {
    const deferred = await foreman.post(path, body, wait)
    const asked = await direct(foreman, path, body)
    expect(seen(deferred)).toEqual(seen(asked))
    const [id = ''] = jobs(foreman)
    expect(await foreman.job(id)).toMatchObject({ state: 'failed' })
    expect(told(deferred)).toEqual([`${foreman.url}/jobs/${id}`, 'respond-async, wait=60', null])
    return deferred
  }

  test.each(both)(
    'a model that is not there, by the name it was given: $endpoint $body',
    async ({ endpoint, body }) => {
      const foreman = await openForeman({ settings })
      const { status, text } = await alike(foreman, endpoint, { ...body, model: 'Nope' })
      expect([status, text]).toEqual([404, expect.stringMatching(/Nope\W/)])
    },
  )

  test.each([true, false])('when the target said to ask again, at its load %s', async (loading) => {
    const target = await openTarget(({ body, answer }) => {
      const loads = body.toString() === '{"model":"beta:latest","stream":false}'
      if (loads && !loading) return void answer.end('{"model":"beta","done":true,"done_reason":"load"}')
      answer.writeHead(503, { 'retry-after': '17' }).end('{"error":"busy"}')
    })
    const foreman = await openForeman({ settings: { ...settings, TARGET: target } })
    for (const endpoint of ['/api/chat', '/v1/chat/completions'] as const) {
      const { status, headers } = await foreman.post(endpoint, { ...bodies[endpoint], model: 'beta' }, wait)
      expect([status, headers.get('retry-after')]).toEqual([503, '17'])
    }
    const [id = ''] = jobs(foreman)
    expect((await foreman.job(id)).error).toMatchObject({ target_status: 503, target_retry_after_s: 17 })
  })

  test.each(both)('a refusal: $endpoint $body', async ({ endpoint, body }) => {
    const foreman = await openForeman({ settings })
    foreman.fake.fault({ do: 'refuse', status: 400, text: 'invalid "what" & <why>', times: 2 })
    expect((await alike(foreman, endpoint, body)).status).toBe(400)
  })

  test.each(whole)('a runner that dies: $endpoint $body', async ({ endpoint, body }) => {
    const foreman = await openForeman({ settings })
    foreman.fake.fault({ do: 'crash', times: 2 })
    // Of embeddings Ollama says 400.
    expect((await alike(foreman, endpoint, body)).status).toBe(endpoint.includes('embed') ? 400 : 500)
  })

  test.each(lined)('a runner that dies in the middle of a stream: $endpoint', async ({ endpoint, body }) => {
    const foreman = await openForeman({ settings })
    foreman.fake.fault({ do: 'crash', after: 3, times: 2 })
    const { status, text } = await alike(foreman, endpoint, body)
    const lines = text.trim().split('\n')
    expect([status, lines.length, Object.keys(JSON.parse(lines[3] ?? '') as object)]).toEqual([200, 4, ['error']])
  })
})
