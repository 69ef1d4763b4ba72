import { describe, expect, test } from 'vitest'
import type { JobError } from '../job/schema.ts'
import type { StoredArtifact } from '../queue/register.ts'
import type { JobRow } from '../store/jobs.ts'
import { replayOf } from './replay.ts'

const artifact = (name: string, text: string) =>
  ({ row: { name, size_bytes: text.length }, read: () => [Buffer.from(text)] }) as unknown as StoredArtifact

/** What a job left behind is told by the names of its artifacts. */
function replay(
  row: { endpoint: string; state?: string; error?: Partial<JobError> },
  names: string[],
  streamed = true,
  text = '{"done_reason":"stop"}',
  model = 'Nope',
) {
  const { endpoint, state = 'failed', error = {} } = row
  const failed = JSON.stringify({ code: 'target_failed', detail: 'what went wrong', ...error })
  const queue = { artifact: (_: JobRow, name: string) => (names.includes(name) ? artifact(name, text) : undefined) }
  const stored = { id: 'job_1', endpoint, state, error: failed, model: 'nope:latest' } as JobRow
  const { body, ...rest } = replayOf(queue, stored, { streamed, model })
  return { ...rest, body: typeof body === 'string' ? body : body.row.name }
}

const json = 'application/json; charset=utf-8'
const both = ['response.json', 'stream.ndjson']

describe('a done job', () => {
  test('is its lines for who reads lines, else the whole; other routes have no lines', () => {
    const lines = { status: 200, contentType: 'application/x-ndjson', body: 'stream.ndjson' }
    expect(replay({ endpoint: '/api/chat', state: 'done' }, both)).toEqual(lines)
    const whole = { status: 200, contentType: json, body: 'response.json' }
    expect(replay({ endpoint: '/api/chat', state: 'done' }, both, false)).toEqual(whole)
    expect(replay({ endpoint: '/api/embed', state: 'done' }, both)).toEqual(whole)
    expect(replay({ endpoint: '/v1/messages', state: 'done' }, both)).toEqual({
      ...whole,
      contentType: 'application/json',
    })
  })

  test('of which nothing was generated is one object for who reads lines as well, as Ollama answers it', () => {
    const row = { endpoint: '/api/chat', state: 'done' }
    for (const reason of ['load', 'unload'])
      expect(replay(row, both, true, `{"done_reason":"${reason}"}`)).toMatchObject({ body: 'response.json' })
    for (const text of ['{"done_reason":"length"}', `{"done_reason":"load","response":"${'x'.repeat(5000)}"}`])
      expect(replay(row, both, true, text)).toMatchObject({ body: 'stream.ndjson' })
  })

  test('that was erased under its caller is gone', () => {
    expect(() => replay({ endpoint: '/api/chat', state: 'done' }, [])).toThrow(
      expect.objectContaining({ code: 'gone', jobId: 'job_1' }),
    )
  })
})

describe('a failed job', () => {
  test('of which the target said nothing is an error of foreman', () => {
    for (const error of [{}, { target_status: 200 }] as const)
      expect(() => replay({ endpoint: '/api/chat', error }, both)).toThrow(
        expect.objectContaining({ code: 'target_failed', message: 'what went wrong', jobId: 'job_1' }),
      )
  })

  test('that got a status which tells no failure is an error of foreman', () => {
    for (const target_status of [204, 301, 307])
      for (const target_body of [undefined, '{"error":"moved"}', 'moved'])
        expect(() => replay({ endpoint: '/api/chat', error: { target_status, target_body } }, both)).toThrow(
          expect.objectContaining({ code: 'target_failed', jobId: 'job_1' }),
        )
  })

  test('whose stream broke off is its lines with the error behind them, or a 500', () => {
    const broke = { endpoint: '/api/chat', error: { target_status: 200, target_body: '{"error":"EOF"}' } }
    expect(replay(broke, both)).toMatchObject({ status: 200, body: 'stream.ndjson' })
    expect(replay(broke, both, false)).toEqual({ status: 500, contentType: json, body: '{"error":"EOF"}' })
    expect(replay(broke, [])).toMatchObject({ status: 500 })
  })

  test('keeps an error in a 200 of a route that does not stream', () => {
    const error = { target_status: 200, target_body: '{"error":{"message":"x"}}' }
    expect(replay({ endpoint: '/v1/responses', error }, [])).toMatchObject({ status: 200, body: error.target_body })
  })

  test('of a missing model names it as its caller does, and no other one so', () => {
    const target_body = '{"error":"model \'nope:latest\' not found"}'
    const told = (code: string) =>
      replay({ endpoint: '/api/chat', error: { code, target_status: 404, target_body } }, [])
    expect(told('model_missing').body).toBe('{"error":"model \'Nope\' not found"}')
    expect(told('target_refused').body).toBe(target_body)
    const error = { code: 'model_missing', target_status: 404, detail: 'no nope:latest', target_body: '{"error":' }
    expect(replay({ endpoint: '/api/chat', error }, []).body).toBe('{"error":"no Nope"}')
    const odd = replay({ endpoint: '/api/chat', error: { ...error, target_body } }, [], true, '', ' $&"\n')
    expect(JSON.parse(odd.body)).toEqual({ error: "model ' $&\"\n' not found" })
  })

  test.each([
    ['', json],
    ['\n', 'application/json'],
  ])('on /v1 has the type that Ollama gives a text that ends with %j', (end, contentType) => {
    const target_body = `{"error":{"message":"x"}}${end}`
    const told = replay({ endpoint: '/v1/completions', error: { target_status: 400, target_body } }, [])
    expect(told).toEqual({ status: 400, contentType, body: target_body })
  })

  test('of a text that is no JSON, or empty, is told as it came', () => {
    const contentType = 'text/plain; charset=utf-8'
    for (const target_body of ['404 page not found', undefined]) {
      const told = replay({ endpoint: '/v1/completions', error: { target_status: 404, target_body } }, [])
      expect(told).toEqual({ status: 404, contentType, body: target_body ?? '' })
    }
  })

  test.each([
    ['/api/chat', 404, '{"error":"what went wrong"}'],
    [
      '/v1/responses',
      400,
      '{"error":{"message":"what went wrong","type":"invalid_request_error","param":null,"code":null}}\n',
    ],
    ['/v1/messages', 503, '{"type":"error","error":{"type":"overloaded_error","message":"what went wrong"}}\n'],
    ['/v1/messages', 404, '{"type":"error","error":{"type":"not_found_error","message":"what went wrong"}}\n'],
    ['/v1/completions', 503, '{"error":{"message":"what went wrong","type":"api_error","param":null,"code":null}}\n'],
  ])('of a text that is cut has its detail in the shape of %s', (endpoint, status, body) => {
    const told = replay({ endpoint, error: { target_status: status, target_body: '{"error":"what we' } }, [])
    expect([told.status, told.body]).toEqual([status, body])
  })
})
