// tRPC at its edges: what is refused before any procedure is asked has the shape of tRPC all the same, with foreman's
// problem in it and the status REST would have.

import { describe, expect, test } from 'vitest'
import { chat, openForeman, replyOf, type Foreman } from './app.harness.ts'

const token = 'a-token-of-thirty-two-characters'

async function refused(foreman: Foreman, path: string, init: RequestInit = {}) {
  const reply = await replyOf(await fetch(foreman.url + path, init))
  const { message, code, data } = reply.json.error as {
    message: string
    code: number
    data: { httpStatus: number; code: string; problem: { status: number; code: string; detail: string } }
  }
  expect(code).toBeLessThan(0)
  expect([data.httpStatus, data.problem.status]).toEqual([reply.status, reply.status])
  expect(message).toBe(data.problem.detail)
  expect(reply.headers.get('content-type')).toMatch(/^application\/json/)
  expect(reply.headers.get('x-request-id')).toBeTruthy()
  return { ...data.problem, key: data.code, headers: reply.headers }
}

describe('a refusal before the procedure', () => {
  test('for want of a token is 401', async () => {
    const foreman = await openForeman({ settings: { TOKEN: token } })
    const { status, code, headers } = await refused(foreman, '/trpc/queue.get?input=%7B%7D')
    expect([status, code, headers.get('www-authenticate')]).toEqual([401, 'unauthorized', 'Bearer'])
  })

  test('for its origin is 403', async () => {
    const foreman = await openForeman()
    const headers = { origin: 'https://evil.example', 'content-type': 'application/json' }
    const { status, code } = await refused(foreman, '/trpc/queue.pause', { method: 'POST', headers, body: '{}' })
    expect([status, code]).toEqual([403, 'forbidden'])
  })

  test('for its size is 413 beyond 4 MiB, and says where larger ones go', async () => {
    const foreman = await openForeman()
    const body = JSON.stringify(chat('alpha', 'x'.repeat(4 * 1024 * 1024)))
    const headers = { 'content-type': 'application/json' }
    const { status, code, detail } = await refused(foreman, '/trpc/jobs.submit', { method: 'POST', headers, body })
    expect([status, code]).toEqual([413, 'too_large'])
    expect(detail).toContain('REST')
    expect((await foreman.post('/jobs', body)).status).toBe(202)
  })

  test('for its content type, its method or its path keeps the status', async () => {
    const foreman = await openForeman()
    expect((await refused(foreman, '/trpc/queue.pause', { method: 'POST', body: 'x' })).status).toBe(415)
    expect((await refused(foreman, '/trpc/queue.pause?input=%7B%7D')).status).toBe(405)
    expect((await refused(foreman, '/trpc')).status).toBe(404)
  })
})

describe('over tRPC', () => {
  test.each([
    ['jobs.get', { id: 'job_nobody' }, 404, 'NOT_FOUND'],
    ['jobs.get', { id: 1 }, 422, 'UNPROCESSABLE_CONTENT'],
    ['jobs.delete', { id: '' }, 409, 'CONFLICT'],
  ])('%s refuses %j with %i and the name that tRPC has for it', async (path, input, status, key) => {
    const foreman = await openForeman()
    await foreman.post('/queue/pause')
    const { id } = (await foreman.post('/jobs', chat())).json as { id: string }
    const text = JSON.stringify(key === 'CONFLICT' ? { id } : input)
    const told =
      path === 'jobs.get'
        ? await refused(foreman, `/trpc/${path}?input=${encodeURIComponent(text)}`)
        : await refused(foreman, `/trpc/${path}`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: text,
          })
    expect([told.status, told.key]).toEqual([status, key])
  })

  test('a store that takes nothing is 507, and no internal error', async () => {
    const fault = (point: string) => {
      if (point !== 'submit:inside') return
      throw Object.assign(new Error("EACCES: permission denied, open '/srv/secret/data'"), { code: 'SQLITE_FULL' })
    }
    const foreman = await openForeman({ fault })
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(chat()) }
    const { status, code, detail } = await refused(foreman, '/trpc/jobs.submit', init)
    expect([status, code]).toEqual([507, 'storage_full'])
    expect(detail).toContain('permission denied')
    expect(detail).not.toContain('/srv')
    expect(foreman.lines.filter((line) => line.msg === 'internal error')).toEqual([])
    const ready = await foreman.get('/readyz')
    expect(ready.text).not.toContain('/srv')
  })

  test('a job carries the trace of the call', async () => {
    const foreman = await openForeman()
    await foreman.post('/queue/pause')
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const init = { method: 'POST', headers: { 'content-type': 'application/json', traceparent }, body: '' }
    await fetch(`${foreman.url}/trpc/jobs.submit`, { ...init, body: JSON.stringify(chat()) })
    expect(JSON.stringify(foreman.rows('SELECT * FROM job'))).toContain(traceparent)
  })

  test('a job that was deleted is 410, as over REST', async () => {
    const foreman = await openForeman()
    const { id } = await foreman.submit(chat())
    await foreman.ended(id)
    await foreman.call('DELETE', `/jobs/${id}`)
    const { status } = await refused(foreman, `/trpc/jobs.get?input=${encodeURIComponent(JSON.stringify({ id }))}`)
    expect(status).toBe(410)
  })
})

test('a refusal carries the request id it was made under, on own and on proxied routes', async () => {
  const foreman = await openForeman({ settings: { TOKEN: token } })
  for (const path of ['/queue', '/api/tags']) {
    const answer = await foreman.get(path, { 'x-request-id': 'mine-1' })
    expect([answer.status, answer.headers.get('x-request-id')]).toEqual([401, 'mine-1'])
  }
})

describe('one request under one idempotency key', () => {
  const numbers = '"seed":12345678901234567890,"temperature":1e2,"top_p":1.0'
  const text = (key: string, more = '') =>
    `{"idempotency_key":"${key}","request":{"endpoint":"/api/chat","body":{"model":"m",${numbers}${more}}}}`

  test('is one job over REST and tRPC, however its numbers are written; another is refused', async () => {
    const foreman = await openForeman()
    for (const [key, paths] of [
      ['a', ['/jobs', '/trpc/jobs.submit']],
      ['b', ['/trpc/jobs.submit', '/jobs']],
    ] as const) {
      const ids = []
      for (const path of paths) {
        const { status, text: said } = await foreman.post(path, text(key))
        expect(status).toBeLessThan(300)
        ids.push(/job_[\w-]+/.exec(said)?.[0])
      }
      expect(ids[1]).toBe(ids[0])
      for (const path of paths) expect((await foreman.post(path, text(key, ',"n":1'))).status).toBe(422)
    }
  })

  test('is one job in batches as well', async () => {
    const foreman = await openForeman()
    const batch = `{"jobs":[${text('a')},{"request":{"endpoint":"/api/chat","body":{"model":"m"}}},${text('b')}]}`
    const idsOf = async (path: string, body: string) =>
      (await foreman.post(path, body)).text.match(/"id":"job_[\w-]+"/g)
    const first = await idsOf('/trpc/jobs.submit_batch', batch)
    const second = await idsOf('/jobs/batch', batch)
    expect(first).toHaveLength(3)
    expect([second?.[0], second?.[2]]).toEqual([first?.[0], first?.[2]])
    expect(second?.[1]).not.toBe(first?.[1])
    expect(await idsOf('/trpc/jobs.submit', text('b'))).toEqual([first?.[2]])
  })
})
