// What is too much is refused before it does harm: a full queue, a body too large, a full disk. People who pass through
// notice nothing of any of it.

import { describe, expect, test } from 'vitest'
import { chat, openForeman, type Foreman, type Reply } from './app.harness.ts'
import { eventually, pass } from './app.stage.ts'
import { VirtualClock } from './clock.ts'

const count = (foreman: Foreman, table: string) => foreman.rows(`SELECT 1 FROM ${table}`).length

/** People are answered as ever, whatever size their request has. */
async function peoplePass(foreman: Foreman, bytes = 10): Promise<void> {
  const prompt = 'x'.repeat(bytes)
  const answer = await foreman.post('/api/generate', { model: 'alpha', prompt, stream: false })
  expect([answer.status, answer.json.done]).toEqual([200, true])
  expect((await foreman.get('/api/tags')).status).toBe(200)
}

/** Refused with this, on both roads alike, and nothing of it was stored. */
async function refused(foreman: Foreman, inputs: object[], problem: object): Promise<Reply> {
  const before = ['job', 'event', 'chunk', 'loose'].map((table) => count(foreman, table))
  const [input] = inputs
  const answer =
    inputs.length === 1 ? await foreman.post('/jobs', input) : await foreman.post('/jobs/batch', { jobs: inputs })
  expect(answer.json).toMatchObject({ source: 'foreman', ...problem })
  expect(answer.status).toBe(answer.json.status)
  const { jobs } = foreman.trpc
  const called =
    inputs.length === 1 ? jobs.submit.mutate(input as never) : jobs.submit_batch.mutate({ jobs: inputs } as never)
  await expect(called).rejects.toMatchObject({ data: { problem } })
  expect(['job', 'event', 'chunk', 'loose'].map((table) => count(foreman, table))).toEqual(before)
  return answer
}

describe('a full queue', () => {
  async function full() {
    const clock = new VirtualClock()
    const foreman = await openForeman({ clock, settings: { QUEUE_MAX: '4' } })
    await foreman.post('/queue/pause')
    const waiting: string[] = []
    const fill = async () => {
      for (; waiting.length < 4;) waiting.push((await foreman.submit(chat())).id)
    }
    await fill()
    /** One leaves the queue after so long, and another takes its place. */
    const turn = async (ms: number) => {
      await pass(clock, ms)
      await foreman.post(`/jobs/${waiting.shift()}/cancel`)
      await fill()
    }
    return { clock, foreman, turn }
  }

  test('says when to come again: a minute a place before anything has ended', async () => {
    const { foreman } = await full()
    const one = await refused(foreman, [chat()], { status: 503, code: 'queue_full', retry_after_s: 60 })
    expect(one.headers.get('retry-after')).toBe('60')
    await refused(foreman, [chat(), chat(), chat()], { status: 503, code: 'queue_full', retry_after_s: 180 })
    await peoplePass(foreman)
  })

  test('says it by how fast jobs have left it, for as many places as are wanted, and longer while none leaves', async () => {
    const { clock, foreman, turn } = await full()
    for (let i = 0; i < 6; i++) await turn(7000)
    const answer = await refused(foreman, [chat()], { status: 503, code: 'queue_full', retry_after_s: 7 })
    expect(answer.headers.get('retry-after')).toBe('7')
    await refused(foreman, [chat(), chat(), chat()], { code: 'queue_full', retry_after_s: 21 })
    await pass(clock, 40_000)
    await refused(foreman, [chat()], { code: 'queue_full', retry_after_s: 40 })
    await peoplePass(foreman)
  })

  test('still answers whoever comes again with the key of a job that is in it', async () => {
    const foreman = await openForeman({ settings: { QUEUE_MAX: '2' } })
    await foreman.post('/queue/pause')
    const known = { ...chat(), idempotency_key: 'k' }
    const { id } = await foreman.submit(known)
    await foreman.submit(chat())
    await refused(foreman, [chat()], { code: 'queue_full' })
    const again = await foreman.post('/jobs', known)
    expect([again.status, again.json.id, again.headers.get('idempotency-replayed')]).toEqual([202, id, 'true'])
    const batch = await foreman.post('/jobs/batch', { jobs: [known, known] })
    expect((batch.json.data as { id: string }[]).map((job) => job.id)).toEqual([id, id])
    // One of these needs a place.
    await refused(foreman, [known, chat()], { code: 'queue_full', retry_after_s: 60 })
  })
})

test('a body beyond BODY_MAX is 413, of a batch as a whole; people may send more', async () => {
  const foreman = await openForeman({ settings: { BODY_MAX: '100KB' } })
  await foreman.post('/queue/pause')
  const half = chat('alpha', 'x'.repeat(60_000))
  expect((await foreman.submit(half)).state).toBe('queued')
  for (const [path, body] of [
    ['/jobs', chat('alpha', 'x'.repeat(110_000))],
    ['/jobs/batch', { jobs: [half, half] }],
  ] as const) {
    const answer = await foreman.post(path, body)
    expect([path, answer.status, answer.json.code, answer.headers.get('retry-after')]).toEqual([
      path,
      413,
      'too_large',
      null,
    ])
  }
  expect(count(foreman, 'job')).toBe(1)
  await peoplePass(foreman, 5_000_000)
})

test('whoever waits for a job holds no room that the bodies of others need', async () => {
  const foreman = await openForeman({ settings: { BODY_MAX: '100KB' } })
  await foreman.post('/queue/pause')
  const large = chat('alpha', 'x'.repeat(90_000))
  // Four bodies of the largest size are held at a time.
  const waiting = Array.from({ length: 4 }, async (_, i) => {
    await eventually(() => foreman.app.queue.vigil.size === i)
    return foreman.post('/jobs?wait=60', large)
  })
  await eventually(() => foreman.app.queue.vigil.size === 4)
  expect((await foreman.submit(large)).state).toBe('queued')
  await foreman.post('/queue/resume')
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 200, 200])
})

test('a full disk is 507 for one and for many, large and small; people pass, and what is there can be fetched', async () => {
  let on = false
  const fault = (point: string) => {
    if (on && point.endsWith(':inside')) throw Object.assign(new Error('disk full'), { code: 'SQLITE_FULL' })
  }
  const foreman = await openForeman({ fault })
  const job = await foreman.ended((await foreman.submit(chat())).id)
  on = true
  const large = chat('alpha', 'x'.repeat(3_000_000))
  for (const inputs of [[chat()], [chat(), chat()], [large], [chat(), large]])
    await refused(foreman, inputs, { status: 507, code: 'storage_full' })
  for (const [method, path] of [
    ['POST', '/retry'],
    ['DELETE', ''],
  ] as const)
    expect([409, 507]).toContain((await foreman.call(method, `/jobs/${job.id}${path}`)).status)
  await peoplePass(foreman)
  for (const { name } of job.artifacts)
    expect((await foreman.get(`/jobs/${job.id}/artifacts/${name}`)).status).toBe(200)
  on = false
  expect((await foreman.submit(chat())).state).toMatch(/queued|loading|working/)
})
