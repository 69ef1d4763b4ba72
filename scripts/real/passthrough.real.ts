// What passes through foreman is what the target says: each answer is held against the target's own to the same request,
// as they are on the wire. Only what belongs to one connection or one moment may differ.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openForeman, type Foreman } from '../../server/app.harness.ts'
import { cacheFolder } from './cache.ts'
import { type Answered, type Asked, exchange, lasting } from './exchange.ts'
import { importModel, tinyA, tinyEmbed, tinyEndless } from './models.ts'
import { startOllama } from './ollama.ts'
import { type Target, targets } from './targets.ts'

const post = (path: string, body: object | string): Asked => ({
  method: 'POST',
  path,
  headers: [['Content-Type', 'application/json']],
  body: typeof body === 'string' ? body : JSON.stringify(body),
})
const get = (path: string): Asked => ({ method: 'GET', path })
const head = (path: string): Asked => ({ method: 'HEAD', path })
const messages = [{ role: 'user', content: 'Hello' }]
const digest = `sha256:${'0'.repeat(64)}`

/** Requests whose answer is the same each time. */
const plain: Asked[] = [
  get('/'),
  head('/'),
  get('/api/version'),
  head('/api/version'),
  get('/api/tags'),
  head('/api/tags'),
  get('/api/tags?a=%2e%2E/&b'),
  get('/api/ps'),
  get('/v1/models'),
  get(`/v1/models/${tinyA}`),
  get('/v1/models/nope'),
  post('/api/show', { model: tinyA }),
  post('/api/show', { model: 'nope' }),
  { ...post('/api/show', { model: tinyA }), headers: [['content-type', 'application/x-www-form-urlencoded']] },
  get('/api/nope'),
  get('/nope'),
  head('/nope'),
  post('/v1/nope', '{}'),
  get('/api/chat'),
  { method: 'PUT', path: '/api/tags', body: 'x' },
  { method: 'DELETE', path: '/api/version' },
  { method: 'PATCH', path: '/v1/chat/completions', body: '{}' },
  get('/api/tags/'),
  post('/api/chat/', { model: tinyA }),
  get('//api/tags'),
  post('/api/chat', { model: 'nope', messages }),
  post('/api/generate', { model: 'nope', prompt: 'a' }),
  post('/api/embed', { model: 'nope', input: 'a' }),
  post('/v1/chat/completions', { model: 'nope', messages }),
  post('/v1/embeddings', { model: 'nope', input: 'a' }),
  post('/api/generate', '{broken'),
  post('/api/generate', ''),
  post('/v1/chat/completions', ''),
  post('/api/chat', '[1]'),
  post('/api/chat', { model: 7 }),
  post('/api/chat', { model: '', messages }),
  post('/api/chat', { model: 'in valid', messages }),
  post('/api/generate', { model: tinyEmbed, prompt: 'a' }),
  post('/api/generate', { model: tinyA, prompt: 'a', options: { num_ctx: 'big' } }),
  post('/api/generate', { model: tinyA, prompt: 'a', keep_alive: '300' }),
  post('/api/generate', { model: tinyA, prompt: 'a', format: 'xml' }),
  post('/api/copy', { source: 'nope', destination: 'b' }),
  { ...post('/api/delete', { model: 'nope' }), method: 'DELETE' },
  head(`/api/blobs/${digest}`),
  head('/api/blobs/nonsense'),
  post(`/api/blobs/${digest}`, 'other bytes'),
  {
    ...get('/api/tags'),
    headers: [
      ['Host', 'localhost:1'],
      ['X-Odd', 'a'],
      ['X-odd', 'b'],
    ],
  },
]

describe.each(targets)('in front of $name', ({ start }) => {
  let target: Target
  let foreman: Foreman
  beforeAll(async () => {
    target = await start({ name: 'passthrough' })
  })
  afterAll(() => target.stop())
  beforeEach(async () => {
    foreman = await openForeman({ settings: { TARGET: target.url, HOLD: '0s' } })
  })

  async function both(asked: Asked): Promise<[own: Answered, passed: Answered]> {
    return [await exchange(target.url, asked), await exchange(foreman.url, asked)]
  }

  test.each(plain.map((asked) => [title(asked), asked] as const))('%s', async (_, asked) => {
    const [own, passed] = await both(asked)
    expect(passed.status).toBe(own.status)
    expect(lasting(passed)).toEqual(lasting(own))
    expect(passed.headers.filter(([name]) => name === 'Date')).toHaveLength(1)
    expect(passed.framing).toBe(own.framing)
    const same = drawn.test(asked.path) ? unordered : String
    expect(same(passed.body)).toEqual(same(own.body))
  })

  const options = { seed: 7, temperature: 0, num_predict: 40 }
  const streams: Asked[] = [
    post('/api/chat', { model: tinyEndless, messages, options }),
    post('/api/generate', { model: tinyEndless, prompt: 'a', options }),
    post('/api/generate', { model: tinyEndless, prompt: 'a', stream: false, options }),
    post('/api/generate', { model: tinyEndless }),
    post('/api/embed', { model: tinyEmbed, input: ['a', 'b'] }),
    post('/v1/chat/completions', { model: tinyEndless, messages, seed: 7, max_tokens: 40, stream: true }),
    post('/v1/chat/completions', { model: tinyEndless, messages, seed: 7, max_tokens: 40 }),
    post('/v1/completions', { model: tinyEndless, prompt: 'a', seed: 7, max_tokens: 40, stream: true }),
    post('/v1/embeddings', { model: tinyEmbed, input: 'a' }),
  ]

  test.each(streams.map((asked) => [title(asked), asked] as const))('%s in the same pieces', async (_, asked) => {
    // The first answer of all pays for the load, in a field of its own.
    await exchange(target.url, asked)
    const [own, passed] = await both(asked)
    expect(passed.status).toBe('HTTP/1.1 200 OK')
    expect(lasting(passed).map(([name]) => name)).toEqual(lasting(own).map(([name]) => name))
    expect(new Map(lasting(passed)).get('Content-Type')).toBe(new Map(lasting(own)).get('Content-Type'))
    expect(passed.framing).toBe(own.framing)
    expect(passed.pieces.map(timeless)).toEqual(own.pieces.map(timeless))
  })
})

const title = ({ method, path, body = '' }: Asked) => `${method} ${path} ${body.toString()}`

/** Ollama draws lots about the order of models of one second, of members of a map, of lines of parameters. */
const drawn = /^\/+(api\/tags|v1\/models$|api\/show)/

function unordered(body: Buffer): unknown {
  if (!body.toString().startsWith('{')) return body.toString()
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map((each) => JSON.stringify(each)).sort()
    return typeof value === 'string' ? value.split('\n').sort() : value
  }
  const members = Object.entries(JSON.parse(body.toString()) as object)
  return [body.length, Object.fromEntries(members.map(([name, value]) => [name, sorted(value)]))]
}

/** The text without what differs from one answer to the next: moments, durations, numbers of answers. */
function timeless(piece: Buffer): string {
  return piece
    .toString()
    .replace(/"created_at":"[^"]+"/g, '"created_at":…')
    .replace(/"(\w+_duration|created)":\d+/g, '"$1":…')
    .replace(/"id":"(chatcmpl|cmpl)-\w+"/g, '"id":"$1-…"')
}

test('a model goes up through foreman as the clients send it, and talks', async () => {
  const models = mkdtempSync(join(tmpdir(), 'foreman-models-'))
  const ollama = await startOllama({ name: 'upload', models })
  try {
    const foreman = await openForeman({ settings: { TARGET: ollama.url } })
    const path = join(cacheFolder(), 'tiny', `${tinyA}.gguf`)
    await importModel(foreman.url, 'mine', path, { parameters: { num_ctx: 512 } })
    // The second time its bytes are there: the target answers without reading them.
    await importModel(foreman.url, 'mine-again', path)
    const { json } = await foreman.post('/api/chat', { model: 'mine', messages, stream: false })
    expect(json).toMatchObject({ model: 'mine', done: true })
    const { status } = await foreman.call('DELETE', '/api/delete', { body: { model: 'mine-again' } })
    expect(status).toBe(200)
    const names = ((await foreman.get('/api/tags')).json.models as { name: string }[]).map(({ name }) => name)
    expect(names).toEqual(['mine:latest'])
  } finally {
    await ollama.stop()
    rmSync(models, { recursive: true })
  }
})
