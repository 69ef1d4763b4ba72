// OpenAI's background mode over HTTP: calls that become jobs, jobs looked at, cancelled and deleted as responses, and
// whatever is not foreman's own at the target.

import { describe, expect, test } from 'vitest'
import { chat, openForeman, type Foreman, type Reply } from './app.harness.ts'
import { eventually, openTarget, pass } from './app.stage.ts'
import { VirtualClock } from './clock.ts'
import type { Seen } from './ollama/fake/fake.ts'

const body = { model: 'alpha', input: 'hello', metadata: { feed: '42' }, temperature: 0.5, background: true }
const works = ({ purpose }: Seen) => purpose === 'work'

/** Resolves with the id of a new background response. */
async function begun(foreman: Foreman, more: object = {}, headers?: Record<string, string>): Promise<string> {
  const { status, json } = await foreman.post('/v1/responses', { ...body, ...more }, headers)
  expect([status, json.object]).toEqual([200, 'response'])
  return json.id as string
}

async function jobsOf(foreman: Foreman): Promise<unknown[]> {
  return (await foreman.get('/jobs')).json.data as unknown[]
}

const jobOf = (id: string) => id.replace('resp_', 'job_')

describe('a call to /v1/responses with background', () => {
  test('is the job that POST /jobs would make of it, and is answered when that is on disk', async () => {
    const foreman = await openForeman()
    await foreman.post('/queue/pause')
    const headers = { 'x-foreman-labels': 'feed=42', origin: 'http://localhost:3000' }
    const text = '{"model":"alpha","input":"hello","background":true,"seed":12345678901234567890,"top_p":1.0}'
    const answer = await foreman.post('/v1/responses', ` ${text}\n`, headers)
    const id = answer.json.id as string
    expect([answer.status, answer.json]).toMatchObject([200, { status: 'queued', background: true, output: [] }])
    expect(answer.headers.get('access-control-allow-origin')).toBe(headers.origin)
    expect(answer.text).toBe((await foreman.get(`/v1/responses/${id}`)).text)
    const job = await foreman.job(jobOf(id), '?include=request')
    expect(job).toMatchObject({ state: 'queued', labels: { feed: '42' }, request: { endpoint: '/v1/responses' } })
    expect((await foreman.get(`/jobs/${jobOf(id)}?include=request`)).text).toContain(`"body":${text}`)
    expect(foreman.fake.requests.filter(works)).toEqual([])
  })

  test('is one of OpenAI’s whatever else its caller prefers', async () => {
    const foreman = await openForeman()
    await foreman.post('/queue/pause')
    const asked = { model: 'alpha', input: 'hello', background: true }
    const { status, json } = await foreman.post('/v1/responses', asked, { prefer: 'respond-async' })
    expect([status, json]).toMatchObject([200, { object: 'response', status: 'queued' }])
  })

  test('is found wherever in its body that stands, however large the body is', async () => {
    const foreman = await openForeman()
    await foreman.post('/queue/pause')
    const input = 'background":true,'.repeat(300_000)
    for (const body of [
      { background: true, model: 'alpha', input },
      { model: 'alpha', input, background: true },
      { model: 'alpha', input: 'hello', Background: true },
    ]) {
      expect((await foreman.post('/v1/responses', body)).json).toMatchObject({ status: 'queued', object: 'response' })
    }
    expect(await jobsOf(foreman)).toHaveLength(3)
  })

  test.each([
    ['/v1/responses', { background: false }],
    ['/v1/responses', { background: 'true' }],
    ['/v1/responses', { background: null, metadata: { background: true } }],
    ['/v1/responses', { stream: true }],
    ['/v1/chat/completions', { background: true, messages: [{ role: 'user', content: 'hello' }] }],
  ])('that does not ask for it passes: %s %j', async (path, more) => {
    const foreman = await openForeman()
    const sent = { model: 'alpha', input: 'hello', ...more }
    const answer = await foreman.post(path, sent)
    const [passed] = foreman.fake.requests.filter(works)
    expect([answer.status, passed?.path]).toEqual([200, path])
    expect(await jobsOf(foreman)).toEqual([])
  })

  test.each([
    [{ stream: true }, 'foreman: a background response is not streamed: send it without stream'],
    [{ store: false }, 'foreman: a background response is not possible without being stored: send it without store'],
  ])('is refused with %j, as OpenAI would', async (more, message) => {
    const foreman = await openForeman()
    const { status, json } = await foreman.post('/v1/responses', { ...body, ...more })
    const error = { message, type: 'invalid_request_error', param: null, code: 'invalid_request' }
    expect([status, json]).toEqual([400, { error }])
    expect(await jobsOf(foreman)).toEqual([])
    expect((await foreman.post('/v1/responses', { ...body, stream: false, store: true })).status).toBe(200)
  })

  test('is refused in the same shape for whatever POST /jobs would refuse', async () => {
    const foreman = await openForeman({ settings: { QUEUE_MAX: '1', BODY_MAX: '1KB' } })
    await foreman.post('/queue/pause')
    const seen = async (more: object, headers?: Record<string, string>) => {
      const answer = await foreman.post('/v1/responses', { ...body, ...more }, headers)
      const { type, code } = (answer.json.error ?? {}) as { type?: string; code?: string }
      return [answer.status, type, code, answer.headers.get('retry-after') !== null]
    }
    const invalid = [422, 'invalid_request_error', 'invalid_request', false]
    expect(await seen({ model: '' })).toEqual(invalid)
    expect(await seen({}, { 'x-foreman-labels': 'feed' })).toEqual(invalid)
    expect(await seen({ input: 'x'.repeat(1024) })).toEqual([413, 'invalid_request_error', 'too_large', false])
    await begun(foreman)
    expect(await seen({})).toEqual([503, 'api_error', 'queue_full', true])
  })

  test('is refused where the target says that it has no responses, before anything is queued or loaded', async () => {
    const asked: string[] = []
    const target = await openTarget(({ path, answer }) => {
      asked.push(path)
      answer.writeHead(404).end('404 page not found')
    })
    const foreman = await openForeman({ settings: { TARGET: target } })
    for (let i = 0; i < 2; i++) {
      const { status, json } = await foreman.post('/v1/responses', body)
      const message = 'foreman: the target has no /v1/responses: newer ones of Ollama do'
      expect([status, json]).toMatchObject([404, { error: { message, type: 'invalid_request_error' } }])
    }
    expect(await jobsOf(foreman)).toEqual([])
    expect(asked).toEqual(['/v1/responses', '/v1/responses'])
  })

  test('has the target asked once whether it has responses, and does not wait for one that is away', async () => {
    const clock = new VirtualClock()
    const foreman = await openForeman({ clock })
    const asked = () =>
      foreman.fake.requests.filter(({ path, bodyBytes }) => path === '/v1/responses' && bodyBytes === 0)
    await foreman.post('/queue/pause')
    await begun(foreman)
    await begun(foreman)
    expect(asked()).toHaveLength(1)
    await foreman.restart()
    foreman.fake.sleep()
    await pass(clock, 20_000)
    await begun(foreman)
    foreman.fake.wake()
    await foreman.restart()
    await foreman.fake.refuse()
    await begun(foreman)
    expect(await jobsOf(foreman)).toHaveLength(4)
    expect(asked()).toHaveLength(1)
  })

  test('that is refused leaves its bytes to nobody: the room for those of others is not used up', async () => {
    const foreman = await openForeman()
    const large = JSON.stringify({ ...body, stream: true, input: 'x'.repeat(60_000_000) })
    for (let i = 0; i < 5; i++) expect((await foreman.post('/v1/responses', large)).text).toContain('not streamed')
  })

  test('with the key of an earlier one is that one, as far as it is', async () => {
    const foreman = await openForeman()
    const key = { 'idempotency-key': 'a' }
    const id = await begun(foreman, {}, key)
    await foreman.ended(jobOf(id))
    const again = await foreman.post('/v1/responses', body, key)
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true'])
    expect(again.text).toBe((await foreman.get(`/v1/responses/${id}`)).text)
    expect(again.json.status).toBe('completed')
    const other = await foreman.post('/v1/responses', { ...body, input: 'other' }, key)
    expect([other.status, other.json]).toMatchObject([422, { error: { code: 'idempotency_key_reused' } }])
    expect(await jobsOf(foreman)).toHaveLength(1)
  })
})

describe('a background response', () => {
  test('is queued, in progress, and completed with what the target answered', async () => {
    const last = Promise.withResolvers<void>()
    const foreman = await openForeman()
    foreman.fake.fault({ do: 'hang', until: last.promise })
    await foreman.post('/queue/pause')
    const id = await begun(foreman)
    const job = await foreman.job(jobOf(id))
    const { status, headers, json } = await foreman.get(`/v1/responses/${id}`)
    const created_at = Math.floor(Date.parse(job.created_at) / 1000)
    const own = { id, created_at, background: true, store: true, metadata: { feed: '42' } }
    expect([status, headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8'])
    expect(headers.get('x-request-id')).toBeTruthy()
    expect(json).toMatchObject({ ...own, object: 'response', status: 'queued', model: 'alpha', temperature: 0.5 })

    await foreman.post('/queue/resume')
    await foreman.fake.until(() => foreman.fake.requests.some(works))
    expect((await foreman.get(`/v1/responses/${id}`)).json).toMatchObject({ ...own, status: 'in_progress', output: [] })

    last.resolve()
    await foreman.ended(jobOf(id))
    const { response } = await foreman.job(jobOf(id), '?include=response')
    const done = (await foreman.get(`/v1/responses/${id}`)).json
    expect(done).toEqual({ ...response, ...own })
    expect(Object.keys(done)).toEqual(Object.keys(response!))
    expect(done).toMatchObject({ status: 'completed', usage: { output_tokens: 8 } })
  })

  test('is what the target says of it, to the digit', async () => {
    const said = '{"id":"resp_1","status":"incomplete","seed":12345678901234567890,"temperature":1.0}'
    const target = await openTarget(({ answer }) => void answer.end(`${said}\n`))
    const foreman = await openForeman({ settings: { TARGET: target } })
    const id = await begun(foreman, { metadata: null })
    const { created_at } = await foreman.ended(jobOf(id))
    const seconds = Math.floor(Date.parse(created_at) / 1000)
    const { text, headers } = await foreman.get(`/v1/responses/${id}`)
    const added = `"created_at":${seconds},"background":true,"store":true,"metadata":{}`
    expect(text).toBe(`${said.replace('resp_1', id).slice(0, -1)},${added}}\n`)
    expect(headers.get('content-length')).toBe(String(text.length))
  })

  test('that failed says why', async () => {
    const foreman = await openForeman()
    const id = await begun(foreman, { model: 'nobody' })
    await foreman.ended(jobOf(id))
    const { status, json } = await foreman.get(`/v1/responses/${id}`)
    const error = { code: 'server_error', message: "model 'nobody:latest' not found (model_missing)" }
    expect([status, json]).toMatchObject([200, { id, status: 'failed', error, output: [], usage: null }])
  })

  test('fails where the target has no responses any more, and says so', async () => {
    const foreman = await openForeman()
    foreman.fake.fault({ do: 'html', status: 404, text: '404 page not found' })
    const id = await begun(foreman)
    await foreman.ended(jobOf(id))
    const message = 'the target has no /v1/responses: newer ones of Ollama do (target_refused)'
    expect((await foreman.get(`/v1/responses/${id}`)).json).toMatchObject({ status: 'failed', error: { message } })
  })

  test('is not streamed, and says so', async () => {
    const foreman = await openForeman()
    const id = await begun(foreman)
    for (const query of ['stream=true', 'starting_after=3', 'stream=true&starting_after=3']) {
      const { status, json } = await foreman.get(`/v1/responses/${id}?${query}`)
      expect([status, json]).toMatchObject([400, { error: { type: 'invalid_request_error', param: null } }])
    }
    expect((await foreman.get(`/v1/responses/${id}?stream=false&include[]=x`)).status).toBe(200)
  })

  test('is counted among the requests of its route, however it is answered', async () => {
    const foreman = await openForeman()
    const id = await begun(foreman)
    await foreman.ended(jobOf(id))
    await foreman.get(`/v1/responses/${id}`)
    await foreman.post(`/v1/responses/${id}/cancel`)
    await foreman.call('DELETE', `/v1/responses/${id}`)
    await foreman.get(`/v1/responses/${id}`)
    const { text } = await foreman.get('/metrics')
    const counted = [...text.matchAll(/^foreman_proxy_requests_total\{route="(.*)",code="(.*)"\} (.*)$/gm)]
    expect(counted.map(([, ...one]) => one.join(' ')).sort()).toEqual([
      '/v1/responses 200 1',
      '/v1/responses/:id 200 2',
      '/v1/responses/:id 400 1',
      '/v1/responses/:id 404 1',
    ])
    expect(text).toContain('foreman_proxy_overhead_seconds_count 0')
  })

  test('has the id of its request in the answer, and while foreman stops the end of its connection', async () => {
    const foreman = await openForeman()
    const heads = ({ status, headers }: Reply) => [status, headers.get('x-request-id'), headers.get('connection')]
    const named = { 'x-request-id': 'mine' }
    const begins = await foreman.post('/v1/responses', body, named)
    expect(heads(begins)).toEqual([200, 'mine', 'keep-alive'])
    const refused = await foreman.post('/v1/responses', { ...body, stream: true }, named)
    expect(heads(refused)).toEqual([400, 'mine', 'keep-alive'])
    foreman.app.queue.stop()
    expect(heads(await foreman.post('/v1/responses', body, named))).toEqual([503, 'mine', 'close'])
    expect(heads(await foreman.get(`/v1/responses/${begins.json.id}`, named))).toEqual([200, 'mine', 'close'])
  })

  test('is behind the token, and readable for the pages that the target lets in', async () => {
    const foreman = await openForeman({ settings: { TOKEN: 'secret' } })
    const token = { authorization: 'Bearer secret' }
    const id = await begun(foreman, {}, token)
    for (const [method, path] of [
      ['GET', ''],
      ['POST', '/cancel'],
      ['DELETE', ''],
    ] as const) {
      const { status, json } = await foreman.call(method, `/v1/responses/${id}${path}`)
      expect([status, json]).toMatchObject([401, { error: { type: 'authentication_error' } }])
    }
    const origin = 'http://localhost:3000'
    const { status, headers } = await foreman.get(`/v1/responses/${id}`, { ...token, origin })
    expect([status, headers.get('access-control-allow-origin')]).toEqual([200, origin])
  })
})

describe('a cancel', () => {
  test('of a background response that waits or runs is its end, and is answered the same when it comes again', async () => {
    const foreman = await openForeman()
    foreman.fake.fault({ do: 'hang' })
    const [running, waiting] = [await begun(foreman), await begun(foreman)]
    await foreman.fake.until(() => foreman.fake.requests.some(works))
    for (const id of [waiting, running]) {
      const first = await foreman.post(`/v1/responses/${id}/cancel`)
      expect([first.status, first.json]).toMatchObject([200, { id, status: 'cancelled', output: [], error: null }])
      // OpenAI's clients send an empty object, or nothing of that type.
      const again = await foreman.post(`/v1/responses/${id}/cancel`, {})
      expect([again.status, again.json]).toEqual([200, first.json])
      expect((await foreman.job(jobOf(id))).state).toBe('canceled')
    }
    await foreman.fake.until(() => foreman.fake.requests.find(works)?.outcome === 'aborted')
  })

  test('of one that is over is refused in such a way that nobody tries it again', async () => {
    const foreman = await openForeman()
    for (const [model, status] of [
      ['alpha', 'completed'],
      ['nobody', 'failed'],
    ] as const) {
      const id = await begun(foreman, { model })
      await foreman.ended(jobOf(id))
      const answer = await foreman.post(`/v1/responses/${id}/cancel`)
      const message = `foreman: Cannot cancel a ${status} response.`
      expect([answer.status, answer.json]).toMatchObject([400, { error: { message, type: 'invalid_request_error' } }])
      expect((await foreman.get(`/v1/responses/${id}`)).json.status).toBe(status)
    }
  })
})

describe('a delete', () => {
  test('of a background response leaves nothing of it, whether it was over or not', async () => {
    const foreman = await openForeman()
    const over = await begun(foreman)
    await foreman.ended(jobOf(over))
    foreman.fake.fault({ do: 'hang' })
    const [running, waiting] = [await begun(foreman), await begun(foreman)]
    await foreman.fake.until(() => foreman.fake.requests.filter(works).length === 2)
    for (const id of [over, waiting, running]) {
      const { status, json } = await foreman.call('DELETE', `/v1/responses/${id}`)
      expect([status, json]).toEqual([200, { id, object: 'response', deleted: true }])
      for (const [method, path] of [
        ['GET', ''],
        ['POST', '/cancel'],
        ['DELETE', ''],
      ] as const) {
        const answer = await foreman.call(method, `/v1/responses/${id}${path}`)
        const message = `foreman: Response with id '${id}' not found.`
        expect([answer.status, answer.json]).toMatchObject([404, { error: { message, type: 'invalid_request_error' } }])
      }
      expect((await foreman.get(`/jobs/${jobOf(id)}`)).status).toBe(410)
    }
    await eventually(() => foreman.rows<{ n: number }>('SELECT count(*) AS n FROM chunk')[0]?.n === 0)
    await foreman.fake.until(() => foreman.fake.requests.filter(works).at(-1)?.outcome === 'aborted')
  })
})

test('a response that is deleted while it is looked at is not found, and not one without an answer', async () => {
  const foreman = await openForeman()
  const id = await begun(foreman, { input: 'x'.repeat(20_000_000) })
  await foreman.ended(jobOf(id))
  // Nothing of it is in memory any more.
  await foreman.restart()
  const { queue } = foreman.app
  const { body } = queue
  let deleted: Promise<void> | undefined
  queue.body = function (...asked) {
    deleted ??= queue.remove(jobOf(id))
    return body.apply(this, asked)
  }
  const answer = await foreman.get(`/v1/responses/${id}`)
  expect([answer.status, answer.json]).toMatchObject([404, { error: { code: 'not_found' } }])
  await deleted
  expect(foreman.lines.filter(({ msg }) => msg === 'internal error')).toEqual([])
})

test("what is not one of foreman's own responses is asked of the target, with what was sent along", async () => {
  const asked: string[] = []
  const target = await openTarget(({ path, body, answer }) => {
    if (path === '/v1/responses') return void answer.writeHead(400).end()
    asked.push(`${path} ${body.toString()}`)
    answer.writeHead(404).end('404 page not found')
  })
  const foreman = await openForeman({ settings: { TARGET: target } })
  await foreman.post('/queue/pause')
  const chatting = (await foreman.submit(chat())).id.replace('job_', 'resp_')
  const strangers = [chatting, 'resp_0197a3c2-7d1e-7b3a-9c4d-0123456789ab', 'resp_67ccd2bed1ec8190b14f964abc054267']
  const id = await begun(foreman)
  const calls: [string, string, string?][] = [
    ...strangers.flatMap((one): [string, string, string?][] => [
      ['GET', `/v1/responses/${one}?stream=true`],
      ['POST', `/v1/responses/${one}/cancel`, '{"a":1}'],
      ['DELETE', `/v1/responses/${one}`, '{"a":1}'],
    ]),
    ['GET', `/v1/responses/${id}/input_items?limit=1`],
    ['GET', `/v1/responses/${id.toUpperCase()}`],
    ['GET', `/v1/responses/${'x'.repeat(2000)}`],
  ]
  for (const [method, path, sent] of calls) {
    const { status, text } = await foreman.call(method, path, { body: sent })
    expect([status, text]).toEqual([404, '404 page not found'])
  }
  expect(asked).toEqual(calls.map(([, path, sent = '']) => `${path} ${sent}`))
})
