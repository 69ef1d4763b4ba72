import { TRPCError } from '@trpc/server'
import fastify from 'fastify'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { codes, ForemanError, type Code } from '../job/error.ts'
import { SubmitJob } from '../job/submit.ts'
import { Problem, problemOf, sendProblem, statusOf } from './problem.ts'

const statuses: Record<Code, number> = {
  invalid_request: 422,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  gone: 410,
  conflict: 409,
  idempotency_key_reused: 422,
  too_large: 413,
  queue_full: 503,
  storage_full: 507,
  stopping: 503,
  target_unreachable: 503,
  model_missing: 502,
  target_refused: 502,
  target_failed: 502,
  timed_out: 504,
  start_by_passed: 504,
  interrupted: 503,
  internal: 500,
}

describe('a problem', () => {
  test.each([...codes])('has a type, a title and a status for %s', (code) => {
    const problem = problemOf(new ForemanError(code, 'what was wrong'), '/jobs')
    expect(problem).toMatchObject({
      type: `urn:foreman:problem:${code}`,
      status: statuses[code],
      code,
      instance: '/jobs',
      source: 'foreman',
      title: expect.stringMatching(/^[A-Z]/),
      detail: code === 'internal' ? expect.stringContaining('log') : 'what was wrong',
    })
    expect(Problem.strict().parse(problem)).toEqual(problem)
    expect(statusOf(new ForemanError(code, ''))).toBe(statuses[code])
  })

  test('says all it knows, and is silent about what it does not', () => {
    const errors = [{ pointer: '/a', detail: 'b' }]
    const full = problemOf(new ForemanError('queue_full', 'x', { errors, retryAfterS: 30, jobId: 'job_1' }))
    expect(full).toMatchObject({ errors, retry_after_s: 30, job_id: 'job_1' })
    expect(Object.keys(problemOf(new ForemanError('gone', 'x')))).toEqual([
      'type',
      'title',
      'status',
      'detail',
      'code',
      'source',
    ])
  })

  test.each([400, 405, 415])('may have a status of its own: %i', (status) => {
    const error = new ForemanError('invalid_request', 'x', { status })
    expect([problemOf(error).status, statusOf(error)]).toEqual([status, status])
  })
})

describe('what must not leave', () => {
  test.each<[string, unknown]>([
    ['an error nobody expected', new TypeError('secret: /var/lib/foreman')],
    ['an error of the database', Object.assign(new Error('secret'), { code: 'SQLITE_ERROR' })],
    ['an internal error of our own', new ForemanError('internal', 'secret')],
    ['a text', 'secret'],
    ['nothing', undefined],
    ['null', null],
    ['an output that its own schema refuses', new TRPCError({ code: 'INTERNAL_SERVER_ERROR', cause: zodError() })],
    [
      'what tRPC wrapped',
      new TRPCError({ code: 'INTERNAL_SERVER_ERROR', message: 'secret', cause: new Error('secret') }),
    ],
  ])('%s is masked', (_, error) => {
    const problem = problemOf(error)
    expect(problem).toMatchObject({ status: 500, code: 'internal' })
    expect(JSON.stringify(problem)).not.toContain('secret')
    expect(problem).not.toHaveProperty('errors')
  })
})

function zodError(): z.ZodError {
  const { error } = z.object({ secret: z.string() }).safeParse({})
  if (!error) throw new Error('it should not have parsed')
  return error
}

describe('what tRPC wraps', () => {
  test('keeps the code of foreman’s error', () => {
    const cause = new ForemanError('gone', 'the job was deleted', { jobId: 'job_1' })
    const error = new TRPCError({ code: 'NOT_FOUND', message: cause.message, cause })
    expect(problemOf(error)).toMatchObject({ status: 410, code: 'gone', job_id: 'job_1' })
  })

  test('is an invalid request when the input was refused', () => {
    expect(problemOf(new TRPCError({ code: 'BAD_REQUEST', cause: zodError() }))).toMatchObject({
      status: 422,
      code: 'invalid_request',
      errors: [{ pointer: '/secret' }],
    })
  })

  test.each([
    ['PARSE_ERROR', 400, 'invalid_request'],
    ['BAD_REQUEST', 400, 'invalid_request'],
    ['METHOD_NOT_SUPPORTED', 405, 'invalid_request'],
    ['UNSUPPORTED_MEDIA_TYPE', 415, 'invalid_request'],
    ['PAYLOAD_TOO_LARGE', 413, 'too_large'],
    ['NOT_FOUND', 404, 'not_found'],
  ] as const)('%s of its own is %i', (code, status, name) => {
    expect(problemOf(new TRPCError({ code, message: 'said by tRPC' }))).toMatchObject({
      status,
      code: name,
      detail: 'said by tRPC',
    })
  })
})

describe('faults have pointers into the request', () => {
  const pointers = (input: unknown) => {
    const { error } = SubmitJob.safeParse(input)
    return problemOf(error).errors?.map(({ pointer }) => pointer)
  }
  const request = { endpoint: '/api/chat', body: { model: 'm' } }

  test('each fault its own, all of them', () => {
    const input = { request: { endpoint: '/api/chat', body: { options: { seed: 'x' } } }, labels: { a: 1 }, what: 1 }
    expect(pointers(input)?.sort()).toEqual(['/labels/a', '/request/body/model', '/request/body/options/seed', '/what'])
  })

  test('with what RFC 6901 escapes escaped', () => {
    expect(pointers({ request, labels: { 'a/b~c': 1 } })).toEqual(['/labels/a~1b~0c'])
    expect(pointers({ request, 'x/y~z': 1 })).toEqual(['/x~1y~0z'])
  })

  test('with indexes', () => {
    expect(pointers({ request, webhook: { url: 'https://a/', events: ['done', 'x'] } })).toEqual(['/webhook/events/1'])
  })

  test('the detail names the first, so that a log line or a person has it', () => {
    const { error } = SubmitJob.safeParse({ request, timeout_s: 0 })
    const problem = problemOf(error)
    expect(problem).toMatchObject({ status: 422, code: 'invalid_request' })
    expect(problem.detail).toMatch(/^\/timeout_s: /)
  })

  test('a request that is none at all has the empty pointer', () => {
    const problem = problemOf(SubmitJob.safeParse(7).error)
    expect(problem.errors?.[0]?.pointer).toBe('')
    expect(problem.detail).toMatch(/^request: /)
  })
})

describe('an answer', () => {
  const open: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const close of open.splice(0)) await close()
  })

  /** The answer to a request that ends with an error, over real HTTP. */
  async function answer(error: unknown, told: unknown[] = []): Promise<{ response: Response; body: Problem }> {
    const app = fastify()
    app.get('/jobs', (request, reply) => sendProblem(reply, error, request, (internal) => told.push(internal)))
    open.push(() => app.close())
    const response = await fetch(`${await app.listen({ port: 0 })}/jobs?token=secret`)
    return { response, body: (await response.json()) as Problem }
  }

  test('is application/problem+json with the path that was asked, without its query', async () => {
    const { response, body } = await answer(new ForemanError('conflict', 'no'))
    expect(response.status).toBe(409)
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json\b/)
    expect(body.instance).toBe('/jobs')
  })

  test('says when to come again, in its head too', async () => {
    const { response, body } = await answer(new ForemanError('queue_full', 'full', { retryAfterS: 7 }))
    expect([response.headers.get('retry-after'), body.retry_after_s]).toEqual(['7', 7])
    expect((await answer(new ForemanError('gone', 'x'))).response.headers.get('retry-after')).toBeNull()
  })

  test('says how to prove who one is, when that is what is missing', async () => {
    const { response } = await answer(new ForemanError('unauthorized', 'token'))
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
  })

  test('ends the connection whose body was not read', async () => {
    const { response } = await answer(new ForemanError('too_large', 'x'))
    expect([response.status, response.headers.get('connection')]).toEqual([413, 'close'])
  })

  test('hides what nobody expected, and tells it whole to who writes the log', async () => {
    const told: unknown[] = []
    const error = new Error('secret')
    const { response, body } = await answer(error, told)
    expect([response.status, body.code, told]).toEqual([500, 'internal', [error]])
    await answer(new ForemanError('gone', 'x'), told)
    expect(told).toHaveLength(1)
  })

  test.each([
    ['FST_ERR_CTP_INVALID_MEDIA_TYPE', 415, 415, 'invalid_request'],
    ['FST_ERR_CTP_BODY_TOO_LARGE', 413, 413, 'too_large'],
    ['FST_ERR_NOT_FOUND', 404, 404, 'not_found'],
    ['FST_ERR_BAD_URL', 400, 400, 'invalid_request'],
    ['FST_ERR_SEND_INSIDE_ONERR', 500, 500, 'internal'],
    ['FST_ERR_WHATEVER', undefined, 500, 'internal'],
  ])('%s of fastify is told in our words', (code, statusCode, status, name) => {
    expect(problemOf(Object.assign(new Error('x'), { code, statusCode }))).toMatchObject({ status, code: name })
  })
})
