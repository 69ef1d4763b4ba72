import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { look, rows } from '../store/store.harness.ts'
import { Bench, submission } from './queue.harness.ts'

const reasons = async (promises: Promise<unknown>[]) =>
  (await Promise.allSettled(promises)).map((one) => (one.status === 'fulfilled' ? 'ok' : one.reason.code))

describe('a submit', () => {
  test('is a queued job on disk, with its event and its body to the byte, when it resolves', async () => {
    const bench = new Bench()
    const body = [Buffer.from('{"model":"Llama3", '), Buffer.from('"seed":12345678901234567890}')]
    const [submitted] = await bench.queue.submit([{ ...submission({ labels: { a: 'b' } }, { model: 'Llama3' }), body }])
    const [job] = bench.disk('SELECT * FROM job')
    expect(job).toMatchObject({
      state: 'queued',
      model: 'llama3:latest',
      endpoint: '/api/chat',
      attempt: 0,
      body_bytes: 47,
      json_output: 0,
      labels: '{"a":"b"}',
      timeout_s: 1800,
      max_attempts: 3,
      idempotency_key: null,
      trace: null,
      webhook: null,
      created_at: bench.clock.wall(),
      queued_at: bench.clock.wall(),
      waiting_since: bench.clock.wall(),
    })
    expect(bench.disk('SELECT * FROM event')).toMatchObject([
      { seq: job?.seq, job: job?.seq, state: 'queued', happening: 'submit', attempt: 0 },
    ])
    const row = bench.queue.find(submitted?.job.id ?? '')
    expect(Buffer.concat([...bench.queue.body(row)])).toEqual(Buffer.concat(body))
    expect(submitted).toMatchObject({
      replayed: false,
      job: { state: 'queued', labels: { a: 'b' }, sequence: row.seq },
    })
    expect(bench.told).toEqual([{ id: row.id, state: 'queued', happening: 'submit' }])
  })

  test('has an id made of a UUIDv7, and a sequence that grows', async () => {
    const bench = new Bench()
    const made = [await bench.submit(), await bench.submit(), await bench.submit()]
    for (const { id } of made)
      expect(id).toMatch(/^job_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(made.map(({ seq }) => seq)).toEqual([1, 2, 3])
    expect(made.map(({ place }) => place)).toEqual([1, 2, 3])
  })

  test('groups by model and runner options', async () => {
    const bench = new Bench()
    await bench.submit({}, { model: 'M', options: { num_ctx: 8192, seed: 1 } })
    await bench.submit({}, { model: 'm:latest', options: { num_ctx: 8192 } })
    await bench.submit({}, { model: 'm', shift: false })
    expect(bench.queue.keys((key) => key).map(({ key, waiting }) => [key, waiting])).toEqual([
      ['m:latest num_ctx=8192', 2],
      ['m:latest shift=false', 1],
    ])
  })

  test('keeps what it asked for', async () => {
    const bench = new Bench()
    const start_by = '2026-11-23T06:00:00.000+01:00'
    const row = await bench.submit({ timeout_s: 60, max_attempts: 7, start_by }, { format: 'json' })
    expect(row).toMatchObject({ timeout_s: 60, max_attempts: 7, json_output: 1, start_by: Date.parse(start_by) })
  })

  test('that should have started by now is refused, unless it was taken in time under its key', async () => {
    const bench = new Bench()
    const start_by = new Date(bench.clock.wall() + 1_000).toISOString()
    const keyed = submission({ start_by, idempotency_key: 'k' })
    const [first] = await bench.queue.submit([keyed])
    bench.clock.advance(1_000)
    expect(await bench.queue.submit([keyed])).toMatchObject([{ job: { id: first!.job.id }, replayed: true }])
    const late = [keyed, { ...submission({ start_by }), pointer: '/jobs/1' }]
    await expect(bench.queue.submit(late)).rejects.toMatchObject({
      code: 'invalid_request',
      errors: [{ pointer: '/jobs/1/start_by', detail: 'has passed' }],
    })
    expect(bench.disk('SELECT id FROM job')).toEqual([{ id: first!.job.id }])
  })

  test('keeps the trace of its caller, if there is one', async () => {
    const bench = new Bench()
    const trace = { traceparent: '00-a-b-01' }
    await bench.queue.submit([
      { ...submission(), trace },
      { ...submission(), trace: {} },
    ])
    expect(bench.disk('SELECT trace FROM job ORDER BY seq')).toEqual([
      { trace: JSON.stringify(trace) },
      { trace: null },
    ])
  })

  test('of 5 MB is stored like a small one', async () => {
    const bench = new Bench()
    const body = [randomBytes(5 << 20)]
    const [submitted] = await bench.queue.submit([{ ...submission(), body }])
    const row = bench.queue.find(submitted?.job.id ?? '')
    expect(Buffer.concat([...bench.queue.body(row)]).equals(body[0] as Buffer)).toBe(true)
    expect(rows(look(bench.folder), 'loose')).toBe(0)
  })
})

describe('a webhook', () => {
  test('is told of queued in the same transaction, if it asked for that', async () => {
    const bench = new Bench()
    const url = 'https://a/hook'
    const row = await bench.submit({ webhook: { url, events: ['queued'] } })
    await bench.submit({ webhook: { url } })
    const deliveries = bench.disk('SELECT * FROM delivery')
    expect(deliveries).toMatchObject([{ job: row.seq, event: row.seq, kind: 'webhook', url, state: 'pending' }])
    expect(JSON.parse(String(deliveries[0]?.body))).toMatchObject({ type: 'job.queued', data: { id: row.id } })
  })

  test('is stored with its defaults', async () => {
    const bench = new Bench()
    const row = await bench.submit({ webhook: { url: 'https://a/hook', include: ['response'] } })
    expect(JSON.parse(row.webhook ?? '')).toEqual({
      url: 'https://a/hook',
      events: ['done', 'failed', 'canceled'],
      include: ['response'],
    })
  })

  test('of the configuration serves jobs that name none', async () => {
    const bench = new Bench({ webhookUrl: 'https://default/' })
    const webhooks = [await bench.submit(), await bench.submit({ webhook: { url: 'https://own/' } })].map(
      ({ webhook }) => (JSON.parse(webhook ?? '') as { url: string }).url,
    )
    expect(webhooks).toEqual(['https://default/', 'https://own/'])
  })

  test('is refused where none can be signed; deliver is not', async () => {
    const bench = new Bench({ webhooks: false })
    const at = { ...submission({ webhook: { url: 'https://a/' } }), pointer: '/jobs/3' }
    await expect(bench.queue.submit([at])).rejects.toMatchObject({
      code: 'invalid_request',
      errors: [{ pointer: '/jobs/3/webhook' }],
    })
    await bench.submit({ deliver: { url: 'https://a/{name}' } })
  })
})

test('every receiver that is never called is named, and where it stands', async () => {
  const receiverRefused = (url: string) => (url.includes('bad') ? `not ${new URL(url).host}` : undefined)
  const bench = new Bench({ receiverRefused })
  const deliver = { url: 'https://bad2/{name}', urls: { good: 'https://good/', 'a/b~c': 'https://bad3/' } }
  const at = { ...submission({ webhook: { url: 'https://bad1/' }, deliver }), pointer: '/jobs/3' }
  await expect(bench.queue.submit([submission(), at])).rejects.toMatchObject({
    code: 'invalid_request',
    message: '/jobs/3/webhook/url: not bad1',
    errors: [
      { pointer: '/jobs/3/webhook/url', detail: 'not bad1' },
      { pointer: '/jobs/3/deliver/url', detail: 'not bad2' },
      { pointer: '/jobs/3/deliver/urls/a~1b~0c', detail: 'not bad3' },
    ],
  })
  expect(bench.disk('SELECT * FROM job')).toEqual([])
  await bench.submit({ webhook: { url: 'https://good/' }, deliver: { urls: { good: 'https://good/' } } })
})

describe('limits', () => {
  test('a timeout above the configured one is refused, with its pointer', async () => {
    const bench = new Bench({ jobTimeout_s: 60 })
    await bench.submit({ timeout_s: 60 })
    await expect(bench.submit({ timeout_s: 61 })).rejects.toMatchObject({
      code: 'invalid_request',
      errors: [{ pointer: '/timeout_s', detail: 'at most 60' }],
    })
  })

  test('a full queue refuses, says when to come again, and takes again when there is room', async () => {
    const bench = new Bench({ queueMax: 2 })
    const first = await bench.submit()
    await bench.submit()
    await expect(bench.submit()).rejects.toMatchObject({ code: 'queue_full', retryAfterS: expect.any(Number) })
    await bench.queue.advance(first.seq, 'load')
    await bench.submit()
    expect(rows(look(bench.folder), 'job')).toBe(3)
  })

  test('is full to the job, however many come in one tick', async () => {
    const bench = new Bench({ queueMax: 10 })
    const codes = await reasons(Array.from({ length: 30 }, () => bench.submit()))
    expect(codes.filter((code) => code === 'ok')).toHaveLength(10)
    expect(codes.slice(10)).toEqual(Array.from({ length: 20 }, () => 'queue_full'))
    expect(bench.queue.total('queued')).toBe(10)
    await expect(bench.submit()).rejects.toMatchObject({ code: 'queue_full' })
  })

  test('backed-off jobs take room', async () => {
    const bench = new Bench({ queueMax: 1 })
    const row = await bench.job('working')
    await bench.queue.advance(row.seq, 'back_off', { backoff_ms: 5000 })
    await expect(bench.submit()).rejects.toMatchObject({ code: 'queue_full' })
  })

  test('what was refused does not count, nor what could not be written', async () => {
    let full = true
    const fault = () => {
      if (full) throw Object.assign(new Error('disk is full'), { code: 'SQLITE_FULL' })
    }
    const bench = new Bench({ queueMax: 2, fault })
    expect(await reasons([bench.submit(), bench.submit()])).toEqual(['storage_full', 'storage_full'])
    full = false
    expect(await reasons([bench.submit(), bench.submit(), bench.submit()])).toEqual(['ok', 'ok', 'queue_full'])
  })

  test('a replay needs no room', async () => {
    const bench = new Bench({ queueMax: 1 })
    await bench.submit({ idempotency_key: 'k' })
    await bench.submit({ idempotency_key: 'k' })
  })
})

describe('a batch', () => {
  test('of more new jobs than may ever wait is refused for good; those of known keys need no room', async () => {
    const bench = new Bench({ queueMax: 2 })
    const batch = (...keys: (string | undefined)[]) =>
      bench.queue.submit(keys.map((key) => submission(key === undefined ? {} : { idempotency_key: key })))
    await expect(batch(undefined, undefined, undefined)).rejects.toMatchObject({ code: 'too_large' })
    expect(bench.queue.total('queued')).toBe(0)
    const one = await bench.submit({ idempotency_key: 'k' })
    await expect(batch('k', undefined, undefined, undefined)).rejects.toMatchObject({ code: 'too_large' })
    await expect(batch('k', 'a', 'b', 'b')).rejects.toMatchObject({ code: 'queue_full' })
    await bench.bring(one, 'done')
    expect(await batch('k', 'a', 'b', 'b')).toHaveLength(4)
    expect(bench.queue.total('queued')).toBe(2)
  })

  test('is one transaction, its jobs in their order', async () => {
    const commits: number[] = []
    const bench = new Bench({ onCommit: ({ writes }) => commits.push(writes) })
    const models = ['a', 'b', 'a', 'c']
    const results = await bench.queue.submit(models.map((model) => submission({}, { model })))
    expect(commits).toEqual([1])
    expect(results.map(({ job }) => job.request.model)).toEqual(models.map((model) => `${model}:latest`))
    expect(results.map(({ job }) => job.sequence)).toEqual([1, 2, 3, 4])
    expect(bench.told).toHaveLength(4)
  })

  test.each<[string, Record<string, unknown>]>([
    ['a key that was used for another request', { idempotency_key: 'used' }],
    ['a timeout beyond the limit', { timeout_s: 9999 }],
  ])('is all or none: %s in the middle of it leaves nothing', async (_, bad) => {
    const bench = new Bench()
    await bench.submit({ idempotency_key: 'used' }, { prompt: 'another' })
    const batch = [submission(), submission(bad), submission({ idempotency_key: 'fresh' })]
    await expect(bench.queue.submit(batch)).rejects.toMatchObject({ errors: [{ pointer: expect.any(String) }] })
    const disk = look(bench.folder)
    expect(['job', 'event', 'chunk'].map((table) => rows(disk, table))).toEqual([1, 1, 1])
    expect([bench.queue.total('queued'), bench.told.length]).toEqual([1, 1])
    await bench.submit({ idempotency_key: 'fresh' })
  })

  test('that does not fit whole is refused whole, large bodies and all', async () => {
    const bench = new Bench({ queueMax: 3 })
    await bench.submit()
    const large = () => ({ ...submission(), body: [randomBytes(2 << 20)] })
    for (const batch of [
      [large(), submission(), submission()],
      [submission(), submission(), large()],
    ])
      await expect(bench.queue.submit(batch)).rejects.toMatchObject({ code: 'queue_full' })
    await bench.store.blobs.sweep()
    const disk = look(bench.folder)
    expect(['job', 'event', 'chunk', 'loose'].map((table) => rows(disk, table))).toEqual([1, 1, 1, 0])
  })

  test('with the same key twice is one job, told once', async () => {
    const bench = new Bench()
    const twice = () => submission({ idempotency_key: 'k' })
    const [first, second] = await bench.queue.submit([twice(), twice()])
    expect([first?.replayed, second?.replayed]).toEqual([false, true])
    expect(second?.job.id).toBe(first?.job.id)
    expect([bench.queue.total('queued'), bench.told.length]).toEqual([1, 1])
  })
})

describe('an idempotency key', () => {
  test('makes a second submit of the same request the same job, whatever became of it', async () => {
    const bench = new Bench()
    const [first] = await bench.queue.submit([submission({ idempotency_key: 'k' })])
    const row = bench.queue.find(first?.job.id ?? '')
    await bench.bring(row, 'done')
    const [second] = await bench.queue.submit([submission({ idempotency_key: 'k' })])
    expect(second).toMatchObject({ replayed: true, job: { id: first?.job.id, state: 'done' } })
    expect(rows(look(bench.folder), 'job')).toBe(1)
  })

  test('refuses another request, and says whose key it is', async () => {
    const bench = new Bench()
    const row = await bench.submit({ idempotency_key: 'k' })
    const other = { ...submission({ idempotency_key: 'k' }, { prompt: 'other' }), pointer: '/jobs/1' }
    await expect(bench.queue.submit([other])).rejects.toMatchObject({
      code: 'idempotency_key_reused',
      jobId: row.id,
      errors: [{ pointer: '/jobs/1/idempotency_key' }],
    })
  })

  test('that comes many times in one tick makes one job; another request among them is refused', async () => {
    const bench = new Bench()
    const same = () => bench.queue.submit([submission({ idempotency_key: 'k' })])
    const other = () => bench.queue.submit([submission({ idempotency_key: 'k' }, { prompt: 'other' })])
    const settled = await Promise.allSettled([same(), other(), same(), same()])
    const ids = settled.map((one) => (one.status === 'fulfilled' ? one.value[0]?.job.id : one.reason.code))
    expect(ids).toEqual([ids[0], 'idempotency_key_reused', ids[0], ids[0]])
    const replayed = settled.map((one) => (one.status === 'fulfilled' ? one.value[0]?.replayed : null))
    expect(replayed).toEqual([false, null, true, true])
    expect(rows(look(bench.folder), 'job')).toBe(1)
    expect(bench.told).toHaveLength(1)
  })

  test('is remembered over a restart, and free again when its job is deleted', async () => {
    const bench = new Bench()
    const row = await bench.job('canceled', { idempotency_key: 'k' })
    const { bench: next } = await bench.restart()
    expect((await next.submit({ idempotency_key: 'k' })).id).toBe(row.id)
    await next.queue.remove(row.id)
    expect((await next.submit({ idempotency_key: 'k' }, { prompt: 'other' })).id).not.toBe(row.id)
  })

  test('of requests that were all made before writes nothing', async () => {
    const points: string[] = []
    const bench = new Bench({ fault: (point) => points.push(point) })
    const large = (key: string) => ({ ...submission({ idempotency_key: key }), body: [Buffer.alloc(2 << 20)] })
    const made = await bench.queue.submit([large('a'), large('b')])
    points.length = 0
    const again = await bench.queue.submit([large('b'), large('a')])
    expect(again).toEqual(made.toReversed().map(({ job }) => ({ job, replayed: true })))
    expect(points).toEqual([])
  })

  test('of a large request that is made meanwhile leaves nothing of the second upload', async () => {
    const bench = new Bench()
    const large = () => ({ ...submission({ idempotency_key: 'k' }), body: [Buffer.alloc(2 << 20)] })
    await Promise.all([bench.queue.submit([large()]), bench.queue.submit([large()])])
    await bench.store.blobs.sweep()
    const disk = look(bench.folder)
    expect(['job', 'chunk', 'loose'].map((table) => rows(disk, table))).toEqual([1, 8, 0])
  })
})

describe('nothing is taken', () => {
  test('while stopping', async () => {
    const bench = new Bench()
    bench.queue.stop()
    await expect(bench.submit()).rejects.toMatchObject({ code: 'stopping', retryAfterS: expect.any(Number) })
  })

  test('when the folder cannot be written, and the queue is there all the same', async () => {
    if (process.platform !== 'linux') return
    const bench = new Bench({ folder: '/sys/there-is-no-such-folder' })
    expect(await bench.queue.recover()).toBe(0)
    await expect(bench.submit()).rejects.toMatchObject({ code: 'storage_full' })
    expect(await bench.queue.page({ states: [], before: 100, limit: 10 })).toEqual({ rows: [] })
    expect(bench.queue.total('queued')).toBe(0)
    expect(() => bench.queue.find('job_1')).toThrow(expect.objectContaining({ code: 'not_found' }))
  })

  test('into a folder that can only be read, but whoever has a job there is told of it', async () => {
    const bench = new Bench()
    const { id } = await bench.submit({ idempotency_key: 'k' })
    bench.store.close()
    const lock = join(bench.folder, 'foreman.lock')
    rmSync(lock)
    mkdirSync(lock)
    const reading = new Bench({ folder: bench.folder })
    expect(reading.store.unwritable).toMatch(/^EISDIR/)
    expect((await reading.submit({ idempotency_key: 'k' })).id).toBe(id)
    await expect(reading.submit({ idempotency_key: 'other' })).rejects.toMatchObject({ code: 'storage_full' })
  })

  test('when the disk is full at the last moment: not the job, not its event, not its bytes', async () => {
    let full = true
    const fault = (point: string) => {
      if (full && point === 'submit:inside') throw Object.assign(new Error('disk is full'), { code: 'SQLITE_FULL' })
    }
    const bench = new Bench({ fault })
    const large = () => bench.queue.submit([{ ...submission(), body: [randomBytes(2 << 20)] }])
    await expect(large()).rejects.toMatchObject({ code: 'storage_full' })
    await bench.store.blobs.sweep()
    const disk = look(bench.folder)
    expect(['job', 'event', 'chunk', 'loose', 'affinity'].map((table) => rows(disk, table))).toEqual([0, 0, 0, 0, 0])
    expect([bench.told, bench.queue.total('queued')]).toEqual([[], 0])
    full = false
    await large()
    expect(['job', 'event', 'chunk', 'loose'].map((table) => rows(disk, table))).toEqual([1, 1, 8, 0])
  })
})
