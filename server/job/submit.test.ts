import { describe, expect, test } from 'vitest'
import {
  asksForJson,
  bodyFaults,
  endpoints,
  isEmbedding,
  isNative,
  lookedAt,
  SubmitBatch,
  SubmitJob,
} from './submit.ts'

const body = { model: 'llama3', messages: [] }
const minimal = { request: { endpoint: '/api/chat', body } }

/** JSON pointers of what is wrong with an input, with what is said of each. */
function faults(input: unknown): string[] {
  const { error } = SubmitJob.safeParse(input)
  return (error?.issues ?? []).flatMap((issue) => {
    const path = issue.path.map((part) => `/${String(part)}`).join('')
    return issue.code === 'unrecognized_keys' ? issue.keys.map((name) => `${path}/${name}`) : [path]
  })
}

describe('a submit', () => {
  test('needs a request and nothing else', () => {
    expect(SubmitJob.parse(minimal)).toEqual(minimal)
    expect(faults({})).toEqual(['/request'])
    expect(faults(null)).toEqual([''])
    expect(faults([])).toEqual([''])
  })

  test('may say everything there is to say', () => {
    const full = {
      ...minimal,
      webhook: { url: 'https://a.example/hook?x=1', events: ['queued', 'done'], include: ['response'] },
      deliver: { url: 'https://a.example/up/{name}', urls: { 'response.json': 'http://10.0.0.1/x' } },
      idempotency_key: 'k',
      labels: { feed: '42' },
      timeout_s: 60,
      max_attempts: 10,
      start_by: '2026-11-23T06:00:00.000+01:00',
    }
    expect(SubmitJob.parse(full)).toEqual(full)
  })

  test.each([...endpoints])('may be for %s', (endpoint) => {
    expect(faults({ request: { endpoint, body } })).toEqual([])
  })

  test.each([
    ['an endpoint that is no inference', { request: { endpoint: '/api/pull', body } }, ['/request/endpoint']],
    ['an endpoint in other case', { request: { endpoint: '/API/chat', body } }, ['/request/endpoint']],
    ['no endpoint', { request: { body } }, ['/request/endpoint']],
    ['no body', { request: { endpoint: '/api/chat' } }, ['/request/body']],
    ['a body that is a list', { request: { endpoint: '/api/chat', body: [] } }, ['/request/body']],
    ['a body that is a text', { request: { endpoint: '/api/chat', body: '{}' } }, ['/request/body']],
    ['a body that is null', { request: { endpoint: '/api/chat', body: null } }, ['/request/body']],
    ['an unknown field', { ...minimal, priority: 1 }, ['/priority']],
    ['two unknown fields', { ...minimal, a: 1, b: 2 }, ['/a', '/b']],
    ['an unknown field of the request', { request: { ...minimal.request, model: 'x' } }, ['/request/model']],
    ['an unknown field of the webhook', { ...minimal, webhook: { url: 'https://a/', x: 1 } }, ['/webhook/x']],
    ['an unknown field of deliver', { ...minimal, deliver: { url: 'https://a/{name}', x: 1 } }, ['/deliver/x']],
    ['an empty idempotency key', { ...minimal, idempotency_key: '' }, ['/idempotency_key']],
    ['an idempotency key of 256', { ...minimal, idempotency_key: 'k'.repeat(256) }, ['/idempotency_key']],
    ['a timeout of 0', { ...minimal, timeout_s: 0 }, ['/timeout_s']],
    ['a timeout in halves', { ...minimal, timeout_s: 1.5 }, ['/timeout_s']],
    ['a timeout as text', { ...minimal, timeout_s: '60' }, ['/timeout_s']],
    ['no attempts', { ...minimal, max_attempts: 0 }, ['/max_attempts']],
    ['11 attempts', { ...minimal, max_attempts: 11 }, ['/max_attempts']],
    ['a start_by that is no time', { ...minimal, start_by: 'tomorrow' }, ['/start_by']],
    ['a start_by without a zone', { ...minimal, start_by: '2026-11-23T06:00:00' }, ['/start_by']],
    ['a start_by in seconds', { ...minimal, start_by: 1_795_000_000 }, ['/start_by']],
    ['a null where an absent thing is meant', { ...minimal, labels: null }, ['/labels']],
  ])('is refused for %s', (_, input, pointers) => {
    expect(faults(input)).toEqual(pointers)
  })

  test('keys of 1 to 255 characters are idempotency keys', () => {
    expect(faults({ ...minimal, idempotency_key: 'k'.repeat(255) })).toEqual([])
  })

  test('free things stay free: the body and what labels say', () => {
    const free = { model: 'm', anything: { deep: [1, null] }, __proto__: null, 'a/b': 1 }
    expect(faults({ request: { endpoint: '/api/chat', body: free }, labels: { 'a/b~c': '' } })).toEqual([])
  })
})

describe('labels', () => {
  const labels = (entries: [string, unknown][]) => faults({ ...minimal, labels: Object.fromEntries(entries) })
  const many = (n: number): [string, string][] => Array.from({ length: n }, (_, i) => [`k${i}`, 'v'])

  test('there may be 32', () => {
    expect(labels(many(32))).toEqual([])
    expect(labels(many(33))).toEqual(['/labels'])
  })

  test('10,000 of them are one fault, not 10,000', () => {
    expect(labels(many(10_000))).toEqual(['/labels'])
  })

  test('a key has 1 to 64 characters, a value up to 256', () => {
    expect(labels([['k'.repeat(64), 'v'.repeat(256)]])).toEqual([])
    expect(labels([['k'.repeat(65), 'v']])).toEqual([`/labels/${'k'.repeat(65)}`])
    expect(labels([['', 'v']])).toEqual(['/labels/'])
    expect(labels([['k', 'v'.repeat(257)]])).toEqual(['/labels/k'])
    expect(labels([['k', 1]])).toEqual(['/labels/k'])
  })
})

describe('addresses', () => {
  const webhook = (url: unknown) => faults({ ...minimal, webhook: { url } })
  const deliver = (spec: unknown) => faults({ ...minimal, deliver: spec })

  test.each(['https://a.example', 'http://10.0.0.1:80/x', 'https://[::1]/hook', `https://a/${'x'.repeat(2038)}`])(
    'a webhook may go to %.40s',
    (url) => expect(webhook(url)).toEqual([]),
  )

  test.each([['ftp://a/'], ['file:///etc/passwd'], ['javascript:alert(1)'], ['/hook'], [''], [null], [7]])(
    'but not to %j',
    (url) => expect(webhook(url)).toEqual(['/webhook/url']),
  )

  test('an address has 2,048 characters at most', () => {
    expect(webhook(`https://a/${'x'.repeat(2039)}`)).toEqual(['/webhook/url'])
    expect(deliver({ url: `https://a/{name}${'x'.repeat(2048)}` })).toEqual(['/deliver/url'])
    expect(deliver({ urls: { a: `https://a/${'x'.repeat(2048)}` } })).toEqual(['/deliver/urls/a'])
  })

  test('events of a webhook are known ones, one at least', () => {
    const events = (list: unknown) => faults({ ...minimal, webhook: { url: 'https://a/', events: list } })
    expect(events(['queued', 'loading', 'working', 'done', 'failed', 'canceled'])).toEqual([])
    expect(events([])).toEqual(['/webhook/events'])
    expect(events(['finished'])).toEqual(['/webhook/events/0'])
    expect(faults({ ...minimal, webhook: { url: 'https://a/', include: ['request'] } })).toEqual(['/webhook/include/0'])
  })

  test('deliver.url says where the name goes, written plainly or escaped', () => {
    expect(deliver({ url: 'https://a/{name}' })).toEqual([])
    expect(deliver({ url: 'https://a/%7Bname%7D?x=1' })).toEqual([])
    expect(deliver({ url: 'https://a/name' })).toEqual(['/deliver/url'])
  })

  test('deliver.url has braces for nothing else, which would stay as they are', () => {
    expect(deliver({ url: 'https://a/{id}-{name}' })).toEqual(['/deliver/url'])
    expect(deliver({ url: 'https://a/{name' })).toEqual(['/deliver/url'])
    expect(deliver({ url: 'https://a/{name}/{name}?x=%7Bid%7D' })).toEqual([])
  })

  test('deliver.urls names at most 64 artifacts', () => {
    const urls = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`a${i}`, 'https://a/x']))
    expect(deliver({ urls: urls(64) })).toEqual([])
    expect(deliver({ urls: urls(65) })).toEqual(['/deliver/urls'])
  })

  test('deliver.urls needs none, and one of the two is needed', () => {
    expect(deliver({ urls: { 'response.json': 'https://a/x' } })).toEqual([])
    expect(deliver({})).toEqual(['/deliver'])
    expect(deliver({ urls: { '': 'https://a/x' } })).toEqual(['/deliver/urls/'])
  })
})

describe('what the target is known to refuse', () => {
  const of = (more: object, endpoint = '/api/chat') =>
    bodyFaults(endpoint, { model: 'm', ...more }).map(({ path }) => path.join('/'))

  test.each([
    ['no model', undefined],
    ['an empty model', ''],
    ['spaces', '  '],
    ['a number', 7],
    ['a null', null],
    ['a newline inside', 'llama3\nrm -rf'],
    ['a way up', '../../etc/passwd'],
    ['10,000 characters', 'm'.repeat(10_000)],
    ['a digest', 'm@sha256:00'],
  ])('%s as model', (_, model) => {
    for (const endpoint of endpoints) expect(of({ model }, endpoint)).toEqual(['model'])
  })

  test('it is told apart: no model at all, or not a name', () => {
    for (const model of [undefined, '', '  ', 7])
      expect(bodyFaults('/api/chat', { model })[0]?.detail).toBe('name a model')
    expect(bodyFaults('/api/chat', { model: 'a b' })[0]?.detail).toMatch(/^not a model name/)
  })

  const integers = [
    'num_ctx',
    'num_batch',
    'num_gpu',
    'main_gpu',
    'num_thread',
    'num_keep',
    'num_predict',
    'draft_num_predict',
    'seed',
    'top_k',
    'repeat_last_n',
  ]
  const numbers = [
    'temperature',
    'top_p',
    'min_p',
    'typical_p',
    'repeat_penalty',
    'presence_penalty',
    'frequency_penalty',
  ]

  test.each([...integers, ...numbers])('options.%s that is no number', (name) => {
    for (const wrong of ['1', true, [1], {}]) expect(of({ options: { [name]: wrong } })).toEqual([`options/${name}`])
    for (const right of [1, -1, 0.5, null]) expect(of({ options: { [name]: right } })).toEqual([])
  })

  test('options.use_mmap that is neither true nor false', () => {
    for (const wrong of [1, 'true', []]) expect(of({ options: { use_mmap: wrong } })).toEqual(['options/use_mmap'])
    for (const right of [true, false, null]) expect(of({ options: { use_mmap: right } })).toEqual([])
  })

  test('options.stop that is no list of texts', () => {
    for (const wrong of ['x', [1], ['a', null]]) expect(of({ options: { stop: wrong } })).toEqual(['options/stop'])
    for (const right of [[], ['a', 'b'], null]) expect(of({ options: { stop: right } })).toEqual([])
  })

  test('options that are no object', () => {
    for (const wrong of ['x', [], 7, true]) expect(of({ options: wrong })).toEqual(['options'])
    for (const right of [undefined, null, {}]) expect(of({ options: right })).toEqual([])
  })

  test('all faults at once, and nothing of what it ignores', () => {
    expect(of({ model: '', options: { seed: 'x', top_k: 'y', made_up: 'z' } })).toEqual([
      'model',
      'options/seed',
      'options/top_k',
    ])
  })

  test('options of /v1 are nobody’s business', () => {
    expect(of({ options: 'x' }, '/v1/chat/completions')).toEqual([])
    expect(of({ options: { seed: 'x' } }, '/v1/messages')).toEqual([])
  })

  test('a submit tells them with their pointers', () => {
    const request = { endpoint: '/api/chat', body: { model: 'a b', options: { seed: 'x' } } }
    expect(faults({ request })).toEqual(['/request/body/model', '/request/body/options/seed'])
  })

  test('only members that are looked at decide any of it', () => {
    const rest = { messages: [{}], prompt: 7, stream: 'x', tools: false, keep_alive: {}, input: null }
    for (const endpoint of endpoints) expect(of(rest, endpoint)).toEqual([])
    expect(lookedAt).toEqual(['model', 'options', 'shift', 'format', 'response_format', 'text'])
  })
})

describe('whether JSON was asked for', () => {
  test.each([
    ['/api/chat', { format: 'json' }, true],
    ['/api/generate', { format: { type: 'object' } }, true],
    ['/api/chat', { format: '' }, false],
    ['/api/chat', { format: null }, false],
    ['/api/chat', {}, false],
    ['/api/chat', { response_format: { type: 'json_object' } }, false],
    ['/v1/chat/completions', { response_format: { type: 'json_object' } }, true],
    ['/v1/chat/completions', { response_format: { type: 'json_schema', json_schema: {} } }, true],
    ['/v1/chat/completions', { response_format: { type: 'text' } }, false],
    ['/v1/chat/completions', { response_format: null }, false],
    ['/v1/chat/completions', { response_format: 'json' }, false],
    ['/v1/chat/completions', { format: 'json' }, false],
    ['/v1/responses', { text: { format: { type: 'json_schema' } } }, true],
    ['/v1/responses', { text: { format: { type: 'text' } } }, false],
    ['/v1/responses', { text: null }, false],
    ['/v1/responses', { text: { format: null } }, false],
    ['/v1/responses', { response_format: { type: 'json_object' } }, false],
    ['/v1/messages', {}, false],
  ])('%s %j: %s', (endpoint, more, asked) => {
    expect(asksForJson(endpoint, { model: 'm', ...more })).toBe(asked)
  })
})

describe('a batch', () => {
  test('has 1 to 1,000 jobs', () => {
    const size = (n: number) => SubmitBatch.safeParse({ jobs: Array.from({ length: n }, () => minimal) }).success
    expect([size(0), size(1), size(1000), size(1001)]).toEqual([false, true, true, false])
  })

  test('knows no other field', () => {
    expect(SubmitBatch.safeParse({ jobs: [minimal], all: true }).success).toBe(false)
  })
})

test('which endpoints are native, and which embed', () => {
  expect(endpoints.filter(isNative)).toEqual(['/api/chat', '/api/generate', '/api/embed'])
  expect(endpoints.filter(isEmbedding)).toEqual(['/api/embed', '/v1/embeddings'])
})

test.each([
  ['9999-12-31T23:59:59-01:00', false],
  ['0000-01-01T00:00:00+01:00', false],
  ['1969-12-31T23:59:59Z', false],
  ['1970-01-01T00:00:00Z', true],
  ['9999-12-31T23:59:59.999Z', true],
])('start_by %s is a time that can be answered with: %s', (start_by, fits) => {
  const request = { endpoint: '/api/chat', body: { model: 'm' } }
  expect(SubmitJob.safeParse({ request, start_by }).success).toBe(fits)
})

test('a parsed body names the members that are looked at in one spelling only', () => {
  const body = { model: 'a', Model: 'b', Other: 1 }
  expect(bodyFaults('/api/chat', body)).toEqual([{ path: ['Model'], detail: 'write it as model' }])
})
