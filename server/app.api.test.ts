// What callers may rely on over HTTP: waiting, idempotency, batches, lists, entity tags, erasing, pausing.

import { describe, expect, test } from 'vitest'
import { chat, openForeman, type Foreman, type Reply } from './app.harness.ts'
import { eventually, pass } from './app.stage.ts'
import { VirtualClock } from './clock.ts'
import type { Job } from './job/schema.ts'

const pointers = ({ json }: Reply) => (json.errors as { pointer: string }[]).map(({ pointer }) => pointer)
const ids = ({ json }: Reply) => (json.data as Job[]).map(({ id }) => id)

/** A foreman whose jobs stay where they are: paused before anything is submitted. */
async function paused(setup?: Parameters<typeof openForeman>[0]): Promise<Foreman> {
  const foreman = await openForeman(setup)
  expect((await foreman.post('/queue/pause')).status).toBe(200)
  return foreman
}

describe('waiting', () => {
  test.each([
    ['?wait=20', {}],
    ['', { prefer: 'wait=20' }],
    ['', { prefer: 'handling=lenient, wait=20' }],
  ])('a submit with %s %o is answered 200 when the job has ended in time', async (query, headers) => {
    const foreman = await openForeman()
    const answer = await foreman.post(`/jobs${query}`, chat(), headers as Record<string, string>)
    expect(answer.status).toBe(200)
    expect(answer.json).toMatchObject({ state: 'done' })
    expect(answer.headers.get('preference-applied')).toBe('wait=20')
    expect(answer.headers.get('location')).toBe(`${foreman.url}/jobs/${String(answer.json.id)}`)
    expect(answer.headers.get('retry-after')).toBeNull()
  })

  test('and 202 when it has not', async () => {
    const foreman = await paused()
    const answer = await foreman.post('/jobs?wait=0', chat())
    expect([answer.status, answer.json.state, answer.json.reason]).toEqual([202, 'queued', 'paused'])
    expect(answer.headers.get('preference-applied')).toBe('wait=0')
    expect(answer.headers.get('retry-after')).toBe('1')
  })

  test('a look at a job waits for its end, and is 200 when the time is over before', async () => {
    const clock = new VirtualClock()
    const foreman = await paused({ clock })
    const { id } = await foreman.submit(chat())
    const waits = [foreman.get(`/jobs/${id}?wait=30`), foreman.get(`/jobs/${id}`, { prefer: 'wait=30' })]
    const query = foreman.trpc.jobs.get.query({ id, wait: 30 })
    await eventually(() => foreman.app.queue.vigil.size === 3)
    await pass(clock, 29_000)
    expect(foreman.app.queue.vigil.size).toBe(3)
    await pass(clock, 1000)
    for (const answer of await Promise.all(waits)) expect([answer.status, answer.json.state]).toEqual([200, 'queued'])
    expect((await query).state).toBe('queued')

    const more = [foreman.get(`/jobs/${id}?wait=30`), foreman.get(`/jobs/${id}?wait=30`)]
    await eventually(() => foreman.app.queue.vigil.size === 2)
    await foreman.post('/queue/resume')
    for (const answer of await Promise.all(more)) expect([answer.status, answer.json.state]).toEqual([200, 'done'])
    expect(foreman.app.queue.vigil.size).toBe(0)
  })

  test('a stop without any grace tells everybody who waits', async () => {
    const foreman = await paused({ settings: { STOP_GRACE: '0ms' } })
    const { id } = await foreman.submit(chat())
    const waits = Array.from({ length: 100 }, () => foreman.get(`/jobs/${id}?wait=30`))
    await eventually(() => foreman.app.queue.vigil.size === waits.length)
    await foreman.close()
    for (const { status, headers, json } of await Promise.all(waits))
      expect([status, headers.get('connection'), json.state]).toEqual([200, 'close', 'queued'])
  })

  test.each(['-1', '121', '1.5', 'soon', ''])('?wait=%s is refused on both', async (wait) => {
    const foreman = await openForeman()
    for (const answer of [
      await foreman.post(`/jobs?wait=${wait}`, chat()),
      await foreman.get(`/jobs/x?wait=${wait}`),
    ]) {
      expect([answer.status, answer.json.code, pointers(answer)]).toEqual([422, 'invalid_request', ['/wait']])
    }
    expect(ids(await foreman.get('/jobs'))).toEqual([])
  })
})

describe('an idempotency key', () => {
  test.each([
    ['a quoted header', { 'idempotency-key': '"k-1 x"' }, 'k-1 x'],
    ['a bare header', { 'idempotency-key': 'k-1' }, 'k-1'],
  ])('as %s or as the field makes one job', async (_, headers, key) => {
    const foreman = await paused()
    const first = await foreman.post('/jobs', chat(), headers as Record<string, string>)
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([202, null])
    const again = [
      await foreman.post('/jobs', chat(), headers as Record<string, string>),
      await foreman.post('/jobs', { idempotency_key: key, ...chat() }),
      await foreman.post('/jobs', { idempotency_key: key, ...chat() }, headers as Record<string, string>),
    ]
    for (const answer of again) {
      expect([answer.status, answer.json.id]).toEqual([202, first.json.id])
      expect(answer.headers.get('idempotency-replayed')).toBe('true')
    }
    expect(await foreman.trpc.jobs.submit.mutate({ ...chat(), idempotency_key: key } as never)).toEqual(first.json)
    expect(ids(await foreman.get('/jobs'))).toEqual([first.json.id])
  })

  test('used for another request is refused with the job it made, on both roads', async () => {
    const foreman = await paused()
    const { id } = await foreman.submit({ ...chat(), idempotency_key: 'k' })
    const others = [chat('beta'), { ...chat(), labels: { a: '1' } }, chat('alpha', 'hello', { options: { seed: 1.0 } })]
    for (const other of others) {
      const answer = await foreman.post('/jobs', { ...other, idempotency_key: 'k' })
      expect([answer.status, answer.json.code, answer.json.job_id]).toEqual([422, 'idempotency_key_reused', id])
      expect(pointers(answer)).toEqual(['/idempotency_key'])
      const refused = foreman.trpc.jobs.submit.mutate({ ...other, idempotency_key: 'k' } as never)
      await expect(refused).rejects.toMatchObject({ data: { problem: { code: 'idempotency_key_reused', job_id: id } } })
    }
  })

  test('does not look at the order of members or at spaces, but at every digit', async () => {
    const foreman = await paused()
    const body = '{"model":"alpha","prompt":"x","options":{"seed":9007199254740993}}'
    const sent = (text: string) => foreman.post('/jobs', text, { 'idempotency-key': 'k' })
    const first = await sent(`{"request":{"endpoint":"/api/generate","body":${body}}}`)
    const same = `{ "request": {"body":{"options" : {"seed":9007199254740993},"prompt":"\\u0078", "model":"alpha"}, "endpoint":"/api/generate" } }`
    expect((await sent(same)).json.id).toBe(first.json.id)
    const digit = await sent(`{"request":{"endpoint":"/api/generate","body":${body.replace('993', '992')}}}`)
    expect(digit.json.code).toBe('idempotency_key_reused')
  })

  test('of the header that differs from the field is refused, and so is one that is no key', async () => {
    const foreman = await openForeman()
    const differs = await foreman.post('/jobs', { ...chat(), idempotency_key: 'a' }, { 'idempotency-key': 'b' })
    expect([differs.status, pointers(differs)]).toEqual([422, ['/idempotency_key']])
    for (const key of ['""', 'two words', '"open', 'x'.repeat(256), '"a\\b"']) {
      const answer = await foreman.post('/jobs', chat(), { 'idempotency-key': key })
      expect([key, answer.status, pointers(answer)]).toEqual([key, 422, ['/idempotency_key']])
    }
    expect(ids(await foreman.get('/jobs'))).toEqual([])
  })

  test('sent many times in one tick makes one job, and other submits of that tick are not touched', async () => {
    const foreman = await paused()
    const same = Array.from({ length: 20 }, () => foreman.post('/jobs', chat(), { 'idempotency-key': 'k' }))
    const other = Array.from({ length: 5 }, () => foreman.post('/jobs', chat('beta'), { 'idempotency-key': 'k' }))
    const free = Array.from({ length: 5 }, () => foreman.post('/jobs', chat()))
    const [first, second] = [await Promise.all(same), await Promise.all(other)]
    const kept = [...first, ...second].filter(({ status }) => status === 202)
    expect(new Set(kept.map(({ json }) => json.id)).size).toBe(1)
    expect(kept.filter(({ headers }) => headers.get('idempotency-replayed') === null)).toHaveLength(1)
    expect([...first, ...second].filter(({ status }) => status === 422).length + kept.length).toBe(25)
    for (const answer of await Promise.all(free)) expect(answer.status).toBe(202)
    expect(ids(await foreman.get('/jobs'))).toHaveLength(6)
  })

  test('is free again when its job was erased', async () => {
    const foreman = await openForeman()
    const { id } = await foreman.submit({ ...chat(), idempotency_key: 'k' })
    await foreman.ended(id)
    expect((await foreman.call('DELETE', `/jobs/${id}`)).status).toBe(204)
    const again = await foreman.post('/jobs', chat('beta'), { 'idempotency-key': 'k' })
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([202, null])
  })
})

describe('a batch', () => {
  test('is stored as a whole, in its order, with exact numbers', async () => {
    const foreman = await openForeman()
    const job = (seed: string) =>
      `{"labels":{"n":"${seed}"},"request":{"endpoint":"/api/generate","body":{"model":"alpha","prompt":"x","options":{"seed":${seed}}}}}`
    const seeds = ['9223372036854775807', '9223372036854775806', '1.0']
    const answer = await foreman.post('/jobs/batch', `{"jobs":[${seeds.map(job).join(', ')}]}`)
    expect(answer.status).toBe(202)
    expect((answer.json.data as Job[]).map(({ labels }) => labels.n)).toEqual(seeds)
    for (const id of ids(answer)) expect((await foreman.ended(id)).state).toBe('done')
    const sent = foreman.fake.requests.filter((seen) => seen.purpose === 'work').map((seen) => seen.body.toString())
    expect(sent.map((body) => /"seed":([^}]*)/.exec(body)?.[1])).toEqual(seeds)
  })

  test('with one bad job is refused as a whole, and says which', async () => {
    const foreman = await openForeman()
    await foreman.submit({ ...chat('beta'), idempotency_key: 'k' })
    const bad: [object, number, string][] = [
      [chat(''), 422, '/jobs/1/request/body/model'],
      [{ ...chat(), timeout_s: 1_000_000 }, 422, '/jobs/1/timeout_s'],
      [{ ...chat(), idempotency_key: 'k' }, 422, '/jobs/1/idempotency_key'],
      [{ ...chat(), webhook: { url: 'https://example.com/' } }, 422, '/jobs/1/webhook'],
      [{ ...chat(), extra: 1 }, 422, '/jobs/1/extra'],
    ]
    for (const [job, status, pointer] of bad) {
      const answer = await foreman.post('/jobs/batch', { jobs: [chat(), job, chat()] })
      expect([answer.status, pointers(answer)]).toEqual([status, [pointer]])
      const refused = foreman.trpc.jobs.submit_batch.mutate({ jobs: [chat(), job, chat()] } as never)
      await expect(refused).rejects.toMatchObject({ data: { problem: { status, errors: [{ pointer }] } } })
    }
    expect(ids(await foreman.get('/jobs'))).toHaveLength(1)
    expect(foreman.rows('SELECT DISTINCT blob FROM chunk')).toHaveLength(
      foreman.rows('SELECT * FROM job').length + foreman.rows('SELECT * FROM artifact').length,
    )
  })

  test('with a key in its head is refused, as that would keep no promise; its jobs may have one each', async () => {
    const foreman = await paused()
    const answer = await foreman.post('/jobs/batch', { jobs: [chat()] }, { 'idempotency-key': 'k' })
    expect([answer.status, answer.json.code, pointers(answer)]).toEqual([422, 'invalid_request', ['/jobs']])
    expect(ids(await foreman.get('/jobs'))).toEqual([])
    const jobs = [1, 2].map((n) => ({ ...chat(), idempotency_key: `k-${n}` }))
    const [first, again] = [await foreman.post('/jobs/batch', { jobs }), await foreman.post('/jobs/batch', { jobs })]
    expect(ids(again)).toEqual(ids(first))
  })

  test('that no queue would ever hold is refused for good', async () => {
    const foreman = await paused({ settings: { QUEUE_MAX: '2' } })
    const answer = await foreman.post('/jobs/batch', { jobs: [chat(), chat(), chat()] })
    expect([answer.status, answer.json.code, answer.headers.get('retry-after')]).toEqual([413, 'too_large', null])
    expect(answer.json.detail).toContain('no more than 2 may wait')
  })

  test('of none or of more than 1,000 is refused, one of 1,000 is taken', async () => {
    const foreman = await paused()
    for (const count of [0, 1001]) {
      const answer = await foreman.post('/jobs/batch', { jobs: Array.from({ length: count }, () => chat()) })
      expect([answer.status, pointers(answer)]).toEqual([422, ['/jobs']])
    }
    const answer = await foreman.post('/jobs/batch', { jobs: Array.from({ length: 1000 }, () => chat()) })
    expect([answer.status, ids(answer).length]).toEqual([202, 1000])
    expect((await foreman.get('/queue')).json).toMatchObject({ states: { queued: 1000 } })
  })

  test('that would overfill the queue is refused as a whole, and a full queue says when to come back', async () => {
    const foreman = await paused({ settings: { QUEUE_MAX: '3' } })
    await foreman.submit(chat())
    const over = await foreman.post('/jobs/batch', { jobs: [chat(), chat(), chat()] })
    expect([over.status, over.json.code]).toEqual([503, 'queue_full'])
    expect(Number(over.headers.get('retry-after'))).toBeGreaterThan(0)
    // Within one tick nothing is counted yet that was written in it.
    const { request } = chat()
    const submission = { input: { request } as never, body: [Buffer.from(JSON.stringify(request.body))] }
    const tick = Array.from({ length: 10 }, () => foreman.app.queue.submit([submission]))
    const outcomes = (await Promise.allSettled(tick)).map((one) =>
      one.status === 'rejected' ? one.reason.code : 'taken',
    )
    expect(outcomes).toEqual(['taken', 'taken', ...Array.from({ length: 8 }, () => 'queue_full')])
    expect(ids(await foreman.get('/jobs'))).toHaveLength(3)
  })
})

describe('a list', () => {
  test('is paged newest first, and filtered by state, model, label and time', async () => {
    const clock = new VirtualClock()
    const foreman = await paused({ clock })
    const made: Job[] = []
    for (let i = 0; i < 7; i++) {
      clock.advance(1000)
      made.push(
        await foreman.submit({ ...chat(i % 2 ? 'beta' : 'Alpha'), labels: { n: String(i), odd: String(i % 2) } }),
      )
    }
    await foreman.post(`/jobs/${made[3]?.id}/cancel`)
    const newest = made.map(({ id }) => id).toReversed()
    const pages: string[][] = []
    for (let cursor = ''; ;) {
      const page = await foreman.get(`/jobs?limit=3${cursor}`)
      pages.push(ids(page))
      if (page.json.next_cursor === undefined) break
      cursor = `&cursor=${String(page.json.next_cursor)}`
    }
    expect(pages.flat()).toEqual(newest)
    expect(pages.map((page) => page.length)).toEqual([3, 3, 1])

    const some = async (query: string) => ids(await foreman.get(`/jobs?${query}`)).map((id) => 6 - newest.indexOf(id))
    expect(await some('state=canceled')).toEqual([3])
    expect(await some('state=canceled&state=queued')).toEqual([6, 5, 4, 3, 2, 1, 0])
    expect(await some('model=alpha')).toEqual([6, 4, 2, 0])
    expect(await some('model=ALPHA:latest&state=queued')).toEqual([6, 4, 2, 0])
    expect(await some('label=odd:1')).toEqual([5, 3, 1])
    expect(await some('label=odd:2')).toEqual([])
    expect(await some(`created_after=${made[4]?.created_at}`)).toEqual([6, 5])
    expect(await some(`created_before=${made[2]?.created_at}&limit=1`)).toEqual([1])
    const listed = await foreman.trpc.jobs.list.query({ state: ['queued'], label: 'odd:1', limit: 1 })
    expect(listed.data.map(({ id }) => id)).toEqual([made[5]?.id])
    const rest = await foreman.trpc.jobs.list.query({ state: ['queued'], label: 'odd:1', cursor: listed.next_cursor })
    expect(rest.data.map(({ id }) => id)).toEqual([made[1]?.id])
    expect(rest.next_cursor).toBeUndefined()
  })

  test.each([
    ['state=finished', '/state/0'],
    ['limit=0', '/limit'],
    ['limit=201', '/limit'],
    ['limit=ten', '/limit'],
    ['label=odd', '/label'],
    ['cursor=nonsense', '/cursor'],
    ['created_after=yesterday', '/created_after'],
    ['model=a&model=b', '/model'],
    ['colour=red', '/colour'],
  ])('refuses %s', async (query, pointer) => {
    const foreman = await openForeman()
    const answer = await foreman.get(`/jobs?${query}`)
    expect([answer.status, answer.json.code, pointers(answer)]).toEqual([422, 'invalid_request', [pointer]])
  })
})

test('the entity tag of a job changes with its state, and what has not changed is not sent again', async () => {
  const foreman = await paused()
  const { id, sequence } = await foreman.submit(chat())
  const first = await foreman.get(`/jobs/${id}`)
  const tag = first.headers.get('etag') ?? ''
  expect(tag).toBe(`W/"${sequence}"`)
  const same = await foreman.get(`/jobs/${id}`, { 'if-none-match': `"x", ${tag}` })
  expect([same.status, same.text, same.headers.get('etag')]).toEqual([304, '', tag])
  await foreman.post('/queue/resume')
  await foreman.ended(id)
  const changed = await foreman.get(`/jobs/${id}`, { 'if-none-match': tag })
  expect([changed.status, changed.json.state]).toEqual([200, 'done'])
})

test('an erased job is gone from every list and answers 410, also after a restart', async () => {
  const foreman = await openForeman()
  const { id } = await foreman.submit(chat())
  await foreman.ended(id)
  const erased = await foreman.call('DELETE', `/jobs/${id}`)
  expect([erased.status, erased.text]).toEqual([204, ''])
  for (const round of ['now', 'later']) {
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/cancel'],
      ['POST', '/retry'],
    ] as const) {
      const answer = await foreman.call(method, `/jobs/${id}${path}`)
      expect([round, method, path, answer.status, answer.json.code]).toEqual([round, method, path, 410, 'gone'])
    }
    expect(ids(await foreman.get('/jobs'))).toEqual([])
    await expect(foreman.trpc.jobs.get.query({ id })).rejects.toMatchObject({ data: { problem: { status: 410 } } })
    for (const table of ['job', 'event', 'artifact']) expect(foreman.rows(`SELECT * FROM ${table}`)).toEqual([])
    await eventually(() => foreman.rows('SELECT * FROM chunk').length === 0)
    await foreman.restart()
  }
})

test('only a job that has ended can be erased, over tRPC as well', async () => {
  const foreman = await paused()
  const { id } = await foreman.submit(chat())
  expect((await foreman.call('DELETE', `/jobs/${id}`)).json).toMatchObject({
    status: 409,
    code: 'conflict',
    job_id: id,
  })
  await foreman.trpc.jobs.cancel.mutate({ id })
  expect(await foreman.trpc.jobs.delete.mutate({ id })).toBeUndefined()
  expect((await foreman.get(`/jobs/${id}`)).status).toBe(410)
})

test('a failed or canceled job is retried afresh, at the end of its key; others are refused', async () => {
  const foreman = await openForeman()
  foreman.fake.fault({ do: 'refuse', status: 400, text: 'invalid format', after: 0 })
  const { id } = await foreman.submit({ ...chat(), start_by: '2999-01-01T00:00:00Z' })
  const failed = await foreman.ended(id)
  expect(failed).toMatchObject({ state: 'failed', attempt: 1, start_by: '2999-01-01T00:00:00.000Z' })
  await foreman.post('/queue/pause')
  const before = await foreman.submit(chat())
  const retried = await foreman.post(`/jobs/${id}/retry`)
  expect(retried.status).toBe(202)
  expect(retried.json).toMatchObject({
    id,
    state: 'queued',
    attempt: 0,
    interruptions: 0,
    finished_at: null,
    artifacts: [],
  })
  for (const name of ['error', 'start_by', 'usage']) expect(retried.json).not.toHaveProperty(name)
  expect(Number(retried.json.sequence)).toBeGreaterThan(failed.sequence)
  expect((await foreman.post(`/jobs/${id}/retry`)).json).toMatchObject({ status: 409, code: 'conflict' })
  await foreman.post('/queue/resume')
  const [done, other] = [await foreman.ended(id), await foreman.ended(before.id)]
  expect(done).toMatchObject({ state: 'done', attempt: 1 })
  expect(Date.parse(String(other.finished_at))).toBeLessThanOrEqual(Date.parse(String(done.loading_at)))
  expect((await foreman.post(`/jobs/${id}/retry`)).status).toBe(409)

  await foreman.post('/queue/pause')
  const canceled = await foreman.submit(chat())
  await foreman.post(`/jobs/${canceled.id}/cancel`)
  expect((await foreman.trpc.jobs.retry.mutate({ id: canceled.id })).state).toBe('queued')
  await foreman.post('/queue/resume')
  expect((await foreman.ended(canceled.id)).state).toBe('done')
})

test('a pause keeps jobs queued with that reason, over a restart, until somebody resumes; the passthrough goes on', async () => {
  const foreman = await paused()
  const { id } = await foreman.submit(chat())
  await foreman.restart()
  expect((await foreman.get('/queue')).json).toMatchObject({ paused: true, reason: 'paused', states: { queued: 1 } })
  expect(await foreman.job(id)).toMatchObject({ state: 'queued', reason: 'paused' })
  expect((await foreman.get('/api/version')).json).toEqual({ version: '0.33.0' })
  expect(await foreman.trpc.queue.resume.mutate({})).toMatchObject({ paused: false })
  expect((await foreman.ended(id)).state).toBe('done')
  await foreman.restart()
  expect((await foreman.get('/queue')).json).toMatchObject({ paused: false, states: { done: 1, queued: 0 } })
})

test('the queue and the target at a glance, the same on both roads', async () => {
  const load = Promise.withResolvers<void>()
  const foreman = await openForeman({ fake: { models: ['alpha', 'beta'], loadMs: load.promise } })
  const first = await foreman.submit(chat())
  await foreman.submit(chat('beta'))
  await foreman.submit(chat('beta'))
  await foreman.reached(first.id, 'loading')
  const queue = (await foreman.get('/queue')).json
  expect(queue).toMatchObject({
    paused: false,
    states: { queued: 2, loading: 1, working: 0, done: 0, failed: 0, canceled: 0 },
    models: [
      { model: 'beta:latest', waiting: 2, running: 0 },
      { model: 'alpha:latest', waiting: 0, running: 1 },
    ],
    turn: { key: 'alpha:latest', model: 'alpha:latest' },
    running: first.id,
  })
  expect(Object.keys(await foreman.trpc.queue.get.query({}))).toEqual(Object.keys(queue))
  load.resolve()
  await foreman.ended(first.id)
  await foreman.app.target.look()
  const target = (await foreman.get('/target')).json
  expect(target).toMatchObject({ url: foreman.fake.url, state: 'awake', version: '0.33.0', people: { in_flight: 0 } })
  expect((target.models as string[]).toSorted()).toEqual(['alpha:latest', 'beta:latest'])
  expect((target.loaded as { model: string }[])[0]?.model).toMatch(/alpha|beta/)
  expect(Object.keys(await foreman.trpc.target.get.query({}))).toEqual(Object.keys(target))
})
