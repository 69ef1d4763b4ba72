import { describe, expect, test } from 'vitest'
import { happenings, states, transitions, type Happening, type State } from '../job/state.ts'
import type { JobRow } from '../store/jobs.ts'
import { look, rows } from '../store/store.harness.ts'
import { Bench, submission } from './queue.harness.ts'

const error = { code: 'target_failed', detail: 'because' }
const full = () => Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' })

describe('a change of a job', () => {
  test('is on disk with its event and its deliveries when it resolves, and is told once', async () => {
    const bench = new Bench()
    const webhook = { url: 'https://a/', events: ['loading', 'working', 'done'], include: ['response'] }
    const row = await bench.submit({ webhook, deliver: { url: 'https://b/{name}' } })
    await bench.queue.advance(row.seq, 'load')
    await bench.queue.advance(row.seq, 'work')
    const artifacts = [await bench.artifact('response.json', '{"a":1.0}'), await bench.artifact('output.txt', 'hello')]
    const usage = { output_tokens: 7 }
    const response = Buffer.from('{"a":1.0}')
    const done = await bench.queue.advance(row.seq, 'finish', { artifacts, usage, response })

    expect(done).toMatchObject({ state: 'done', sequence: 4, attempt: 1 })
    expect(bench.disk('SELECT state, sequence FROM job')).toEqual([{ state: 'done', sequence: 4 }])
    expect(bench.history(row)).toEqual(['submit queued', 'load loading', 'work working', 'finish done'])
    const deliveries = bench.disk('SELECT kind, event, artifact, url, body FROM delivery ORDER BY seq')
    expect(deliveries.map(({ kind, event, artifact }) => [kind, event, artifact])).toEqual([
      ['webhook', 2, null],
      ['webhook', 3, null],
      ['webhook', 4, null],
      ['artifact', 4, 'output.txt'],
      ['artifact', 4, 'response.json'],
    ])
    const told = String(deliveries[2]?.body)
    expect(told).toContain('"response":{"a":1.0}')
    expect(JSON.parse(told)).toMatchObject({
      type: 'job.done',
      data: { state: 'done', sequence: 4, artifacts: [{ name: 'output.txt' }, { name: 'response.json' }] },
    })
    expect(bench.told.map(({ happening }) => happening)).toEqual(['submit', 'load', 'work', 'finish'])
    expect(bench.queue.view(done)).toMatchObject({ usage: { output_tokens: 7, queue_ms: 0 } })
  })

  test.each(states.flatMap((state) => happenings.map((happening) => [state, happening] as const)))(
    '%s, %s: what the law refuses changes nothing and tells nobody',
    async (state, happening) => {
      const bench = new Bench()
      const row = await bench.job(state)
      const before = [bench.disk('SELECT * FROM job'), bench.disk('SELECT * FROM event'), bench.told.length]
      const change = bench.queue.advance(row.seq, happening, { error })
      const next = transitions[state][happening]
      if (next && next !== state) {
        expect((await change).state).toBe(next)
        expect(bench.told.at(-1)).toEqual({ id: row.id, state: next, happening })
        expect(rows(look(bench.folder), 'event')).toBe((before[1] as unknown[]).length + 1)
        return
      }
      if (next) expect(await change).toEqual(row)
      else await expect(change).rejects.toMatchObject({ code: 'conflict' })
      expect([bench.disk('SELECT * FROM job'), bench.disk('SELECT * FROM event'), bench.told.length]).toEqual(before)
    },
  )

  test('of a job that is not there is not found', async () => {
    await expect(new Bench().queue.advance(99, 'cancel')).rejects.toMatchObject({ code: 'not_found' })
  })

  test('is nothing at all when the disk is full: no state without its event, no event without its state', async () => {
    let failing = false
    const bench = new Bench({
      fault: (point) => {
        if (failing && point === 'work:inside') throw full()
      },
    })
    const row = await bench.job('loading', { webhook: { url: 'https://a/', events: ['working'] } })
    failing = true
    await expect(bench.queue.advance(row.seq, 'work')).rejects.toMatchObject({ code: 'storage_full' })
    expect(bench.queue.at(row.seq)).toEqual(row)
    expect(bench.history(row)).toEqual(['submit queued', 'load loading'])
    expect(rows(look(bench.folder), 'delivery')).toBe(0)
    expect(bench.told).toHaveLength(2)
    expect(bench.queue.total('working')).toBe(0)
    failing = false
    expect(await bench.queue.advance(row.seq, 'work')).toMatchObject({ state: 'working', attempt: 1 })
  })

  test('whose artifact cannot be written changes nothing', async () => {
    const bench = new Bench()
    const row = await bench.job('working')
    const twice = [await bench.artifact('a', '1'), await bench.artifact('a', '2')]
    await expect(bench.queue.advance(row.seq, 'finish', { artifacts: twice })).rejects.toThrow(/UNIQUE/)
    expect(bench.queue.at(row.seq)).toEqual(row)
    expect(bench.disk('SELECT * FROM artifact')).toEqual([])
  })

  test('gets a sequence that grows over all jobs', async () => {
    const bench = new Bench()
    const a = await bench.submit()
    const b = await bench.submit()
    const sequences = [
      await bench.queue.advance(b.seq, 'load'),
      await bench.queue.advance(a.seq, 'cancel'),
      await bench.queue.advance(b.seq, 'work'),
    ].map(({ sequence }) => sequence)
    expect(sequences).toEqual([3, 4, 5])
  })
})

describe('artifacts', () => {
  test('of a done job are whole, of a failed one partial', async () => {
    const bench = new Bench()
    const ended = async (state: State) => {
      const row = await bench.job('working')
      const artifacts = [await bench.artifact('stream.ndjson', '{}\n')]
      const after = await bench.queue.advance(row.seq, state === 'done' ? 'finish' : 'fail', { error, artifacts })
      return bench.queue.view(after).artifacts.map(({ name, partial, size_bytes }) => [name, partial, size_bytes])
    }
    expect(await ended('done')).toEqual([['stream.ndjson', false, 3]])
    expect(await ended('failed')).toEqual([['stream.ndjson', true, 3]])
  })

  test('are read by name, whole or in part, and strangers are not there', async () => {
    const bench = new Bench()
    const row = await bench.job('working')
    const done = await bench.queue.advance(row.seq, 'finish', { artifacts: [await bench.artifact('a.txt', 'hello')] })
    const found = bench.queue.artifact(done, 'a.txt')
    expect(found?.row).toMatchObject({ size_bytes: 5, content_type: 'text/plain' })
    expect(Buffer.concat([...(found?.read() ?? [])]).toString()).toBe('hello')
    expect(Buffer.concat([...(found?.read(1, 3) ?? [])]).toString()).toBe('el')
    expect(bench.queue.artifact(done, '../a.txt')).toBeUndefined()
    expect(bench.queue.artifact({ ...done, seq: done.seq + 1 }, 'a.txt')).toBeUndefined()
  })
})

describe('a cancel', () => {
  test.each<State>(['queued', 'loading', 'working'])('ends a %s job', async (state) => {
    const bench = new Bench()
    const row = await bench.job(state)
    expect(await bench.queue.advance(row.seq, 'cancel')).toMatchObject({ state: 'canceled', error: null })
    expect(bench.queue.total('canceled')).toBe(1)
    expect(bench.queue.total(state)).toBe(0)
  })

  test('ends one that backs off, and its backoff', async () => {
    const bench = new Bench()
    const row = await bench.job('working')
    await bench.queue.advance(row.seq, 'back_off', { backoff_ms: 5000 })
    await bench.queue.advance(row.seq, 'cancel')
    bench.clock.advance(10_000)
    await new Promise<void>((resolve) => setImmediate(resolve))
    expect(bench.queue.at(row.seq)).toMatchObject({ state: 'canceled', due: null })
    expect(bench.queue.keys((key) => key)).toEqual([])
  })

  test('may be repeated, in the same tick too: one event, told once', async () => {
    const bench = new Bench()
    const row = await bench.submit()
    const cancel = () => bench.queue.advance(row.seq, 'cancel')
    const [first, second] = await Promise.all([cancel(), cancel()])
    const third = await cancel()
    expect([second, third]).toEqual([first, first])
    expect(bench.history(row)).toEqual(['submit queued', 'cancel canceled'])
    expect(bench.told).toHaveLength(2)
    expect(bench.queue.total('canceled')).toBe(1)
  })

  test.each([
    ['finish', 'cancel', 'done'],
    ['cancel', 'finish', 'canceled'],
  ] as const)('that meets %s in one tick: what commits first is the truth', async (first, second, state) => {
    const bench = new Bench()
    const row = await bench.job('working')
    const [a, b] = await Promise.allSettled([bench.queue.advance(row.seq, first), bench.queue.advance(row.seq, second)])
    expect(a).toMatchObject({ status: 'fulfilled', value: { state } })
    expect(b).toMatchObject({ status: 'rejected', reason: { code: 'conflict' } })
    expect(bench.queue.at(row.seq)?.state).toBe(state)
    expect(bench.history(row)).toHaveLength(4)
    expect([bench.queue.total('done'), bench.queue.total('canceled')].sort()).toEqual([0, 1])
  })
})

describe('a retry', () => {
  test('clears what wire.md says and goes to the end of its key', async () => {
    const bench = new Bench()
    const webhook = { url: 'https://a/' }
    const row = await bench.job('working', { start_by: '2030-01-01T00:00:00.000Z', webhook })
    const other = await bench.submit()
    const artifacts = [await bench.artifact('stream.ndjson', 'x'.repeat(2 << 20))]
    await bench.queue.advance(row.seq, 'fail', { error, artifacts })
    const again = await bench.queue.advance(row.seq, 'retry')
    await bench.store.blobs.sweep()

    expect(again).toMatchObject({
      state: 'queued',
      attempt: 0,
      interruptions: 0,
      error: null,
      finished_at: null,
      start_by: null,
      loading_at: null,
      working_at: null,
    })
    expect(again.sequence).toBeGreaterThan(other.sequence)
    expect(bench.queue.keys((key) => key)[0]?.head).toBe(other.place)
    await bench.queue.advance(other.seq, 'load')
    expect(bench.queue.keys((key) => key)[0]?.head).toBe(again.place)
    const disk = look(bench.folder)
    expect([rows(disk, 'artifact'), rows(disk, 'chunk'), rows(disk, 'loose')]).toEqual([0, 2, 0])
    expect(bench.queue.view(again)).not.toHaveProperty('error')

    await bench.bring(again, 'failed')
    const ids = bench.disk("SELECT id FROM delivery WHERE kind = 'webhook'").map(({ id }) => id)
    expect(new Set(ids).size).toBe(2)
  })

  test('of a canceled job, and its history goes on', async () => {
    const bench = new Bench()
    const row = await bench.job('canceled')
    await bench.queue.advance(row.seq, 'retry')
    expect(bench.history(row)).toEqual(['submit queued', 'cancel canceled', 'retry queued'])
    expect(bench.queue.total('queued')).toBe(1)
  })
})

describe('a delete', () => {
  test('erases the job, its bytes and its story in one transaction, and leaves its ids behind', async () => {
    const bench = new Bench()
    const row = await bench.job('working', { webhook: { url: 'https://a/' }, idempotency_key: 'k' })
    const artifacts = [await bench.artifact('a', 'x'.repeat(3 << 20))]
    await bench.queue.advance(row.seq, 'finish', { artifacts })
    const kept = await bench.job('canceled')
    const owed = bench.store.deliveries.ofJob(row.seq).map(({ id }) => id)
    expect(owed).toHaveLength(1)
    await bench.queue.remove(row.id)
    await bench.store.blobs.sweep()
    const disk = look(bench.folder)
    const left = ['job', 'event', 'artifact', 'delivery', 'chunk', 'loose'].map((table) => [table, rows(disk, table)])
    expect(Object.fromEntries(left)).toEqual({ job: 1, event: 2, artifact: 0, delivery: 0, chunk: 1, loose: 0 })
    const at = bench.clock.wall()
    expect(disk.prepare('SELECT * FROM tombstone ORDER BY id').all()).toEqual(
      [row.id, ...owed].map((id) => ({ id, at })),
    )
    expect(() => bench.queue.find(row.id)).toThrow(expect.objectContaining({ code: 'gone', jobId: row.id }))
    expect(bench.queue.find(kept.id).seq).toBe(kept.seq)
    expect(bench.told.at(-1)).toEqual({ id: row.id, state: 'done', happening: 'delete' })
    expect(bench.queue.total('done')).toBe(0)
  })

  test('is told for 30 days', async () => {
    const bench = new Bench()
    const row = await bench.job('done')
    await bench.queue.remove(row.id)
    const days = 24 * 3_600_000
    const { bench: soon } = await bench.restart(30 * days)
    expect(() => soon.queue.find(row.id)).toThrow(expect.objectContaining({ code: 'gone' }))
    soon.clock.advance(1)
    expect(() => soon.queue.find(row.id)).toThrow(expect.objectContaining({ code: 'not_found' }))
  })

  test.each<State>(['queued', 'loading', 'working'])('of a %s job is refused', async (state) => {
    const bench = new Bench()
    const row = await bench.job(state)
    await expect(bench.queue.remove(row.id)).rejects.toMatchObject({ code: 'conflict', jobId: row.id })
    expect(bench.queue.find(row.id).state).toBe(state)
  })

  test('of a stranger is not found, of an erased one gone, of one twice in a tick both', async () => {
    const bench = new Bench()
    const row = await bench.job('canceled')
    const [first, second] = await Promise.allSettled([bench.queue.remove(row.id), bench.queue.remove(row.id)])
    expect(first.status).toBe('fulfilled')
    expect(second).toMatchObject({ reason: { code: 'gone' } })
    await expect(bench.queue.remove(row.id)).rejects.toMatchObject({ code: 'gone' })
    await expect(bench.queue.remove('job_x')).rejects.toMatchObject({ code: 'not_found' })
    await expect(bench.queue.remove("'; DROP TABLE job; --")).rejects.toMatchObject({ code: 'not_found' })
  })

  test('that meets a retry: whichever is first', async () => {
    const bench = new Bench()
    const row = await bench.job('canceled')
    const settled = await Promise.allSettled([bench.queue.advance(row.seq, 'retry'), bench.queue.remove(row.id)])
    expect(settled).toMatchObject([{ value: { state: 'queued' } }, { reason: { code: 'conflict' } }])
    await bench.queue.advance(row.seq, 'cancel')
    const turned = await Promise.allSettled([bench.queue.remove(row.id), bench.queue.advance(row.seq, 'retry')])
    expect(turned).toMatchObject([{ status: 'fulfilled' }, { reason: { code: 'not_found' } }])
    expect(bench.queue.total('queued')).toBe(0)
  })
})

describe('a wait', () => {
  test('ends with the change of its job, after the change is on disk', async () => {
    const bench = new Bench()
    const row = await bench.submit()
    let state: unknown
    const wait = bench.queue.vigil
      .wait(row.seq, 1000)
      .then(() => (state = bench.disk('SELECT state FROM job')[0]?.state))
    await bench.queue.advance(row.seq, 'load')
    await wait
    expect(state).toBe('loading')
    expect(bench.queue.vigil.size).toBe(0)
  })

  test('does not end with a change that did not happen', async () => {
    const bench = new Bench()
    const row = await bench.job('canceled')
    void bench.queue.vigil.wait(row.seq, 1000)
    await bench.queue.advance(row.seq, 'cancel')
    await bench.queue.advance(row.seq, 'load').catch(() => undefined)
    expect(bench.queue.vigil.size).toBe(1)
  })

  test('ends when the queue stops', async () => {
    const bench = new Bench()
    const row = await bench.submit()
    const wait = bench.queue.vigil.wait(row.seq, 1000)
    bench.queue.stop()
    await wait
    expect([bench.queue.vigil.over, bench.queue.vigil.size]).toEqual([true, 0])
  })
})

describe('paused', () => {
  test('survives a restart, and so does resumed', async () => {
    const bench = new Bench()
    expect(bench.queue.paused).toBe(false)
    await bench.queue.pause(true)
    const { bench: next } = await bench.restart()
    expect(next.queue.paused).toBe(true)
    await next.queue.pause(false)
    expect((await next.restart()).bench.queue.paused).toBe(false)
  })

  test('is not paused when that could not be written', async () => {
    const bench = new Bench({
      fault: (point) => {
        if (point === 'pause:inside') throw full()
      },
    })
    await expect(bench.queue.pause(true)).rejects.toMatchObject({ code: 'storage_full' })
    expect(bench.queue.paused).toBe(false)
  })
})

describe('what is told of the queue', () => {
  test('counts by state, backed-off ones among the queued', async () => {
    const bench = new Bench()
    for (const state of states) await bench.job(state)
    const backing = await bench.job('working')
    await bench.queue.advance(backing.seq, 'back_off', { backoff_ms: 1000 })
    expect(states.map((state) => [state, bench.queue.total(state)])).toEqual([
      ['queued', 2],
      ['loading', 1],
      ['working', 1],
      ['done', 1],
      ['failed', 1],
      ['canceled', 1],
    ])
  })

  test('counts by model, most waiting first, only those with something to do', async () => {
    const bench = new Bench()
    const submit = (model: string, options = {}) => bench.submit({}, { model, options })
    await bench.bring(await submit('done'), 'done')
    await bench.bring(await submit('a'), 'working')
    await submit('b')
    await submit('b', { num_ctx: 1 })
    await submit('a')
    expect(bench.queue.models()).toEqual([
      { model: 'b:latest', waiting: 2, running: 0 },
      { model: 'a:latest', waiting: 1, running: 1 },
    ])
  })

  test('how long the oldest waiting job has waited', async () => {
    const bench = new Bench()
    expect(bench.queue.oldestWait_ms()).toBe(0)
    const first = await bench.submit()
    bench.clock.advance(700)
    await bench.submit({}, { model: 'other' })
    bench.clock.advance(300)
    expect(bench.queue.oldestWait_ms()).toBe(1000)
    await bench.queue.advance(first.seq, 'load')
    expect(bench.queue.oldestWait_ms()).toBe(300)
  })

  test('the job at a place, and the oldest place that waits', async () => {
    const bench = new Bench()
    const a = await bench.submit({}, { model: 'a' })
    const b = await bench.submit({}, { model: 'b' })
    expect(bench.queue.headAt(b.place)?.id).toBe(b.id)
    expect(bench.queue.headAt(99)).toBeUndefined()
    expect(bench.queue.oldestPlace()).toBe(a.place)
    await bench.queue.advance(a.seq, 'load')
    expect(bench.queue.oldestPlace()).toBe(b.place)
    await bench.queue.advance(b.seq, 'load')
    expect(bench.queue.oldestPlace()).toBe(Infinity)
  })

  test('a key goes to the back when one of its jobs starts', async () => {
    const bench = new Bench()
    const first = await bench.submit()
    await bench.submit()
    const starved = () => bench.queue.keys((key) => key)[0]?.starvedSince
    const began = bench.queue.steady.now()
    expect(starved()).toBe(began)
    bench.clock.advance(5000)
    await bench.queue.advance(first.seq, 'load')
    expect(starved()).toBe(began + 5000)
  })
})

test('every kind of change has the moments of a commit at which a test may kill', async () => {
  const points = new Set<string>()
  const bench = new Bench({ fault: (point) => points.add(point) })
  const ways: [State, Happening][] = [
    ['working', 'back_off'],
    ['working', 'give_back'],
    ['working', 'interrupt'],
    ['failed', 'retry'],
    ['done', 'load'],
  ]
  for (const [state, happening] of ways) {
    const row: JobRow = await bench.job(state)
    await bench.queue.advance(row.seq, happening).catch(() => undefined)
  }
  const row = await bench.job('canceled')
  await bench.queue.remove(row.id)
  await bench.queue.pause(true)
  await bench.queue.submit([submission()])
  const labels = [...happenings, 'submit', 'delete', 'pause']
  for (const label of labels)
    for (const moment of ['before', 'inside', 'after']) expect(points).toContain(`${label}:${moment}`)
})
