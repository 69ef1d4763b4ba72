import { describe, expect, test } from 'vitest'
import { Job } from '../job/schema.ts'
import type { JobRow } from '../store/jobs.ts'
import { newJob } from '../store/store.harness.ts'
import { time, viewJob } from './view.ts'

const { idempotency_key: _key, idempotency_hash: _hash, ...queued } = newJob(7)
const row: JobRow = {
  ...queued,
  state: 'queued',
  key: 'm:latest',
  loading_at: null,
  working_at: null,
  finished_at: null,
  due: null,
  error: null,
  last_error: null,
  usage: null,
}
const base = 'https://foreman.example/sub'

describe('a job from outside', () => {
  test('has what a queued one has, and nothing that it has not', () => {
    const job = viewJob({ ...row, labels: '{"feed":"42"}' }, [], base)
    expect(job).toEqual({
      id: 'job_7',
      state: 'queued',
      sequence: 7,
      request: { endpoint: '/api/chat', model: 'm:latest' },
      labels: { feed: '42' },
      created_at: '1970-01-01T00:00:01.007Z',
      queued_at: '1970-01-01T00:00:01.007Z',
      loading_at: null,
      working_at: null,
      finished_at: null,
      attempt: 0,
      max_attempts: 3,
      interruptions: 0,
      timeout_s: 60,
      artifacts: [],
      links: {
        self: `${base}/jobs/job_7`,
        events: `${base}/jobs/job_7/events`,
        stream: `${base}/jobs/job_7/stream`,
        cancel: `${base}/jobs/job_7/cancel`,
      },
    })
    expect(Job.parse(job)).toEqual(job)
  })

  test('in backoff says what went wrong and when it is tried again', () => {
    const last_error = { code: 'target_failed', detail: 'because', target_status: 500, target_body: '{}' }
    const job = viewJob({ ...row, due: 6e3, last_error: JSON.stringify(last_error) }, [], base)
    expect(job).toMatchObject({ state: 'queued', retry_at: '1970-01-01T00:00:06.000Z', last_error })
    expect(Job.parse(job)).toEqual(job)
  })

  test('has its results, times, usage and start_by once it is done', () => {
    const done: JobRow = {
      ...row,
      state: 'done',
      loading_at: 2e3,
      working_at: 3e3,
      finished_at: 4e3,
      start_by: 5e3,
      usage: '{"prompt_tokens":3,"queue_ms":993}',
    }
    const artifact = {
      job: 7,
      name: 'a b/ü.txt',
      content_type: 'text/plain',
      size_bytes: 3,
      sha256: 'a'.repeat(64),
      blob: 9,
      partial: 0 as const,
    }
    const job = viewJob(done, [artifact, { ...artifact, name: 'p', partial: 1 }], base)
    expect(job).toMatchObject({
      state: 'done',
      loading_at: '1970-01-01T00:00:02.000Z',
      working_at: '1970-01-01T00:00:03.000Z',
      finished_at: '1970-01-01T00:00:04.000Z',
      start_by: '1970-01-01T00:00:05.000Z',
      usage: { prompt_tokens: 3, queue_ms: 993 },
      artifacts: [
        {
          name: 'a b/ü.txt',
          content_type: 'text/plain',
          size_bytes: 3,
          sha256: 'a'.repeat(64),
          url: `${base}/jobs/job_7/artifacts/a%20b%2F%C3%BC.txt`,
          partial: false,
        },
        { partial: true },
      ],
    })
    expect(job.artifacts[0]).not.toHaveProperty('blob')
    expect(Job.parse(job)).toEqual(job)
  })

  test('says why it failed', () => {
    const error = { code: 'target_failed', detail: 'x', target_status: 500, target_body: '{}' }
    const failed: JobRow = { ...row, state: 'failed', finished_at: 1, error: JSON.stringify(error) }
    expect(viewJob(failed, [], base).error).toEqual(error)
  })

  test('never shows what is only ours: places, keys, hashes, receivers', () => {
    const secret: JobRow = { ...row, webhook: '{"url":"https://a/?token=x"}', deliver: '{}', trace: '{}' }
    const text = JSON.stringify(viewJob(secret, [], base))
    for (const word of ['token', 'place', 'affinity', 'steady', 'waiting_since', 'idempotency'])
      expect(text).not.toContain(word)
  })
})

test('times are RFC 3339, UTC, milliseconds', () => {
  expect(time(Date.UTC(2026, 10, 22, 5, 6, 7, 8))).toBe('2026-11-22T05:06:07.008Z')
})
