// The simulated Ollama held against the real one: every recorded exchange is played again and its answer compared in
// status, headers, error texts, the order of fields, the framing of chunks and the way it ends.

import { expect, test } from 'vitest'
import { readRecording, recordingNames, type Bytes, type Recording } from '../recordings/recording.ts'
import { exchange, requestBytes, type Exchange } from './exchange.ts'
import { startFake, type Fake, type FakeModel, type FakeOptions } from './fake.ts'

/** Recordings that the simulation does not reproduce, and why. */
const excluded: Record<string, string> = {
  'embed-too-long-default': 'a quirk of the random vocabulary: its cut text has more tokens than before',
  'err-v1-audio': 'audio is not simulated',
}

const tiny = { parameters: { num_ctx: 2048 }, contextLength: 2048 } satisfies Partial<FakeModel>
const gemma: Partial<FakeModel> = {
  parent: 'gemma3:270m',
  family: 'gemma3',
  weights: 'gemma3',
  parameters: { num_ctx: 2048, stop: ['\n', 'Q:'], temperature: 0 },
  // What a GGUF of this family says of itself is the model's, not the server's.
  info: (bodyOf(readRecording('show-thinking')) as { model_info: Record<string, unknown> }).model_info,
}
const models: FakeModel[] = [
  ...['endless', 'tiny-json', 'tiny-b', 'tiny-c'].map((name) => ({ name, ...tiny })),
  { name: 'tiny-a', ...tiny, weights: 'tiny-a' },
  { name: 'alias-a', ...tiny, weights: 'tiny-a' },
  { name: 'auto-a', weights: 'tiny-a' },
  { name: 'slow', ...tiny },
  { name: 'gemma3:270m', ...gemma, parent: '' },
  { name: 'tool-g', ...gemma, capabilities: ['completion', 'tools'] },
  { name: 'broken', ...tiny },
  { name: '127.0.0.1:5005/library/pull-a', ...tiny },
  { name: 'tiny-think', ...tiny, capabilities: ['completion', 'thinking'] },
  { name: 'think-g', ...gemma, capabilities: ['completion', 'thinking'] },
  { name: 'tiny-embed', ...tiny, capabilities: ['embedding'] },
]

/** What must be so before the request, for recordings that are not of a fresh server. */
const scenes: [cases: RegExp, prepare: (fake: Fake, recording: Recording) => unknown][] = [
  [/^ps-(loaded|after-crash|expired-busy)$/, (fake) => post(fake, '/api/generate', { model: 'tiny-a' })],
  [/^ps-loaded-embed$/, (fake) => post(fake, '/api/embed', { model: 'tiny-embed', input: '' })],
  [/^ps-(two|three)-models$/, loadThree],
  [/^unload/, (fake) => post(fake, '/api/generate', { model: 'tiny-a' })],
  [/^(copy|delete|delete-name)$/, (fake) => ['made-1', 'made-5'].forEach((name) => fake.addModel(name))],
  [/^(create-from-file|blob-head-200|blob-post-200|err-create-broken)/, upload],
  [
    /offline|^create-missing-from|^err-create-broken/,
    (fake, recording) => fake.fault({ do: 'refuse', text: errorText(recording), when: () => true }),
  ],
  [/^err-busy/, fillQueue],
  [/^err-load/, (fake, recording) => fake.fault({ do: 'fail_load', text: errorText(recording) })],
  [/^crash-(before|nonstream|embed)/, (fake) => fake.fault({ do: 'crash' })],
  [/^crash-mid/, (fake) => fake.fault({ do: 'crash', after: 4 })],
  [/^server-.*-mid/, (fake) => fake.fault({ do: 'kill', after: 4 })],
  [/^server-.*-before/, (fake) => fake.fault({ do: 'kill' })],
  [/^generate-token-repeat/, (fake) => fake.fault({ do: 'eof', after: 6 })],
]

for (const name of recordingNames()) {
  if (excluded[name] !== undefined) continue
  test(`${name} is answered as Ollama answered it`, async () => {
    const recording = readRecording(name)
    const fake = await startFake({
      models,
      registry: [{ name: 'http://127.0.0.1:5005/library/pull-a' }, { name: 'http://127.0.0.1:5005/library/pull-slow' }],
      ...optionsOf(name),
    })
    try {
      for (const [cases, prepare] of scenes) if (cases.test(name)) await prepare(fake, recording)
      const { method, path, headers, body } = recording.request
      const answer = await exchange(fake.port, method, requestBytes(method, path, headers, bytesOf(body)))
      expect(picture(answer)).toEqual(picture(recorded(recording)))
    } finally {
      await fake.close()
    }
  })
}

test('every exclusion names a recording', () => {
  expect(recordingNames()).toEqual(expect.arrayContaining(Object.keys(excluded)))
  expect(Object.keys(excluded).length).toBeLessThan(5)
})

function optionsOf(name: string): FakeOptions {
  if (name.startsWith('err-busy')) return { maxQueue: 1, loadMs: Infinity }
  return { room: 3, version: '0.33.0-rc2' }
}

async function post(fake: Fake, path: string, body: object): Promise<void> {
  const answer = await fetch(fake.url + path, { method: 'POST', body: JSON.stringify(body) })
  expect(answer.status).toBe(200)
  await answer.arrayBuffer()
}

async function loadThree(fake: Fake, { case: name }: Recording): Promise<void> {
  await post(fake, '/api/generate', { model: 'tiny-a', keep_alive: '10m' })
  await post(fake, '/api/embed', { model: 'tiny-embed', input: '', keep_alive: '2m' })
  if (name === 'ps-three-models') await post(fake, '/api/generate', { model: 'slow', keep_alive: -1 })
}

/** One load in progress and one request waiting, which is all that fits. */
async function fillQueue(fake: Fake): Promise<void> {
  for (const model of ['tiny-a', 'tiny-b']) {
    fetch(`${fake.url}/api/generate`, { method: 'POST', body: JSON.stringify({ model }) }).catch(() => {})
    const { length } = fake.requests
    await fake.until(() => fake.requests.length > length && fake.requests.at(-1)?.purpose === 'load')
  }
  await fake.until(() => fake.queued === 1)
}

/** The blob that the request is about, put there by its digest. */
async function upload(fake: Fake, { request }: Recording): Promise<void> {
  const digest = /sha256:[0-9a-f]{64}/.exec(`${request.path} ${JSON.stringify(request.body)}`)?.[0] ?? ''
  fake.addBlob(digest)
}

function bytesOf(body: Bytes): Buffer {
  if (typeof body !== 'string') return Buffer.from(body.base64, 'base64')
  return Buffer.from(body.replace(/\(([0-9]+) words\)/, (_, count: string) => 'amber '.repeat(Number(count)).trim()))
}

function recorded({ response }: Recording): Exchange {
  const chunks = response.chunks.map(({ text }) => text ?? '')
  const chunked = response.headers.some(([name]) => name === 'Transfer-Encoding')
  return { ...response, chunks: chunked ? chunks : chunks.length > 0 ? [chunks.join('')] : [] }
}

function bodyOf({ response }: Recording): unknown {
  return JSON.parse(response.chunks.map(({ text }) => text ?? '').join(''))
}

/** The text of the error that the recorded answer ends with. */
function errorText({ response }: Recording): string {
  const [last = ''] = response.chunks.map(({ text }) => text ?? '').slice(-1)
  const { error } = JSON.parse(last) as { error: string | { message: string } }
  return typeof error === 'string' ? error : error.message
}

/** What of an answer must agree: everything but times, lengths, generated words and random ids. */
function picture({ status, headers, chunks, end }: Exchange): object {
  const failed = status === null || status >= 400
  const kept = headers.map(([name, value]) =>
    [name, name === 'Date' || name === 'Content-Length' ? '' : value].join(': '),
  )
  return {
    status,
    headers: kept,
    body: collapse(chunks.map((chunk) => (failed ? errorPicture(chunk) : chunkPicture(chunk)))),
    end,
  }
}

/** Errors agree word for word, save for ids, ports and counts of tokens. */
function errorPicture(text: string): string {
  return text
    .replace(/req_[0-9a-f]{24}/, 'req_')
    .replace(/127\.0\.0\.1:[0-9]+/, '127.0.0.1')
    .replace(/\([0-9]+ tokens\) exceeds/, 'exceeds')
    .replace(/n_prompt_tokens\\":[0-9]+/, 'n_prompt_tokens')
}

function chunkPicture(chunk: string): string {
  return chunk
    .split('\n')
    .map((line) => {
      const [, prefix = '', json = ''] = /^(data: )?(\{.*)$/.exec(line) ?? []
      return json === '' ? line : prefix + shape(JSON.parse(json))
    })
    .join('\n')
}

/** Fields whose text is part of the form. */
const literal = new Set([
  'model',
  'role',
  'object',
  'type',
  'status',
  'done_reason',
  'finish_reason',
  'stop_reason',
  'error',
  'system_fingerprint',
  'owned_by',
])

/** Names and order of fields, kinds of values, repeats in lists collapsed. */
function shape(value: unknown, field = ''): string {
  if (field === 'context') return '[tokens]'
  // What models there are and what they are made of is data: only its form counts.
  const inner = (name: string) => (field === 'models' || field === 'tensors' ? field : name)
  if (Array.isArray(value)) return `[${collapse(value.map((member) => shape(member, inner('')))).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([name, member]) => `${name}: ${shape(member, inner(name))}`)
      .join(', ')}}`
  }
  if (typeof value !== 'string' || !literal.has(field)) return value === null ? 'null' : typeof value
  if (['stop', 'length', 'end_turn', 'max_tokens'].includes(value)) return 'ended'
  return value.replace(/[0-9a-f]{12,64}/, '<hex>')
}

function collapse(list: string[]): string[] {
  return list.filter((item, i) => item !== list[i - 1])
}
