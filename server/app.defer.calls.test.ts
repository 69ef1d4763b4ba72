// What else a call that becomes a job may carry, and what stands in its way: headers, numbers, sizes, a caller who leaves,
// a stop, and people beside it.

import { request, type IncomingMessage } from 'node:http'
import { describe, expect, test } from 'vitest'
import { chat, openForeman, type Foreman, type Reply } from './app.harness.ts'
import { eventually, openTarget } from './app.stage.ts'
import type { Job } from './job/schema.ts'

const { body } = chat().request
const asks = { prefer: 'respond-async' }
const waits = { prefer: 'respond-async, wait=60' }
const count = (foreman: Foreman) => foreman.rows('SELECT 1 FROM job').length

/** Each family of routes, and what its clients read of an error. */
const shapes: [path: string, message: (json: Reply['json']) => unknown][] = [
  ['/api/chat', (json) => json.error],
  ['/v1/chat/completions', (json) => (json.error as { message: string }).message],
  ['/v1/messages', (json) => json.type === 'error' && (json.error as { message: string }).message],
]

/** Refused on each family of routes, in words like these. */
async function refused(foreman: Foreman, headers: object, status: number, words: RegExp, sent: object | string = body) {
  const answers: Reply[] = []
  for (const [path, message] of shapes) {
    const answer = await foreman.post(path, sent, { ...asks, ...headers })
    expect([path, answer.status, message(answer.json)]).toEqual([path, status, expect.stringMatching(words)])
    answers.push(answer)
  }
  return answers
}

describe('headers', () => {
  test('labels come from X-Foreman-Labels, and the job is found by them', async () => {
    const foreman = await openForeman()
    await foreman.post('/queue/pause')
    const { id } = (await foreman.post('/api/chat', body, { ...asks, 'x-foreman-labels': 'feed=42, kind = a=b ,' }))
      .json
    expect((await foreman.job(id as string)).labels).toEqual({ feed: '42', kind: 'a=b' })
    expect((await foreman.get('/jobs?label=feed:42')).json.data).toMatchObject([{ id }])
  })

  test('labels that are none are refused in the shape of the route', async () => {
    const foreman = await openForeman()
    const many = Array.from({ length: 33 }, (_, i) => `k${i}=v`).join(',')
    for (const [labels, words] of [
      ['feed', /key=value/],
      ['a=1,a=2', /two labels of one key/],
      ['a=\u00fc', /ASCII/],
      ['=v', /labels/],
      [`${'k'.repeat(65)}=v`, /labels/],
      [`k=${'v'.repeat(257)}`, /labels/],
      ['__proto__=x', /labels/],
      [many, /at most 32/],
    ] as const)
      await refused(foreman, { 'x-foreman-labels': labels }, 422, words)
    expect(count(foreman)).toBe(0)
  })

  test('an idempotency key gives the same job again, and its answer once that is there', async () => {
    const foreman = await openForeman()
    await foreman.post('/queue/pause')
    const key = { 'idempotency-key': 'k', 'x-foreman-labels': 'a=1' }
    const first = await foreman.post('/api/chat', body, { ...asks, ...key })
    const again = await foreman.post('/api/chat', JSON.stringify(body, null, 2), { ...asks, ...key })
    expect([first, again].map(({ status, headers }) => [status, headers.get('idempotency-replayed')])).toEqual([
      [202, null],
      [202, 'true'],
    ])
    expect(again.json.id).toBe(first.json.id)
    // It is the key of what POST /jobs would have been sent.
    const handed = { ...chat(), labels: { a: '1' }, idempotency_key: 'k' }
    expect((await foreman.submit(handed)).id).toBe(first.json.id)
    await refused(foreman, { 'idempotency-key': 'k' }, 422, /used for another request/)
    await refused(foreman, { 'idempotency-key': '"a"b"' }, 422, /Idempotency-Key/)
    await foreman.post('/queue/resume')
    const answer = await foreman.post('/api/chat', body, { ...waits, ...key })
    expect([answer.status, answer.headers.get('idempotency-replayed')]).toEqual([200, 'true'])
    expect(answer.text.trim().split('\n').at(-1)).toContain('"done":true')
    expect(count(foreman)).toBe(1)
  })

  test('the trace goes with the job, and other preferences are none of it', async () => {
    const foreman = await openForeman()
    await foreman.post('/queue/pause')
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    await foreman.post('/api/chat', body, { prefer: 'return=minimal, Respond-Async', traceparent })
    expect(foreman.rows('SELECT trace FROM job')).toEqual([{ trace: JSON.stringify({ traceparent }) }])
    for (const prefer of ['wait=60', 'note="a, respond-async, b"', 'respond-asynchronously']) {
      const answer = await foreman.post('/api/chat', body, { prefer, 'idempotency-key': 'k' })
      expect([answer.status, answer.headers.get('preference-applied'), count(foreman)]).toEqual([200, null, 1])
    }
  })

  test('the answer has the id of its request, whatever it is', async () => {
    const foreman = await openForeman()
    const named = { 'x-request-id': 'mine' }
    for (const [headers, sent, status] of [
      [asks, body, 202],
      [waits, body, 200],
      [waits, {}, 422],
    ] as const) {
      const answer = await foreman.post('/api/chat', sent, { ...headers, ...named })
      expect([answer.status, answer.headers.get('x-request-id')]).toEqual([status, 'mine'])
    }
    expect((await foreman.post('/api/chat', body, asks)).headers.get('x-request-id')).toMatch(/^\w+-\w+$/)
  })

  test('that the body is packed as it is changes nothing', async () => {
    const foreman = await openForeman()
    const answer = await foreman.post('/api/chat', body, { ...asks, 'content-encoding': 'Identity' })
    expect([answer.status, count(foreman)]).toEqual([202, 1])
  })

  test('a page that may call may read where its job is', async () => {
    const foreman = await openForeman()
    const origin = 'http://localhost:3000'
    for (const [sent, status] of [
      [body, 202],
      [{}, 422],
    ] as const) {
      const { headers, ...answer } = await foreman.post('/api/chat', sent, { ...asks, origin })
      expect([answer.status, headers.get('access-control-allow-origin')]).toEqual([status, origin])
      expect(headers.get('access-control-expose-headers')).toContain('Location')
    }
  })
})

describe('the body', () => {
  test('goes to the target with its numbers as they were written, and only stream set anew', async () => {
    const got: string[] = []
    const line = '{"model":"alpha","message":{"role":"assistant","content":"x"},"done":true,"eval_count":1}\n'
    const target = await openTarget(({ body, answer }) => {
      got.push(body.toString())
      answer.end(line)
    })
    const foreman = await openForeman({ settings: { TARGET: target } })
    const text = '{ "MODEL":"alpha", "options":{"seed":12345678901234567890,"top_p":1.10e-1}, "n":1.0 }'
    const answer = await foreman.post('/api/chat', `  ${text}\n`, waits)
    expect([answer.status, answer.text]).toEqual([200, line])
    expect(got).toEqual([text.replace(' }', ' ,"stream":true}')])
  })

  test('is refused for what POST /jobs refuses, with pointers into it', async () => {
    const foreman = await openForeman()
    await refused(foreman, {}, 422, /^foreman: \/model: name a model$/, {})
    await refused(foreman, {}, 422, /^foreman: \/model: /, { model: 'a b' })
    await refused(foreman, {}, 400, /not JSON: .* at byte 9$/, '{"model":')
    await refused(foreman, {}, 400, /not JSON/, '')
    await refused(foreman, {}, 422, /expected object/, '[]')
    // What would close an envelope around it.
    await refused(foreman, {}, 400, /not JSON/, '{"model":"alpha"}},"labels":{"a":"b"},"x":{"y":{}')
    await refused(foreman, { 'content-encoding': 'gzip' }, 415, /uncompressed/)
    const option = await foreman.post('/api/chat', { model: 'alpha', options: { num_ctx: '1' } }, asks)
    expect(option.json).toEqual({ error: 'foreman: /options/num_ctx: option num_ctx must be of type integer' })
    expect(count(foreman)).toBe(0)
  })

  test('beyond BODY_MAX is 413, and passes as before without the preference', async () => {
    const foreman = await openForeman({ settings: { BODY_MAX: '100KB' } })
    const large = { ...body, prompt: 'x'.repeat(110_000) }
    await refused(foreman, {}, 413, /limited to 102400 bytes/, large)
    // Nobody looks what is in it.
    await refused(foreman, {}, 413, /limited to 102400 bytes/, '{'.repeat(110_000))
    expect([(await foreman.post('/api/chat', large)).status, count(foreman)]).toEqual([200, 0])
    const { status } = await foreman.post('/api/chat', { ...body, prompt: 'x'.repeat(90_000) }, waits)
    expect([status, count(foreman)]).toEqual([200, 1])
  })
})

describe('a job that cannot be taken', () => {
  test('is told with 503 and when to come again, if the queue is full', async () => {
    const foreman = await openForeman({ settings: { QUEUE_MAX: '1' } })
    await foreman.post('/queue/pause')
    await foreman.submit(chat())
    const answers = await refused(foreman, {}, 503, /waiting already/)
    expect(answers.map(({ headers }) => headers.get('retry-after'))).toEqual(['60', '60', '60'])
    expect(answers[1]?.json.error).toMatchObject({ code: 'queue_full' })
    expect((await foreman.post('/api/chat', body)).status).toBe(200)
  })

  test('is told with 507 if the disk is', async () => {
    let on = false
    const fault = (point: string) => {
      if (on && point.endsWith(':inside')) throw Object.assign(new Error('disk full'), { code: 'SQLITE_FULL' })
    }
    const foreman = await openForeman({ fault })
    on = true
    await refused(foreman, {}, 507, /foreman: /)
    expect((await foreman.post('/api/chat', body)).status).toBe(200)
  })

  test('needs the token of the route', async () => {
    const foreman = await openForeman({ settings: { TOKEN: 'secret' } })
    await refused(foreman, {}, 401, /token/)
    const answer = await foreman.post('/api/chat', body, { ...waits, authorization: 'Bearer secret' })
    expect(answer.status).toBe(200)
  })
})

test('a job that was canceled meanwhile is told as a conflict, with where it is', async () => {
  const foreman = await openForeman()
  await foreman.post('/queue/pause')
  const waiting = foreman.post('/v1/chat/completions', body, waits)
  await eventually(() => foreman.app.queue.vigil.size === 1)
  const [{ id = '' } = {}] = foreman.rows<{ id: string }>('SELECT id FROM job')
  await foreman.post(`/jobs/${id}/cancel`)
  const { status, headers, json } = await waiting
  expect([status, headers.get('location')]).toEqual([409, `${foreman.url}/jobs/${id}`])
  expect(json.error).toMatchObject({ message: 'foreman: the job was canceled', code: 'conflict' })
})

test('an SDK that would send its call again is told not to once the job has ended, and may if there is none', async () => {
  const foreman = await openForeman({ settings: { QUEUE_MAX: '1' } })
  const retry = ({ status, headers }: Reply) => [status, headers.get('x-should-retry')]
  const { headers } = await foreman.post('/v1/messages', body, { origin: 'http://localhost:3000' })
  expect(headers.get('access-control-expose-headers')).toContain('X-Should-Retry')
  for (const [path] of shapes.slice(1)) {
    expect(retry(await foreman.post(path, { ...body, model: 'nobody' }, waits))).toEqual([404, 'false'])
    await foreman.post('/queue/pause')
    const answer = foreman.post(path, body, waits)
    await eventually(() => foreman.rows("SELECT 1 FROM job WHERE state = 'queued'").length === 1)
    expect(retry(await foreman.post(path, body, waits))).toEqual([503, null])
    const { data } = (await foreman.get('/jobs?state=queued')).json as unknown as { data: [Job] }
    await foreman.post(`/jobs/${data[0].id}/cancel`)
    expect(retry(await answer)).toEqual([409, 'false'])
    await foreman.post('/queue/resume')
  }
})

test('it is counted as a request of its route, and says nothing about what foreman adds to those that pass', async () => {
  const foreman = await openForeman()
  await foreman.post('/api/chat', body, asks)
  const { text } = await foreman.get('/metrics')
  expect(text).toContain('foreman_proxy_requests_total{route="/api/chat",code="202"} 1')
  expect(text).toContain('foreman_proxy_overhead_seconds_count 0')
  await foreman.post('/api/chat', body)
  expect((await foreman.get('/metrics')).text).toContain('foreman_proxy_overhead_seconds_count 1')
})

test('a caller who leaves leaves the job alone', async () => {
  const foreman = await openForeman()
  const gate = Promise.withResolvers<void>()
  foreman.fake.fault({ do: 'hang', after: 1, until: gate.promise })
  const caller = new AbortController()
  const text = JSON.stringify(body)
  const asked = foreman
    .call('POST', '/api/chat', { body: text, headers: waits, signal: caller.signal })
    .catch(() => 'left')
  await eventually(() => foreman.app.queue.vigil.size === 1 && foreman.fake.ledger.running === 1)
  caller.abort()
  expect(await asked).toBe('left')
  await eventually(() => foreman.app.queue.vigil.size === 0)
  gate.resolve()
  const [{ id = '' } = {}] = foreman.rows<{ id: string }>('SELECT id FROM job')
  expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 1 })
})

test('a stop ends the wait at once, on a connection that is of no more use; the job is there afterwards', async () => {
  const foreman = await openForeman({ settings: { STOP_GRACE: '50ms' } })
  foreman.fake.fault({ do: 'hang', after: 1 })
  const waiting = foreman.post('/api/chat', body, waits)
  await eventually(() => foreman.app.queue.vigil.size === 1 && foreman.fake.ledger.running === 1)
  await foreman.close()
  const { status, headers, json } = await waiting
  expect([status, headers.get('connection'), (json as unknown as Job).state]).toEqual([202, 'close', 'working'])
  await foreman.start()
  expect(await foreman.ended(json.id as string)).toMatchObject({ state: 'done', interruptions: 1 })
})

test('a stop without any grace tells all who wait, however many wait for one job', async () => {
  const foreman = await openForeman({ settings: { STOP_GRACE: '0' } })
  await foreman.post('/queue/pause')
  const ask = () => foreman.post('/api/chat', body, { ...waits, 'idempotency-key': 'one' })
  const answers = Array.from({ length: 200 }, ask)
  await eventually(() => foreman.app.queue.vigil.size === 200)
  const closing = foreman.app.close()
  expect(new Set((await Promise.all(answers)).map(({ status }) => status))).toEqual(new Set([202]))
  await closing
})

test('it is no request of people: nobody is held for it, and a paused queue holds it', async () => {
  const foreman = await openForeman()
  await foreman.post('/queue/pause')
  const waiting = foreman.post('/api/chat', body, waits)
  await eventually(() => foreman.app.queue.vigil.size === 1)
  expect((await foreman.get('/target')).json.people).toEqual({ in_flight: 0, held: 0 })
  expect((await foreman.post('/api/chat', { ...body, model: 'beta', stream: false })).status).toBe(200)
  expect(foreman.fake.loads).toBe(1)
  await foreman.post('/queue/resume')
  await foreman.post('/api/chat', { ...body, model: 'alpha', stream: false })
  expect((await waiting).status).toBe(200)
})

test('a large answer is sent as it is read, and is cut when it is erased meanwhile', async () => {
  const large = Buffer.from(`{"data":[],"pad":"${'0123456789'.repeat(3_000_000)}"}`)
  const target = await openTarget(({ answer }) => answer.end(large))
  const foreman = await openForeman({ settings: { TARGET: target } })
  const headers = { ...waits, 'idempotency-key': 'k' }
  const path = '/v1/embeddings'
  const sent = { model: 'alpha', input: 'x' }
  const whole = await foreman.post(path, sent, headers)
  expect(whole.text).toBe(large.toString())
  const asked = request(foreman.url + path, { method: 'POST', headers, agent: false })
  const answer = await new Promise<IncomingMessage>((resolve) =>
    asked.on('response', resolve).end(JSON.stringify(sent)),
  )
  expect([answer.statusCode, answer.headers['content-length']]).toEqual([200, String(large.length)])
  const [{ id = '' } = {}] = foreman.rows<{ id: string }>('SELECT id FROM job')
  expect((await foreman.call('DELETE', `/jobs/${id}`)).status).toBe(204)
  await eventually(() => foreman.rows('SELECT 1 FROM chunk').length === 0)
  const cut = Promise.withResolvers<Error>()
  answer.on('error', cut.resolve).resume()
  expect((await cut.promise).message).toBe('aborted')
})
