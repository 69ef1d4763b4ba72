import { describe, expect, test } from 'vitest'
import type { State } from '../job/state.ts'
import type { EventRow } from '../store/events.ts'
import type { JobRow } from '../store/jobs.ts'
import { newJob } from '../store/store.harness.ts'
import { defaultEvents, owed, type StoredDeliver, type StoredWebhook } from './outbox.ts'
import { viewJob } from './view.ts'

const { idempotency_key: _key, idempotency_hash: _hash, ...inserted } = newJob(7)

function row(state: State, webhook?: Partial<StoredWebhook>, deliver?: StoredDeliver): JobRow {
  return {
    ...inserted,
    state,
    key: 'm:latest',
    loading_at: 1,
    working_at: 1,
    finished_at: 1,
    due: null,
    error: null,
    last_error: null,
    usage: null,
    webhook: webhook
      ? JSON.stringify({
          url: 'https://a/hook',
          events: defaultEvents,
          include: [],
          ...webhook,
        })
      : null,
    deliver: deliver ? JSON.stringify(deliver) : null,
  }
}

const event = (state: State): EventRow => ({
  seq: 42,
  job: 7,
  state,
  happening: 'finish',
  at: Date.UTC(2026, 10, 22),
  steady: 8e4,
  attempt: 1,
})

const artifact = (name: string) => ({
  job: 7,
  name,
  content_type: 'text/plain',
  size_bytes: 1,
  sha256: 'a'.repeat(64),
  blob: 1,
  partial: 0 as const,
})

const of = (job: JobRow, response?: Buffer, names: string[] = []) =>
  owed(job, event(job.state), viewJob(job, names.map(artifact), 'http://f'), response)

const data = (job: JobRow, response?: Buffer) => of(job, response)[0]?.body?.toString() ?? ''

describe('a webhook', () => {
  test.each<[State, boolean]>([
    ['queued', false],
    ['loading', false],
    ['working', false],
    ['done', true],
    ['failed', true],
    ['canceled', true],
  ])('that asked for nothing special is told of %s: %s', (state, told) => {
    expect(of(row(state, {})).length).toBe(told ? 1 : 0)
  })

  test('that asked for some events is told of those', () => {
    const events: StoredWebhook['events'] = ['queued', 'working']
    const told = (['queued', 'loading', 'working', 'done'] as const).filter((s) => of(row(s, { events })).length > 0)
    expect(told).toEqual(events)
  })

  test('is owed as a row of this transaction: due at once, under an id of its own', () => {
    const [first] = of(row('done', {}))
    const [second] = of(row('done', {}))
    expect(first).toMatchObject({
      job: 7,
      event: 42,
      kind: 'webhook',
      url: 'https://a/hook',
      artifact: null,
      due: 8e4,
      created_at: Date.UTC(2026, 10, 22),
    })
    expect(first?.id).toMatch(/^msg_[0-9a-f-]{36}$/)
    expect(second?.id).not.toBe(first?.id)
  })

  test('says what happened, when, and how the job looks', () => {
    const job = row('done', {})
    expect(JSON.parse(data(job))).toEqual({
      type: 'job.done',
      timestamp: '2026-11-22T00:00:00.000Z',
      data: viewJob(job, [], 'http://f'),
    })
  })

  test('has the answer in it only if that was asked for', () => {
    const answer = Buffer.from('{"seed":12345678901234567890}')
    expect(data(row('done', {}), answer)).not.toContain('response')
    expect(data(row('done', { include: ['response'] }))).not.toContain('response')
  })

  test('has the answer to the byte, numbers exact', () => {
    const answer = Buffer.from('{"seed": 12345678901234567890, "x":1.0}')
    const text = data(row('done', { include: ['response'] }), answer)
    expect(text).toContain(',"response":{"seed": 12345678901234567890, "x":1.0}}}')
    expect(JSON.parse(text)).toMatchObject({ type: 'job.done', data: { id: 'job_7', response: { x: 1 } } })
  })

  test('leaves out an answer of more than 64 kB: it is fetched', () => {
    const include: StoredWebhook['include'] = ['response']
    const sized = (bytes: number) => Buffer.from(JSON.stringify('x'.repeat(bytes - 2)))
    expect(data(row('done', { include }), sized(64 * 1024))).toContain('"response":')
    const without = data(row('done', { include }), sized(64 * 1024 + 1))
    expect(without).not.toContain('"response"')
    expect(JSON.parse(without)).toMatchObject({ data: { id: 'job_7' } })
  })
})

describe('deliver', () => {
  const names = ['response.json', 'output.txt', 'image 1.png']
  const urls = (deliver: StoredDeliver, state: State = 'done') =>
    of(row(state, undefined, deliver), undefined, names).map(({ artifact, url }) => [artifact, url])

  test('owes each artifact an upload to its own address', () => {
    expect(urls({ url: 'https://a/{name}?n=%7Bname%7D' })).toEqual([
      ['response.json', 'https://a/response.json?n=response.json'],
      ['output.txt', 'https://a/output.txt?n=output.txt'],
      ['image 1.png', 'https://a/image%201.png?n=image%201.png'],
    ])
  })

  test('owes only those that an address was given for', () => {
    expect(urls({ urls: { 'output.txt': 'https://b/x', 'never.txt': 'https://b/y' } })).toEqual([
      ['output.txt', 'https://b/x'],
    ])
  })

  test('prefers the address of the artifact to the general one', () => {
    expect(urls({ url: 'https://a/{name}', urls: { 'output.txt': 'https://b/x' } })).toContainEqual([
      'output.txt',
      'https://b/x',
    ])
  })

  test.each<State>(['queued', 'failed', 'canceled'])('owes nothing of a %s job', (state) => {
    expect(urls({ url: 'https://a/{name}' }, state)).toEqual([])
  })

  test('is told apart from the webhook: the artifact’s name, no bytes', () => {
    const owes = of(row('done', {}, { url: 'https://a/{name}' }), undefined, ['a'])
    expect(owes.map(({ kind, artifact, body }) => [kind, artifact, body === null])).toEqual([
      ['webhook', null, false],
      ['artifact', 'a', true],
    ])
  })
})

test('a job that asked for nothing is owed nothing', () => {
  expect(of(row('done'), Buffer.from('{}'), ['a'])).toEqual([])
})
