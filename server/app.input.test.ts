// Bad input: each is answered with a clear problem, the same on both roads, and nothing is stored.

import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import { chat, openForeman, replyOf, type Foreman, type Reply } from './app.harness.ts'
import { eventually } from './app.stage.ts'
import { Line } from './http/byhand.ts'

interface Problem {
  status: number
  code: string
  detail: string
  instance?: string
  errors?: { pointer: string; detail: string }[]
}

/** The problem of an answer, after a look at what every problem has. */
function problemOf({ status, headers, json, text }: Reply): Problem {
  expect(headers.get('content-type')).toMatch(/^application\/problem\+json/)
  expect(json).toMatchObject({ type: `urn:foreman:problem:${String(json.code)}`, status, source: 'foreman' })
  expect(json.title).toEqual(expect.any(String))
  expect(text).not.toMatch(/\.ts:\d|node_modules|at \w+ \(/)
  return json as unknown as Problem
}

async function trpc(foreman: Foreman, name: string, input: unknown, method = 'POST'): Promise<Problem> {
  const text = JSON.stringify(input)
  const query = method === 'GET' ? `?input=${encodeURIComponent(text)}` : ''
  const answer = await fetch(`${foreman.url}/trpc/${name}${query}`, {
    method,
    ...(method === 'POST' ? { body: text, headers: { 'content-type': 'application/json' } } : {}),
  })
  const { status, json, text: said } = await replyOf(answer)
  expect(said).not.toMatch(/"stack"|\.ts:\d|node_modules/)
  const { data } = json.error as { data: { problem: Problem; httpStatus: number } }
  expect(status).toBe(data.httpStatus)
  return data.problem
}

const body = (more: object, endpoint = '/api/generate') => ({
  request: { endpoint, body: { model: 'alpha', ...more } },
})
const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'v']))
const at = '/request/body'

const badSubmits: [what: string, input: unknown, pointers: string[]][] = [
  ['nothing in it', {}, ['/request']],
  ['a text for a request', { request: 'x' }, ['/request']],
  ['no endpoint and no body', { request: {} }, ['/request/endpoint', '/request/body']],
  ['an endpoint that is none', { request: { endpoint: '/api/pull', body: {} } }, ['/request/endpoint']],
  ['a list for a body', { request: { endpoint: '/api/chat', body: [] } }, [at]],
  ['a text for a body', { request: { endpoint: '/api/chat', body: 'x' } }, [at]],
  ['null for a body', { request: { endpoint: '/api/chat', body: null } }, [at]],
  ['no model', { request: { endpoint: '/api/chat', body: {} } }, [`${at}/model`]],
  ['a number for a model', body({ model: 5 }), [`${at}/model`]],
  ['spaces for a model', body({ model: '  ' }), [`${at}/model`]],
  ['a model with newlines', body({ model: 'alpha\nX-Header: 1\r\n\r\n' }), [`${at}/model`]],
  ['a model with a NUL', body({ model: 'alpha\0' }), [`${at}/model`]],
  ['a model of ten thousand letters', body({ model: 'a'.repeat(10_000) }), [`${at}/model`]],
  ['a model that is a path', body({ model: '../../etc/passwd' }), [`${at}/model`]],
  ['options that are none', body({ options: 'fast' }), [`${at}/options`]],
  [
    'options of wrong types',
    body({ options: { num_ctx: 'big', use_mmap: 1, stop: 'x' } }),
    ['num_ctx', 'use_mmap', 'stop'].map((name) => `${at}/options/${name}`),
  ],
  ['unknown fields', { ...chat(), extra: 1, 'a/b~c': 2 }, ['/extra', '/a~1b~0c']],
  ['an unknown field in the request', { request: { ...chat().request, stream: true } }, ['/request/stream']],
  ['a list for labels', { ...chat(), labels: [] }, ['/labels']],
  ['a label called __proto__', { ...chat(), labels: JSON.parse('{"__proto__":"x"}') }, ['/labels/__proto__']],
  [
    'an artifact called __proto__',
    { ...chat(), deliver: { urls: JSON.parse('{"__proto__":"https://a.example/"}') } },
    ['/deliver/urls/__proto__'],
  ],
  ['a number for a label', { ...chat(), labels: { n: 1 } }, ['/labels/n']],
  ['a label without a name', { ...chat(), labels: { '': 'x' } }, ['/labels/']],
  ['a long name of a label', { ...chat(), labels: { ['k'.repeat(65)]: 'x' } }, [`/labels/${'k'.repeat(65)}`]],
  ['a long label', { ...chat(), labels: { k: 'x'.repeat(257) } }, ['/labels/k']],
  ['33 labels', { ...chat(), labels: many(33) }, ['/labels']],
  ['10,000 labels', { ...chat(), labels: many(10_000) }, ['/labels']],
  ['no time at all', { ...chat(), timeout_s: 0 }, ['/timeout_s']],
  ['a broken number of seconds', { ...chat(), timeout_s: 1.5 }, ['/timeout_s']],
  ['seconds as a text', { ...chat(), timeout_s: '10' }, ['/timeout_s']],
  ['more time than there is', { ...chat(), timeout_s: 1801 }, ['/timeout_s']],
  ['no attempt', { ...chat(), max_attempts: 0 }, ['/max_attempts']],
  ['eleven attempts', { ...chat(), max_attempts: 11 }, ['/max_attempts']],
  ['a start_by that is no time', { ...chat(), start_by: 'soon' }, ['/start_by']],
  ['an empty key', { ...chat(), idempotency_key: '' }, ['/idempotency_key']],
  ['a long key', { ...chat(), idempotency_key: 'k'.repeat(256) }, ['/idempotency_key']],
  ['a webhook nobody could verify', { ...chat(), webhook: { url: 'https://example.com/' } }, ['/webhook']],
  ['a webhook to a file', { ...chat(), webhook: { url: 'file:///etc/passwd' } }, ['/webhook/url']],
  [
    'an event that never is',
    { ...chat(), webhook: { url: 'https://example.com/', events: ['born'] } },
    ['/webhook/events/0'],
  ],
  ['an upload to nowhere', { ...chat(), deliver: {} }, ['/deliver']],
  ['an upload that names nothing', { ...chat(), deliver: { url: 'https://example.com/' } }, ['/deliver/url']],
]

describe('the same on both roads, before and after calls of the other', () => {
  test('a job with', async () => {
    const foreman = await openForeman()
    for (const [what, input, pointers] of badSubmits) {
      const rest = async () => problemOf(await foreman.post('/jobs', input as object))
      const rounds = [
        await rest(),
        await trpc(foreman, 'jobs.submit', input),
        await rest(),
        await trpc(foreman, 'jobs.submit', input),
      ]
      for (const { status, code, detail, errors } of rounds) {
        expect([what, status, code]).toEqual([what, 422, 'invalid_request'])
        expect([what, errors?.map(({ pointer }) => pointer)]).toEqual([what, pointers])
        expect([what, detail, errors]).toEqual([what, rounds[0]?.detail, rounds[0]?.errors])
      }
      const batch = [
        problemOf(await foreman.post('/jobs/batch', { jobs: [chat(), input] })),
        await trpc(foreman, 'jobs.submit_batch', { jobs: [chat(), input] }),
      ]
      for (const { status, errors } of batch)
        expect([status, errors?.map(({ pointer }) => pointer)]).toEqual([
          422,
          pointers.map((pointer) => `/jobs/1${pointer}`),
        ])
    }
    expect((await foreman.get('/jobs')).json.data).toEqual([])
    expect(foreman.rows('SELECT * FROM chunk')).toEqual([])
    expect((await foreman.submit(chat())).state).toMatch(/queued|loading|working/)
  })

  const id = 'job_nobody'
  const calls: [method: string, path: string, name: string, input: object, status: number, pointers?: string[]][] = [
    ['GET', `/jobs/${id}`, 'jobs.get', { id }, 404],
    ['GET', `/jobs/${id}?include=everything`, 'jobs.get', { id, include: ['everything'] }, 422, ['/include/0']],
    ['GET', `/jobs/${id}?wait=1000`, 'jobs.get', { id, wait: 1000 }, 422, ['/wait']],
    ['GET', `/jobs/${id}?colour=red`, 'jobs.get', { id, colour: 'red' }, 422, ['/colour']],
    ['GET', '/jobs?limit=1000', 'jobs.list', { limit: 1000 }, 422, ['/limit']],
    ['GET', '/jobs?state=born', 'jobs.list', { state: ['born'] }, 422, ['/state/0']],
    ['GET', '/jobs?cursor=x', 'jobs.list', { cursor: 'x' }, 422, ['/cursor']],
    ['GET', '/jobs?label=x', 'jobs.list', { label: 'x' }, 422, ['/label']],
    ['GET', '/queue?colour=red', 'queue.get', { colour: 'red' }, 422, ['/colour']],
    ['POST', `/jobs/${id}/cancel`, 'jobs.cancel', { id }, 404],
    ['POST', `/jobs/${id}/retry`, 'jobs.retry', { id }, 404],
    ['DELETE', `/jobs/${id}`, 'jobs.delete', { id }, 404],
    ['POST', '/queue/pause?colour=red', 'queue.pause', { colour: 'red' }, 422, ['/colour']],
  ]

  test('other calls', async () => {
    const foreman = await openForeman()
    for (const [method, path, name, input, status, pointers] of calls) {
      const rest = async () => problemOf(await foreman.call(method, path))
      const rpc = () => trpc(foreman, name, input, method === 'GET' ? 'GET' : 'POST')
      for (const problem of [await rest(), await rpc(), await rest(), await rpc()]) {
        const code = status === 404 ? 'not_found' : 'invalid_request'
        expect([path, problem.status, problem.code]).toEqual([path, status, code])
        expect([path, problem.errors?.map(({ pointer }) => pointer)]).toEqual([path, pointers])
      }
    }
    expect((await foreman.get('/queue')).json.paused).toBe(false)
  })

  test('a cancel or a retry with a body that says more than there is to say', async () => {
    const foreman = await openForeman()
    const problem = problemOf(await foreman.post('/jobs/job_nobody/cancel', { force: true }))
    expect([problem.status, problem.errors?.[0]?.pointer]).toEqual([422, '/force'])
    expect(problemOf(await foreman.post('/jobs/job_nobody/cancel', {})).status).toBe(404)
    expect(problemOf(await foreman.post('/jobs/job_nobody/cancel', { id: 'job_other' })).status).toBe(422)
  })
})

describe('what is not JSON', () => {
  const broken = [
    '{',
    '',
    '{"request":',
    '{"a":1,}',
    "{'a':1}",
    '{"a":01}',
    '{"a":\u0001}',
    '{"a":"\n"}',
    'nul',
    '{} {}',
    '{"a":NaN}',
    '\ufeff{}',
    '{"a":"\\x"}',
  ]

  test.each(broken)('%j is answered 400, or 422 where it says nothing', async (text) => {
    const foreman = await openForeman()
    for (const path of ['/jobs', '/jobs/batch']) {
      const { status, code, instance } = problemOf(await foreman.post(path, text))
      expect([code, instance]).toEqual(['invalid_request', path])
      expect(status).toBe(text === '' ? 422 : 400)
    }
    const answer = await replyOf(
      await fetch(`${foreman.url}/trpc/jobs.submit`, {
        method: 'POST',
        body: text,
        headers: { 'content-type': 'application/json' },
      }),
    )
    // tRPC takes nothing for an input that says nothing.
    expect(answer.status).toBe(text === '' ? 422 : 400)
    expect(answer.json).toMatchObject({ error: { data: { problem: { code: 'invalid_request' } } } })
  })

  test.each(['[]', '1', '"x"', 'null', 'true'])('%s is no object: 422', async (text) => {
    const foreman = await openForeman()
    for (const path of ['/jobs', '/jobs/batch', '/jobs/x/cancel']) {
      const problem = problemOf(await foreman.post(path, text))
      expect([path, problem.status, problem.errors?.[0]?.pointer]).toEqual([path, 422, ''])
    }
  })

  test('UTF-8 that is broken is answered 400', async () => {
    const foreman = await openForeman()
    const text = Buffer.from(
      '{"request":{"endpoint":"/api/chat","body":{"model":"alpha","prompt":"\xff\xfe"}}}',
      'latin1',
    )
    const answer = await fetch(`${foreman.url}/jobs`, {
      method: 'POST',
      body: text,
      headers: { 'content-type': 'application/json' },
    })
    expect(problemOf(await replyOf(answer)).status).toBe(400)
    expect((await foreman.get('/jobs')).json.data).toEqual([])
  })

  test('depth without end is answered, not a crash', async () => {
    const foreman = await openForeman()
    const deep = `{"request":{"endpoint":"/api/chat","body":{"model":"alpha","x":${'['.repeat(500_000)}${']'.repeat(500_000)}}}}`
    expect([202, 400]).toContain((await foreman.post('/jobs', deep)).status)
    expect(problemOf(await foreman.post('/jobs', '['.repeat(1_000_000))).status).toBe(400)
    expect((await foreman.get('/livez')).status).toBe(200)
  })

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonp',
    undefined,
  ])('and %s is no type for it: 415', async (type) => {
    const foreman = await openForeman()
    const headers = type === undefined ? undefined : { 'content-type': type }
    const answer = await fetch(`${foreman.url}/jobs`, {
      method: 'POST',
      body: Buffer.from(JSON.stringify(chat())),
      headers,
    })
    const { status, code } = problemOf(await replyOf(answer))
    expect([status, code]).toEqual([415, 'invalid_request'])
    expect((await foreman.get('/jobs')).json.data).toEqual([])
  })

  test('application/json may say its charset', async () => {
    const foreman = await openForeman()
    const answer = await foreman.post('/jobs', chat(), { 'content-type': 'application/json; charset=utf-8' })
    expect(answer.status).toBe(202)
  })
})

test('of members that come twice the last one counts, for the job and for the target', async () => {
  const foreman = await openForeman()
  const made = (model: string) =>
    `{"endpoint":"/api/generate","body":{"model":"nobody","model":"${model}","prompt":"x"}}`
  const answer = await foreman.post(
    '/jobs',
    `{"request":${made('beta')},"labels":{"a":"1"},"request":${made('alpha')}}`,
  )
  expect(answer.json).toMatchObject({ request: { model: 'alpha:latest' }, labels: { a: '1' } })
  expect((await foreman.ended(String(answer.json.id))).state).toBe('done')
  expect(foreman.fake.served).toEqual(['alpha'])
})

describe('too much', () => {
  /** Sends `bytes` of a body that is never finished if nobody wants it; resolves to the answer and whether the connection ended. */
  function pour(
    foreman: Foreman,
    path: string,
    bytes: number,
    declared: boolean,
  ): Promise<{ status: number; connection: string | undefined; text: string }> {
    return new Promise((resolve, reject) => {
      const piece = Buffer.alloc(256 * 1024, ' ')
      const headers = { 'content-type': 'application/json', ...(declared ? { 'content-length': bytes } : {}) }
      const call = request(`${foreman.url}${path}`, { method: 'POST', headers, agent: false })
      let sent = 0
      const more = () => {
        while (sent < bytes && !call.destroyed) {
          sent += piece.length
          if (!call.write(piece)) return void call.once('drain', more)
        }
        call.end()
      }
      call.on('error', reject)
      call.on('response', (answer) => {
        let text = ''
        answer.on('data', (part: Buffer) => (text += part.toString()))
        answer.on('end', () => {
          call.destroy()
          resolve({ status: answer.statusCode ?? 0, connection: answer.headers.connection, text })
        })
        answer.on('error', reject)
      })
      more()
    })
  }

  test.each([
    ['/jobs', true],
    ['/jobs', false],
    ['/trpc/jobs.submit', true],
    ['/trpc/jobs.submit', false],
    ['/jobs/x/cancel', false],
  ])('100 MB to %s (length declared: %s) are answered 413, in bounded memory', async (path, declared) => {
    const foreman = await openForeman({ settings: { BODY_MAX: '8MB' } })
    const before = process.memoryUsage().rss
    const { status, connection, text } = await pour(foreman, path, 100_000_000, declared)
    expect([status, connection]).toEqual([413, 'close'])
    expect(text).toContain('urn:foreman:problem:too_large')
    expect(process.memoryUsage().rss - before).toBeLessThan(80_000_000)
    expect((await foreman.submit(chat())).state).toBeTruthy()
  })

  test('a body at the limit is taken, one byte more is not', async () => {
    const foreman = await openForeman({ settings: { BODY_MAX: '1MB' } })
    await foreman.post('/queue/pause')
    const sized = (bytes: number) => {
      const [head, tail] = JSON.stringify(body({ prompt: '' })).split('"prompt":"') as [string, string]
      return `${head}"prompt":"${'x'.repeat(bytes - head.length - tail.length - 10)}${tail}`
    }
    const megabyte = 1024 * 1024
    expect((await foreman.post('/jobs', sized(megabyte))).status).toBe(202)
    expect((await foreman.post('/jobs', sized(megabyte + 1))).status).toBe(413)
  })

  test('of everything around the body of a job is refused as too large', async () => {
    const foreman = await openForeman()
    const problem = problemOf(await foreman.post('/jobs', `{"x":"${'x'.repeat(5_000_000)}"}`))
    expect([problem.status, problem.code]).toEqual([413, 'too_large'])
  })

  test('in a query or an id is refused', async () => {
    const foreman = await openForeman()
    const label = await foreman.get(`/jobs?label=a:${'x'.repeat(8000)}`)
    expect(problemOf(label).errors?.[0]?.pointer).toBe('/label')
    const id = await foreman.get(`/jobs/${'x'.repeat(10_000)}`)
    expect(problemOf(id).status).toBe(404)
    const line = await Line.to(foreman.url)
    line.send(`GET /jobs?label=${'x'.repeat(100_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    await line.until(/^HTTP\/1\.1 431 /)
    await line.closed()
    expect((await foreman.get('/livez')).status).toBe(200)
  })
})

describe('ids that are paths', () => {
  const paths = [
    '..%2f..%2fetc%2fpasswd',
    '%2e%2e%2fforeman.db',
    '..%5c..%5c',
    '%00',
    '%2e%2e',
    'job_%0a',
    "job_'--",
    'job_*',
    '%25%32%66',
    '%F0%9F%98%80',
    '__proto__',
    'constructor',
  ]

  test.each(paths)('%s is nobody', async (id) => {
    const foreman = await openForeman()
    for (const [method, more] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/cancel'],
      ['POST', '/retry'],
    ] as const) {
      const line = await Line.to(foreman.url)
      const path = Buffer.from(`/jobs/${id}${more}`).toString('latin1')
      line.send(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
      await line.closed()
      expect(line.text).toMatch(/^HTTP\/1\.1 (404|400) [^]*application\/problem\+json/)
      expect(line.text).toContain('"source":"foreman"')
    }
    expect(foreman.fake.requests.filter((seen) => seen.path.includes('etc'))).toEqual([])
  })

  test.each([
    '/jobs/../api/version',
    '/jobs/%2e%2e/api/version',
    '/jobs//',
    '/jobs/',
    '/jobs/x/',
    '/jobs/%zz',
    '/jobs/x/y/z',
    '/queue/x',
    '/jobsx/../jobs/%',
  ])('%s stays where it is: foreman answers what is its own', async (path) => {
    const foreman = await openForeman()
    const line = await Line.to(foreman.url)
    line.send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
    await line.closed()
    if (path.startsWith('/jobs/') || path.startsWith('/queue'))
      expect(line.text).toMatch(/^HTTP\/1\.1 (404|400) [^]*application\/problem\+json/)
    else expect(line.text).toMatch(/^HTTP\/1\.1 [45]/)
  })
})

describe('methods', () => {
  const routes: [path: string, allow: string][] = [
    ['/jobs', 'GET, HEAD, POST'],
    ['/jobs/job_x', 'DELETE, GET, HEAD'],
    ['/jobs/job_x/cancel', 'POST'],
    ['/jobs/job_x/retry', 'POST'],
    ['/queue', 'GET, HEAD'],
    ['/queue/pause', 'POST'],
    ['/target', 'GET, HEAD'],
    ['/livez', 'GET, HEAD'],
    ['/readyz', 'GET, HEAD'],
    ['/metrics', 'GET'],
    ['/openapi.json', 'GET, HEAD'],
  ]

  test.each(routes)('others than its own on %s are answered 405 with Allow, OPTIONS with 204', async (path, allow) => {
    const foreman = await openForeman()
    for (const method of ['PUT', 'PATCH', 'GET', 'POST', 'DELETE'].filter((one) => !allow.includes(one))) {
      const answer = await foreman.call(method, path)
      expect([method, answer.status, answer.headers.get('allow')]).toEqual([method, 405, allow])
      expect(problemOf(answer).code).toBe('invalid_request')
    }
    const head = await foreman.call('HEAD', path)
    expect([head.status === 405, head.text]).toEqual([!allow.includes('HEAD'), ''])
    expect((await foreman.call('OPTIONS', path)).status).toBe(204)
    expect(foreman.fake.requests.some((seen) => seen.path === path)).toBe(false)
  })

  test('on a path that could be a job’s are those of the route that has it, and no job is called so', async () => {
    const foreman = await openForeman()
    const put = await foreman.call('PUT', '/jobs/batch')
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'POST'])
    for (const method of ['GET', 'DELETE']) expect((await foreman.call(method, '/jobs/batch')).status).toBe(404)
    expect((await foreman.call('OPTIONS', '/jobs/batch')).headers.get('allow')).toBe('POST, OPTIONS')
  })

  test('of tRPC procedures: a query is no mutation, and there is no batching', async () => {
    const foreman = await openForeman()
    const query = await foreman.call('POST', '/trpc/jobs.list', { body: {} })
    expect(query.status).toBe(405)
    expect((await foreman.get('/trpc/jobs.cancel?input=%7B%7D')).status).toBe(405)
    expect((await foreman.get('/trpc/jobs.nothing')).status).toBe(404)
    const batch = await foreman.get('/trpc/queue.get,target.get?batch=1&input=%7B%7D')
    expect(batch.status).toBeGreaterThanOrEqual(400)
    for (const { text } of [query, batch]) expect(text).not.toMatch(/"stack"|node_modules/)
  })
})

test('a job that cannot be submitted costs nothing: a thousand refusals later memory and database are as before', async () => {
  const foreman = await openForeman()
  const before = foreman.rows<{ n: number }>('SELECT count(*) AS n FROM sqlite_schema')
  for (let i = 0; i < 20; i++) {
    const all = Array.from({ length: 50 }, () => foreman.post('/jobs', { ...chat(), extra: 'x'.repeat(1000) }))
    for (const { status } of await Promise.all(all)) expect(status).toBe(422)
  }
  expect(foreman.rows('SELECT count(*) AS n FROM sqlite_schema')).toEqual(before)
  for (const table of ['job', 'event', 'affinity', 'chunk', 'loose'])
    expect(foreman.rows(`SELECT * FROM ${table}`)).toEqual([])
  await eventually(() => foreman.app.queue.vigil.size === 0)
})
