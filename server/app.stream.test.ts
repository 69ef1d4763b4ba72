// A job's answer as its target gives it: byte for byte, live or again, and with a clean end only where it is whole.

import { describe, expect, test } from 'vitest'
import { chat, openForeman, type Foreman } from './app.harness.ts'
import { Reader } from './app.reader.ts'
import { eventually, openFake, openTarget, pass, turns } from './app.stage.ts'
import { VirtualClock } from './clock.ts'

const read = (foreman: Foreman, id: string) => Reader.open(`${foreman.url}/jobs/${id}/stream`)
const lines = ({ text }: Reader) => text.split('\n').length - 1

/** A foreman whose target hangs after three lines of its first answer. */
async function hanging() {
  const fake = await openFake()
  const go = Promise.withResolvers<void>()
  fake.fault({ do: 'hang', after: 3, until: go.promise })
  const foreman = await openForeman({ fake })
  const { id } = await foreman.submit(chat())
  return { fake, foreman, id, go: () => go.resolve() }
}

/** What is stored of the stream. */
function stored(foreman: Foreman, id: string, name = 'stream.ndjson'): string {
  const { queue } = foreman.app
  return Buffer.concat([...(queue.artifact(queue.find(id), name)?.read() ?? [])]).toString()
}

test("the target's lines come byte for byte as it sends them, and the same again afterwards", async () => {
  const sent = [
    '{ "message":{"role":"assistant","content":"é\\u0000"} , "done":false,"n":1e400}',
    '{"done":true,"eval_count":2 }',
  ]
  const go = Promise.withResolvers<void>()
  const url = await openTarget(async ({ answer }) => {
    answer.write(`${sent[0]}\n`)
    await go.promise
    answer.end(sent[1])
  })
  const foreman = await openForeman({ settings: { TARGET: url } })
  const { id } = await foreman.submit(chat())
  const live = await read(foreman, id)
  expect(live.answer.headers).toMatchObject({ 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' })
  await live.until(({ text }) => text !== '')
  expect(live.text).toBe(`${sent[0]}\n`)
  go.resolve()
  expect(await live.ended).toBe('end')
  const again = await read(foreman, id)
  expect(await again.ended).toBe('end')
  for (const text of [live.text, again.text, stored(foreman, id)]) expect(text).toBe(`${sent.join('\n')}\n`)
})

test('who asks before the job runs has its head at once and its lines later', async () => {
  const foreman = await openForeman()
  await foreman.post('/queue/pause')
  const { id } = await foreman.submit(chat())
  const reader = await read(foreman, id)
  expect(reader.answer.statusCode).toBe(200)
  await foreman.post('/queue/resume')
  expect(await reader.ended).toBe('end')
  expect(lines(reader)).toBe(9)
})

test.each([
  ['/v1/chat/completions', { model: 'alpha', messages: [{ role: 'user', content: 'x' }] }],
  ['/api/embed', { model: 'embedder', input: 'x' }],
])('what does not stream (%s) is answered whole and once, live and again', async (endpoint, body) => {
  const foreman = await openForeman()
  await foreman.post('/queue/pause')
  const { id } = await foreman.submit({ request: { endpoint, body } })
  const live = await read(foreman, id)
  await foreman.post('/queue/resume')
  expect(await live.ended).toBe('end')
  expect(live.text).toBe(`${stored(foreman, id, 'response.json').trimEnd()}\n`)
  const again = await read(foreman, id)
  await again.ended
  expect(again.text).toBe(live.text)
})

test('a large one comes whole to a reader who takes his time', async () => {
  const line = (n: number) =>
    `{"message":{"role":"assistant","content":"${String(n).padEnd(300_000, '.')}"},"done":false}`
  const url = await openTarget(({ answer }) => {
    for (let n = 0; n < 60; n++) answer.write(`${line(n)}\n`)
    answer.end('{"done":true,"eval_count":2}\n')
  })
  const foreman = await openForeman({ settings: { TARGET: url } })
  const { id } = await foreman.submit(chat())
  const live = await read(foreman, id)
  live.stall()
  await foreman.ended(id)
  const late = await read(foreman, id)
  late.stall()
  // Others are served meanwhile.
  expect((await foreman.get('/queue')).status).toBe(200)
  for (const reader of [live, late]) {
    reader.answer.resume()
    expect(await reader.ended).toBe('end')
    expect(reader.text).toBe(stored(foreman, id))
  }
})

describe('the connection is cut, so that nobody takes a part for the whole,', () => {
  test('when the job starts over after something was sent', async () => {
    const fake = await openFake()
    fake.fault({ do: 'crash', after: 3 })
    const clock = new VirtualClock(Date.now())
    const foreman = await openForeman({ fake, clock, random: () => 0 })
    await foreman.post('/queue/pause')
    const { id } = await foreman.submit(chat())
    const first = await read(foreman, id)
    await foreman.post('/queue/resume')
    expect(await first.ended).toBe('cut')
    expect(lines(first)).toBeGreaterThanOrEqual(3)
    // Who comes now waits for the next attempt and has only that.
    const next = await read(foreman, id)
    await pass(clock, 7000)
    expect(await next.ended).toBe('end')
    expect(next.text).toBe(stored(foreman, id))
  })

  test('but not when nothing was sent yet', async () => {
    const fake = await openFake()
    fake.fault({ do: 'busy' })
    const clock = new VirtualClock(Date.now())
    const foreman = await openForeman({ fake, clock, random: () => 0 })
    const { id } = await foreman.submit(chat())
    const reader = await read(foreman, id)
    await foreman.reached(id, 'back_off')
    await pass(clock, 7000)
    expect(await reader.ended).toBe('end')
    expect(lines(reader)).toBe(9)
  })

  test('when the job fails, live and again: what there was comes first', async () => {
    const fake = await openFake()
    fake.fault({ do: 'crash', after: 3 })
    const foreman = await openForeman({ fake })
    await foreman.post('/queue/pause')
    const { id } = await foreman.submit({ ...chat(), max_attempts: 1 })
    const live = await read(foreman, id)
    await foreman.post('/queue/resume')
    expect(await live.ended).toBe('cut')
    const again = await read(foreman, id)
    expect(await again.ended).toBe('cut')
    expect(live.text).toBe(stored(foreman, id))
    expect(again.text).toBe(live.text)
  })

  test('when it is canceled', async () => {
    const { foreman, id } = await hanging()
    const reader = await read(foreman, id)
    await reader.until((one) => lines(one) === 3)
    await foreman.post(`/jobs/${id}/cancel`)
    expect(await reader.ended).toBe('cut')
    expect(lines(reader)).toBe(3)
  })

  test('when it is erased while somebody reads it again', async () => {
    const line = `{"message":{"role":"assistant","content":"${'.'.repeat(900_000)}"},"done":false}\n`
    const url = await openTarget(({ answer }) => void answer.end(`${line.repeat(20)}{"done":true,"eval_count":2}\n`))
    const foreman = await openForeman({ settings: { TARGET: url } })
    const { id } = await foreman.submit(chat())
    await foreman.ended(id)
    const events = await Reader.open(`${foreman.url}/jobs/${id}/events`)
    const reader = await read(foreman, id)
    for (const one of [events, reader]) one.stall()
    expect((await foreman.call('DELETE', `/jobs/${id}`)).status).toBe(204)
    await eventually(() => foreman.rows('SELECT 1 FROM chunk LIMIT 1').length === 0)
    for (const one of [events, reader]) one.answer.resume()
    expect(await reader.ended).toBe('cut')
    await events.ended
    expect(events.names.filter((name) => name !== 'output')).toEqual(['queued', 'loading', 'working'])
  })

  test('when foreman stops; who comes then is told so', async () => {
    const { foreman, id, go } = await hanging()
    const reader = await read(foreman, id)
    await reader.until((one) => lines(one) === 3)
    const closed = foreman.close()
    expect(await reader.ended).toBe('cut')
    const { status, json } = await foreman.get(`/jobs/${id}/stream`)
    expect([status, json.code]).toEqual([503, 'stopping'])
    go()
    await closed
  })
})

test('where there is nothing to be sent, the reason is: how it failed, or that it was canceled', async () => {
  const foreman = await openForeman()
  const { id } = await foreman.submit(chat('nobody'))
  await foreman.ended(id)
  const failed = await foreman.get(`/jobs/${id}/stream`)
  expect([failed.status, failed.json.code, failed.json.job_id]).toEqual([502, 'model_missing', id])
  await foreman.post('/queue/pause')
  const other = await foreman.submit(chat())
  await foreman.post(`/jobs/${other.id}/cancel`)
  const canceled = await foreman.get(`/jobs/${other.id}/stream`)
  expect([canceled.status, canceled.json.code]).toEqual([409, 'conflict'])
})

test('who leaves is forgotten at once', async () => {
  const { foreman, id, go } = await hanging()
  const reader = await read(foreman, id)
  await reader.until((one) => lines(one) === 3)
  reader.leave()
  await eventually(() => foreman.app.queue.followers.size === 0)
  go()
  await turns()
})
