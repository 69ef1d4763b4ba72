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
