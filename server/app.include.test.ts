// Bodies and answers that go out as they are stored: read while they are sent, at the pace of whoever reads them.

import { get, type IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { chat, openForeman } from './app.harness.ts'
import { eventually } from './app.stage.ts'

const text = 'x'.repeat(24 * 1024 * 1024)

/** The head of an answer whose body nobody reads yet. */
const asked = (url: string) =>
  new Promise<IncomingMessage>((resolve, reject) => get(url, { agent: false }, resolve).on('error', reject))

test('a large body comes back to the byte, its length declared', async () => {
  const foreman = await openForeman()
  await foreman.post('/queue/pause')
  const input = chat('alpha', text)
  const { id } = await foreman.submit(input)
  const { headers, json, text: said } = await foreman.get(`/jobs/${id}?include=request`)
  expect(json.request).toMatchObject({ body: input.request.body })
  expect(headers.get('content-length')).toBe(String(Buffer.byteLength(said)))
})

test('a POST that waits may ask for what the target answered, and one whose key has made a job that is done', async () => {
  const foreman = await openForeman()
  const input = { ...chat(), idempotency_key: 'once' }
  const { status, json } = await foreman.post('/jobs?wait=60&include=response&include=request', input)
  expect([status, json]).toMatchObject([200, { state: 'done', request: input.request }])
  const { response } = await foreman.job(String(json.id), '?include=response')
  expect(json.response).toEqual(response)
  const again = await foreman.post('/jobs?include=response', input)
  expect([again.status, again.json.response]).toEqual([202, response])
  expect((await foreman.post('/jobs', input)).json).not.toHaveProperty('response')
  const refused = await foreman.post('/jobs?include=all', input)
  expect([refused.status, refused.json.errors]).toMatchObject([422, [{ pointer: '/include/0' }]])
})

test('HEAD is answered as GET is, without the body', async () => {
  const foreman = await openForeman()
  const { id } = await foreman.submit(chat('alpha', text))
  await foreman.ended(id)
  for (const path of ['/jobs', `/jobs/${id}`, `/jobs/${id}?include=request`, '/queue', '/target']) {
    const [head, get] = [await foreman.call('HEAD', path), await foreman.get(path)]
    expect([head.status, head.text]).toEqual([200, ''])
    for (const name of ['etag', 'content-type']) expect(head.headers.get(name)).toBe(get.headers.get(name))
    expect([head.headers.get('content-length'), get.text.length > 0]).toEqual([
      String(Buffer.byteLength(get.text)),
      true,
    ])
  }
  expect((await foreman.call('HEAD', '/jobs/job_none')).status).toBe(404)
  const known = { 'if-none-match': String((await foreman.get(`/jobs/${id}`)).headers.get('etag')) }
  const unchanged = await foreman.call('HEAD', `/jobs/${id}`, { headers: known })
  // Nobody takes the answer that it stands for to be empty.
  expect([unchanged.status, unchanged.headers.get('content-length')]).toEqual([304, null])
})

test('HEAD of a job with its bodies reads none of them', async () => {
  const foreman = await openForeman()
  await foreman.post('/queue/pause')
  const { id } = await foreman.submit(chat('alpha', text))
  const { queue } = foreman.app
  const { body } = queue
  let pieces = 0
  queue.body = function* (...asked) {
    for (const piece of body.apply(this, asked)) {
      pieces += 1
      yield piece
    }
  }
  const { headers } = await foreman.call('HEAD', `/jobs/${id}?include=request`)
  expect([Number(headers.get('content-length')) > text.length, pieces]).toEqual([true, 0])
})

test('what a slow reader has not read yet is not in memory: erased meanwhile, the answer breaks off', async () => {
  const foreman = await openForeman()
  await foreman.post('/queue/pause')
  const { id } = await foreman.submit(chat('alpha', text))
  const answer = await asked(`${foreman.url}/jobs/${id}?include=request`)
  await foreman.post(`/jobs/${id}/cancel`)
  await foreman.call('DELETE', `/jobs/${id}`)
  await eventually(() => foreman.rows<{ n: number }>('SELECT count(*) AS n FROM chunk')[0]?.n === 0)
  let bytes = 0
  const read = async () => {
    for await (const chunk of answer as AsyncIterable<Buffer>) bytes += chunk.length
  }
  await expect(read()).rejects.toThrow()
  expect(bytes).toBeLessThan(text.length)
})
