// The documents held to what a running foreman does: each status of each route is brought about, and what is answered
// then, its head and its body, is what the documents say; examples are sent, or held to the schemas and to what was
// really answered.

import { request as httpRequest } from 'node:http'
import { describe, expect, test } from 'vitest'
import { chat, openForeman, type Foreman, type Reply } from './app.harness.ts'
import { afterwards, eventually, openTarget } from './app.stage.ts'
import { document, examplesIn, faultsOf, operations, placesOf, type Operation } from './http/document.harness.ts'
import type { Problem } from './http/problem.ts'
import type { Delivery } from './job/delivery.ts'
import { codes } from './job/error.ts'
import { WebhookBody } from './job/webhook.ts'
import { Receiver } from './webhooks/receiver.harness.ts'

const secret = { WEBHOOK_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' }
const models = ['llama3.2', { name: 'nomic-embed-text', capabilities: ['embedding' as const] }]
const chatting = chat('llama3.2')

/** What was seen: each route with a status, each header of those, each place of a body. */
const seen = { statuses: new Set<string>(), headers: new Set<string>(), places: new Set<string>() }

/** Headers of HTTP's own, and those of other pages' rights. */
const plumbing = /^(date|connection|keep-alive|content-type|content-length|transfer-encoding)$/

const named = (id: string): Operation => operations.find((one) => one.id === id)!
const reads = (text: string) => text.replace(/;.*/, '')

/** Holds an answer of a route to the documents. */
function hold(id: string, status: number, { status: really, headers, text, json }: Reply): void {
  const what = `${id} ${status}`
  expect([what, really, really === status ? '' : text]).toEqual([what, status, ''])
  const response = named(id).responses[status]
  if (!response) throw new Error(`${what} is not documented`)
  const told = new Map(Object.keys(response.headers ?? {}).map((name) => [name.toLowerCase(), name]))
  for (const name of headers.keys()) {
    if (plumbing.test(name)) continue
    expect(told.has(name), `${what} says ${name}`).toBe(true)
    seen.headers.add(`${what} ${told.get(name)}`)
  }
  seen.statuses.add(what)
  if (!response.content) return expect([what, text]).toEqual([what, ''])
  const type = reads(headers.get('content-type') ?? '')
  const media = response.content[type]
  if (response.content['*/*']) return
  if (!media) throw new Error(`${what} is not documented as ${type}`)
  if (!/^application\/(problem\+)?json$/.test(type)) return
  expect([what, faultsOf(json, media.schema)]).toEqual([what, []])
  const places = placesOf(json, media.schema)
  expect([what, places.filter((place) => place.startsWith('?'))]).toEqual([what, []])
  for (const place of places) seen.places.add(place)
  if (type === 'application/problem+json') {
    const examples = Object.values(examplesIn(response.content)) as Problem[]
    const like = examples.find(({ code }) => code === json.code)
    expect([what, like?.title, like?.type, like?.status], text).toEqual([what, json.title, json.type, status])
  }
}

/** Asks a route with what is put into its path. */
async function ask(
  foreman: Foreman,
  id: string,
  more: {
    path?: Record<string, string>
    query?: string
    headers?: Record<string, string>
    body?: object | string
  } = {},
): Promise<Reply> {
  const { method, path } = named(id)
  const values: Record<string, string> = { id: 'job_unknown', name: 'output.txt', ...more.path }
  const url = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name]!) + (more.query ?? '')
  return foreman.call(method, url, { headers: more.headers, body: more.body })
}

/** Asks with a Host of the caller's choice. */
function askHost(foreman: Foreman, { method, path }: Operation, host: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest(foreman.url + path, { method, headers: { host } }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (part: string) => (text += part))
      const headers = new Headers(Object.entries(answer.headers).map(([name, value]) => [name, String(value)]))
      answer.on('end', () =>
        resolve({ status: answer.statusCode!, headers, text, json: JSON.parse(text) as Reply['json'] }),
      )
    })
    asked.on('error', reject).end()
  })
}

const having = (status: number) => operations.filter(({ responses }) => responses[status])
/** What is only text or bytes ignores a query. */
const checksQuery = ({ id, open }: Operation) => !open && !/^get(Metrics|Artifact)$/.test(id)

/** Has events without an end read until some came. */
async function begun(foreman: Foreman, path: string): Promise<Reply> {
  const abort = new AbortController()
  const answer = await fetch(foreman.url + path, { signal: abort.signal })
  abort.abort()
  return { status: answer.status, headers: answer.headers, text: '', json: {} }
}

describe('what every route may answer', () => {
  test('401 without the token that is wanted, unless it is open', async () => {
    const foreman = await openForeman({ settings: { TOKEN: 'a-token-of-this-test' } })
    for (const operation of operations) {
      const answer = await ask(foreman, operation.id)
      if (operation.open) expect([operation.id, answer.status]).toEqual([operation.id, 200])
      else hold(operation.id, 401, answer)
    }
  })

  test('403 under a name that is not served', async () => {
    const foreman = await openForeman()
    for (const operation of operations) hold(operation.id, 403, await askHost(foreman, operation, 'evil.example'))
  })

  test('404 and 410 for a job that never was, and one that was deleted', async () => {
    const foreman = await openForeman({ fake: { models } })
    const { id } = await foreman.submit(chatting)
    await foreman.ended(id)
    hold('deleteJob', 204, await ask(foreman, 'deleteJob', { path: { id } }))
    for (const operation of having(404)) hold(operation.id, 404, await ask(foreman, operation.id))
    for (const operation of having(410)) hold(operation.id, 410, await ask(foreman, operation.id, { path: { id } }))
  })

  test('422 for a parameter that nobody reads', async () => {
    const foreman = await openForeman({ fake: { models } })
    for (const { id } of operations.filter(checksQuery)) {
      const query = /^followJobs?$/.test(id) ? '?after=nonsense' : '?nonsense=1'
      const { id: job } = await foreman.submit(chatting)
      hold(id, 422, await ask(foreman, id, { query, path: { id: job }, body: named(id).requests.chat as object }))
    }
  })

  test('405 with what is possible, as the problem that stands for all others', async () => {
    const foreman = await openForeman()
    const answer = await foreman.call('PUT', '/jobs', { body: {} })
    expect([answer.status, answer.json.code, answer.headers.get('allow')]).toEqual([
      405,
      'invalid_request',
      'GET, POST',
    ])
    const [problem] = Object.values(document.components.responses.Problem!.content!)
    expect(faultsOf(answer.json, problem!.schema)).toEqual([])
  })
})

describe('submitting', () => {
  test('takes every example, now, for a while, again, and many at once', async () => {
    const foreman = await openForeman({ settings: secret, fake: { models } })
    await foreman.post('/queue/pause')
    for (const [name, body] of Object.entries(named('submitJob').requests)) {
      const answer = await ask(foreman, 'submitJob', {
        body: body as object,
        headers: { 'idempotency-key': name === 'everything' ? '"feed-42-2026-11-25"' : '"feed-42"' },
      })
      hold('submitJob', name === 'embed' ? 422 : 202, answer)
      if (name === 'chat') expect(answer.json).not.toHaveProperty('position')
    }
    hold(
      'submitJob',
      202,
      await ask(foreman, 'submitJob', {
        query: '?wait=0',
        body: named('submitJob').requests.chat as object,
        headers: { 'idempotency-key': '"feed-42"' },
      }),
    )
    hold('submitJob', 202, await ask(foreman, 'submitJob', { body: named('submitJob').requests.embed as object }))
    for (const body of Object.values(named('submitJobs').requests))
      hold('submitJobs', 202, await ask(foreman, 'submitJobs', { body: body as object }))
    hold('getQueue', 200, await ask(foreman, 'getQueue'))
    await foreman.post('/queue/resume')
    const again = {
      body: named('submitJob').requests.chat as object,
      headers: { 'idempotency-key': '"feed-42"', prefer: 'wait=25' },
    }
    hold('submitJob', 200, await ask(foreman, 'submitJob', again))
  })

  test('refuses what is no JSON, no JSON by its type, and too much', async () => {
    const foreman = await openForeman({ settings: { BODY_MAX: '1KB' } })
    for (const id of ['submitJob', 'submitJobs']) {
      hold(id, 400, await ask(foreman, id, { body: '{"jobs":' }))
      hold(id, 413, await ask(foreman, id, { body: JSON.stringify({ jobs: 'x'.repeat(2000) }) }))
      hold(id, 415, await ask(foreman, id, { body: 'x', headers: { 'content-type': 'text/plain' } }))
    }
  })

  test('is put off when the queue is full', async () => {
    const foreman = await openForeman({ settings: { QUEUE_MAX: '1' } })
    await foreman.post('/queue/pause')
    await foreman.submit(chat())
    hold('submitJob', 503, await ask(foreman, 'submitJob', { body: chat() }))
    hold('submitJobs', 503, await ask(foreman, 'submitJobs', { body: { jobs: [chat()] } }))
  })

  test('and every other change is refused while the disk is full', async () => {
    let full = false
    const fault = (point: string) => {
      if (full && point.endsWith(':inside'))
        throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' })
    }
    const foreman = await openForeman({ fault })
    await foreman.post('/queue/pause')
    const [waits, over] = [await foreman.submit(chat()), await foreman.submit(chat())]
    await foreman.post(`/jobs/${over.id}/cancel`)
    full = true
    for (const { id } of operations.filter(({ method }) => method !== 'GET')) {
      const path = { id: id === 'cancelJob' ? waits.id : over.id }
      const body = { submitJob: chat(), submitJobs: { jobs: [chat()] } }[id]
      hold(id, 507, await ask(foreman, id, { path, body }))
    }
    hold('getReadiness', 503, await ask(foreman, 'getReadiness'))
    full = false
  })
})

describe('a job', () => {
  test('is looked at, listed, followed, read and known again', async () => {
    const foreman = await openForeman({ fake: { models } })
    const { id } = await foreman.submit({ ...chatting, labels: { feed: '42' } })
    const path = { id }
    await foreman.ended(id)
    const got = await ask(foreman, 'getJob', { path, query: '?wait=25&include=request&include=response' })
    hold('getJob', 200, got)
    hold(
      'getJob',
      304,
      await ask(foreman, 'getJob', { path, headers: { 'if-none-match': got.headers.get('etag') ?? '' } }),
    )
    await foreman.submit(chatting)
    hold('listJobs', 200, await ask(foreman, 'listJobs', { query: '?label=feed:42&limit=1' }))
    hold('listJobs', 200, await ask(foreman, 'listJobs', { query: '?limit=1' }))
    hold('listArtifacts', 200, await ask(foreman, 'listArtifacts', { path }))
    const whole = await ask(foreman, 'getArtifact', { path })
    hold('getArtifact', 200, whole)
    hold('getArtifact', 206, await ask(foreman, 'getArtifact', { path, headers: { range: 'bytes=0-3' } }))
    hold(
      'getArtifact',
      304,
      await ask(foreman, 'getArtifact', { path, headers: { 'if-none-match': whole.headers.get('etag') ?? '' } }),
    )
    hold('getArtifact', 416, await ask(foreman, 'getArtifact', { path, headers: { range: 'bytes=9999-' } }))
    hold('streamJob', 200, await ask(foreman, 'streamJob', { path }))
    const events = await ask(foreman, 'followJob', { path })
    hold('followJob', 200, events)
    const end = /id: (\S+)\nevent: end/.exec(events.text)?.[1]
    hold('followJob', 204, await ask(foreman, 'followJob', { path, query: `?after=${end}` }))
    hold('followJobs', 200, await begun(foreman, '/events'))
    for (const name of ['cancelJob', 'retryJob']) hold(name, 409, await ask(foreman, name, { path }))
  })

  test('waits, works, is canceled, and is queued again', async () => {
    const foreman = await openForeman({ fake: { models, tokens: 30 } })
    const gate = Promise.withResolvers<void>()
    foreman.fake.fault({ do: 'hang', after: 20, until: gate.promise })
    const [first, next] = [await foreman.submit(chatting), await foreman.submit(chatting)]
    await eventually(async () => (await foreman.job(first.id)).progress?.tokens)
    hold('getJob', 200, await ask(foreman, 'getJob', { path: { id: first.id } }))
    hold('getQueue', 200, await ask(foreman, 'getQueue'))
    hold('getTarget', 200, await ask(foreman, 'getTarget'))
    hold('planQueue', 200, await ask(foreman, 'planQueue', { query: '?limit=10' }))
    hold('getJob', 200, await ask(foreman, 'getJob', { path: { id: next.id } }))
    hold('deleteJob', 409, await ask(foreman, 'deleteJob', { path: { id: next.id } }))
    hold('pauseQueue', 200, await ask(foreman, 'pauseQueue'))
    hold('cancelJob', 200, await ask(foreman, 'cancelJob', { path: { id: next.id } }))
    hold('streamJob', 409, await ask(foreman, 'streamJob', { path: { id: next.id } }))
    hold('retryJob', 202, await ask(foreman, 'retryJob', { path: { id: next.id } }))
    hold('resumeQueue', 200, await ask(foreman, 'resumeQueue'))
    gate.resolve()
  })

  test('that failed says so where its lines are asked for', async () => {
    const foreman = await openForeman({ fake: { models } })
    const missing = await foreman.submit(chat('nobody'))
    const late = await foreman.submit({ ...chatting, start_by: '2020-01-01T00:00:00.000Z' })
    hold('getJob', 200, await ask(foreman, 'getJob', { path: { id: missing.id }, query: '?wait=25' }))
    for (const [{ id }, status] of [
      [missing, 502],
      [late, 504],
    ] as const) {
      await foreman.ended(id)
      hold('streamJob', status, await ask(foreman, 'streamJob', { path: { id } }))
    }
    const fake = await openTarget(({ answer }) =>
      answer.end(JSON.stringify({ choices: [{ message: { content: 'x'.repeat(2000) } }] })),
    )
    const small = await openForeman({ settings: { BODY_MAX: '1KB', TARGET: fake } })
    const { request } = chat()
    const { id } = await small.submit({ request: { ...request, endpoint: '/v1/chat/completions' } })
    await small.ended(id)
    hold('streamJob', 413, await ask(small, 'streamJob', { path: { id } }))
  })

  test('that cannot end any more is told from one that can, while foreman stops', async () => {
    const foreman = await openForeman({ settings: { STOP_GRACE: '30s' } })
    const gate = Promise.withResolvers<void>()
    await foreman.post('/queue/pause')
    const { id } = await foreman.submit(chat())
    foreman.fake.fault({ do: 'hang', after: 1, until: gate.promise })
    const talk = foreman.post('/api/chat', chat().request.body)
    await foreman.fake.until(() => foreman.fake.requests.some(({ path }) => path === '/api/chat'))
    const closed = foreman.close()
    await eventually(async () => (await foreman.get('/readyz')).status === 503)
    hold('streamJob', 503, await ask(foreman, 'streamJob', { path: { id } }))
    hold('submitJob', 503, await ask(foreman, 'submitJob', { body: chat() }))
    gate.resolve()
    await talk
    await closed
  })
})

test('what a job owes is told with every try, and sent again', async () => {
  const receiver = await new Receiver((_, n) => [n < 2 ? 503 : 204, {}, 'not now']).listen()
  const away = await new Receiver().listen()
  await away.close()
  afterwards(() => receiver.close())
  const foreman = await openForeman({ settings: { ...secret, WEBHOOK_ALLOW: '127.0.0.1' }, fake: { models } })
  const deliver = { urls: { 'output.txt': `${away.url}/text`, 'response.json': receiver.url } }
  const { id } = await foreman.submit({ ...chatting, webhook: { url: receiver.url }, deliver })
  await foreman.ended(id)
  const list = () => ask(foreman, 'listDeliveries', { path: { id } })
  const data = async () => (await list()).json.data as Delivery[]
  await eventually(async () => (await data()).every(({ attempts }) => attempts.length > 0))
  hold('listDeliveries', 200, await list())
  for (const { id, artifact } of await data())
    if (artifact !== 'output.txt') hold('redeliver', 202, await ask(foreman, 'redeliver', { path: { id } }))
  await eventually(async () => (await data()).filter(({ state }) => state === 'delivered').length === 2)
  hold('listDeliveries', 200, await list())
})

test('health, figures and documents are as they are told', async () => {
  const foreman = await openForeman()
  for (const id of ['getLiveness', 'getReadiness', 'getMetrics']) hold(id, 200, await ask(foreman, id))
  for (const id of ['getOpenApi', 'getOpenApi30', 'getDocs', 'getDocsScript']) {
    const whole = await ask(foreman, id)
    hold(id, 200, whole)
    hold(id, 304, await ask(foreman, id, { headers: { 'if-none-match': whole.headers.get('etag') ?? '' } }))
  }
})

test('what receivers are sent is what the webhooks say', async () => {
  const foreman = await openForeman({
    settings: { ...secret, WEBHOOK_ALLOW: '127.0.0.1', JOB_TIMEOUT: '1h' },
    fake: { models },
  })
  const events = ['queued', 'loading', 'working', 'done', 'failed', 'canceled']
  // Nobody listens there.
  const webhook = { url: 'http://127.0.0.1:65534/hook', events, include: ['response'] }
  const done = await foreman.submit({ ...chatting, webhook })
  const failed = await foreman.submit({ ...chat('nobody'), webhook })
  await Promise.all([foreman.ended(done.id), foreman.ended(failed.id)])
  await foreman.post('/queue/pause')
  const { id } = await foreman.submit({ ...chatting, webhook })
  await foreman.post(`/jobs/${id}/cancel`)
  const sent = foreman
    .rows<{ body: Buffer }>('SELECT body FROM delivery')
    .map(({ body }) => JSON.parse(String(body)) as WebhookBody)
  expect(new Set(sent.map(({ type }) => type))).toEqual(new Set(Object.keys(document.webhooks)))
  const places = new Set<string>()
  for (const body of sent) {
    const schema = { $ref: '#/components/schemas/WebhookBody' }
    expect(WebhookBody.strict().parse(body)).toEqual(body)
    expect(faultsOf(body, schema)).toEqual([])
    for (const place of placesOf(body, schema)) places.add(place)
  }
  expect([...places].filter((place) => place.startsWith('?'))).toEqual([])
  expect(places).toContain('Job.response')
  for (const [type, { post }] of Object.entries(document.webhooks)) {
    const { content } = post.requestBody!
    for (const example of Object.values(examplesIn(content))) {
      expect((example as WebhookBody).type).toBe(type)
      expect(faultsOf(example, Object.values(content)[0]!.schema)).toEqual([])
      expect(
        placesOf(example, { $ref: '#/components/schemas/WebhookBody' }).filter((place) => !places.has(place)),
      ).toEqual([])
    }
  }
})

describe('the documents', () => {
  test('have an example for every body of JSON, fit for its schema', () => {
    for (const { id, responses } of operations)
      for (const [status, { content = {} }] of Object.entries(responses)) {
        const [media] = Object.values(content)
        if (!media || (/^(getOpenApi|getDocs|getArtifact)/.test(id) && status.startsWith('20'))) continue
        const examples = Object.values(examplesIn(content))
        expect(examples.length, `${id} ${status}`).toBeGreaterThan(0)
        for (const example of examples) expect([id, status, faultsOf(example, media.schema)]).toEqual([id, status, []])
      }
  })

  test('show every code of a problem', () => {
    const shown = Object.values(document.components.responses).flatMap(({ content }) =>
      Object.values(examplesIn(content)),
    )
    expect(new Set(shown.map((problem) => (problem as { code: string }).code))).toEqual(new Set(codes))
  })
})

describe('the documents, after all that was brought about', () => {
  test('name no status that was not', () => {
    const documented = operations.flatMap(({ id, responses }) =>
      Object.keys(responses)
        .filter((status) => status !== 'default')
        .map((status) => `${id} ${status}`),
    )
    expect(documented.filter((one) => !seen.statuses.has(one))).toEqual([])
  })

  test('name no header that was not', () => {
    const documented = operations.flatMap(({ id, responses }) =>
      Object.entries(responses)
        .filter(([status]) => status !== 'default')
        .flatMap(([status, { headers = {} }]) => Object.keys(headers).map((name) => `${id} ${status} ${name}`)),
    )
    expect(documented.filter((one) => !seen.headers.has(one))).toEqual([])
  })

  test('show in examples only what was really answered', () => {
    const shown = operations.flatMap(({ responses }) =>
      Object.values(responses).flatMap(({ content = {} }) =>
        Object.values(content).flatMap(({ schema, examples = {} }) =>
          Object.values(examples).flatMap(({ value }) => placesOf(value, schema)),
        ),
      ),
    )
    expect([...new Set(shown)].filter((place) => !seen.places.has(place))).toEqual([])
  })
})
