// What is kept for how long, on a virtual clock and a real store; and the space that comes back.
import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../clock.ts'
import type { State } from '../job/state.ts'
import { endedInOrder } from '../store/jobs.ts'
import type { JobRow } from '../store/jobs.ts'
import { look } from '../store/store.harness.ts'
import { Bench, submission, type Setup } from './queue.harness.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const keep = { done: 7 * day, failed: 30 * day }
const ends: State[] = ['done', 'failed', 'canceled']

async function keeping(setup: Setup = {}): Promise<Bench> {
  const bench = new Bench({ keep, ...setup })
  await bench.queue.recover()
  return bench
}

/** Lets time pass, and what it brings be written. */
async function pass(bench: Bench, ms: number): Promise<void> {
  bench.clock.advance(ms)
  await settle()
}

async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve))
}

const count = (bench: Bench, table: string) => Number(bench.disk(`SELECT count(*) AS n FROM ${table}`)[0]?.n)
const there = (bench: Bench, row: JobRow) => bench.store.jobs.at(row.seq) !== undefined
const pay = (bench: Bench) =>
  look(bench.folder).exec("UPDATE delivery SET state = 'delivered', due = NULL, ended_at = 1 WHERE state = 'pending'")

describe('a job that has ended', () => {
  test('is erased when its time is over and not before: a done one sooner, canceled ones with the failed', async () => {
    const bench = await keeping()
    const rows = await Promise.all(ends.map((state) => bench.job(state)))
    const left = () => rows.filter((row) => there(bench, row)).map(({ id }) => bench.queue.find(id).state)
    await pass(bench, 7 * day - 1)
    expect(left()).toEqual(ends)
    await pass(bench, 1)
    expect(left()).toEqual(['failed', 'canceled'])
    await pass(bench, 23 * day - 1)
    expect(left()).toEqual(['failed', 'canceled'])
    await pass(bench, 1)
    expect(left()).toEqual([])
  })

  test('leaves nothing but its id, which answers 410 for 30 days; its idempotency key is free', async () => {
    const bench = await keeping()
    const row = await bench.submit({ idempotency_key: 'k' })
    await bench.bring(row, 'working')
    await bench.queue.advance(row.seq, 'finish', { artifacts: [await bench.artifact('a', 'x'.repeat(3 << 20))] })
    await pass(bench, 7 * day)
    const tables = ['job', 'event', 'artifact', 'delivery', 'chunk', 'loose', 'tombstone']
    expect(tables.map((table) => count(bench, table))).toEqual([0, 0, 0, 0, 0, 0, 1])
    expect(bench.told.at(-1)).toEqual({ id: row.id, state: 'done', happening: 'delete' })
    expect(bench.queue.total('done')).toBe(0)
    expect(() => bench.queue.find(row.id)).toThrow(expect.objectContaining({ code: 'gone' }))
    const [again] = await bench.queue.submit([submission({ idempotency_key: 'k' })])
    expect(again?.replayed).toBe(false)
    await pass(bench, 30 * day)
    expect(count(bench, 'tombstone')).toBe(1)
    await pass(bench, hour)
    expect(count(bench, 'tombstone')).toBe(0)
    expect(() => bench.queue.find(row.id)).toThrow(expect.objectContaining({ code: 'not_found' }))
  })

  test('is kept for ever where that is wanted, of one kind or of both', async () => {
    const bench = await keeping({ keep: { done: null, failed: day } })
    const rows = await Promise.all(ends.map((state) => bench.job(state)))
    await pass(bench, 1000 * day)
    expect(rows.map((row) => there(bench, row))).toEqual([true, false, false])
  })

  test('is kept anew after a retry', async () => {
    const bench = await keeping()
    const row = await bench.job('failed')
    await pass(bench, 29 * day)
    await bench.queue.advance(row.seq, 'retry')
    await pass(bench, 2 * day)
    expect(there(bench, row)).toBe(true)
    await bench.bring(row, 'failed')
    await pass(bench, 30 * day - 1)
    expect(there(bench, row)).toBe(true)
    await pass(bench, 1)
    expect(there(bench, row)).toBe(false)
  })

  test('is not erased by a retry that came in the same tick', async () => {
    const bench = await keeping()
    const row = await bench.job('failed')
    const retried = bench.queue.advance(row.seq, 'retry')
    await Promise.all([bench.queue.purge([row.seq]), retried])
    expect(bench.queue.find(row.id).state).toBe('queued')
  })

  test('is not erased with a delivery that was asked for again in the same tick', async () => {
    const bench = await keeping()
    const row = await bench.job('done', { webhook: { url: 'https://a/' } })
    pay(bench)
    const { commit, deliveries } = bench.store
    const renewed = commit.run('redeliver', () => deliveries.renew(deliveries.ofJob(row.seq)[0]!, 0))
    await Promise.all([renewed, bench.queue.purge([row.seq])])
    expect(there(bench, row)).toBe(true)
    expect(count(bench, "delivery WHERE state = 'pending'")).toBe(1)
  })

  test('waits until all of it is delivered, and holds up none of those behind it', async () => {
    const bench = await keeping()
    const owing = await bench.job('done', { webhook: { url: 'https://a/' } })
    await pass(bench, minute)
    const others = await Promise.all(Array.from({ length: 30 }, () => bench.job('done')))
    await pass(bench, 7 * day)
    expect(others.filter((row) => there(bench, row))).toEqual([])
    expect(there(bench, owing)).toBe(true)
    await pass(bench, 10 * day)
    expect(there(bench, owing)).toBe(true)
    pay(bench)
    await pass(bench, hour)
    expect(there(bench, owing)).toBe(false)
  })

  test('is erased by the first foreman that is there after its time', async () => {
    const bench = await keeping()
    const row = await bench.job('done')
    const { bench: later } = await bench.restart(8 * day)
    await settle()
    expect(there(later, row)).toBe(false)
  })
})

describe('the wall clock is what counts', () => {
  test('set forward it brings the end within an hour, set back it takes as long as it says', async () => {
    const bench = await keeping()
    const row = await bench.job('done')
    bench.clock.shiftWall(-2 * day)
    await pass(bench, 8 * day)
    expect(there(bench, row)).toBe(true)
    bench.clock.shiftWall(day)
    await pass(bench, hour)
    expect(there(bench, row)).toBe(false)
  })
})

describe('many at once', () => {
  test('go ten at a time, each ten a transaction in a turn of its own', async () => {
    const points: string[] = []
    const bench = await keeping({ fault: (point) => points.push(point) })
    await bench.queue.submit(Array.from({ length: 95 }, () => submission()))
    for (let seq = 1; seq <= 95; seq++) await bench.queue.advance(seq, 'cancel')
    await pass(bench, 30 * day)
    await settle()
    expect([count(bench, 'job'), count(bench, 'chunk'), count(bench, 'tombstone')]).toEqual([0, 0, 95])
    expect(points.filter((point) => point === 'purge:after')).toHaveLength(10)
    expect(points.filter((point) => point === 'purge:inside').length).toBe(10)
  })

  test('are found by an index, however many there are', () => {
    const bench = new Bench()
    const plan = bench.disk(`EXPLAIN QUERY PLAN ${endedInOrder.replace('state = ?', "state = 'done'")}`, 0, 0, 10)
    const steps = plan.map(({ detail }) => String(detail))
    expect(steps[0]).toMatch(/^SEARCH job USING (COVERING )?INDEX job_ended \(state=\? AND finished_at>\?\)/)
    expect(steps.filter((step) => step.includes('TEMP B-TREE'))).toEqual([])
  })

  test('give their space back to the disk, but for a few MiB', async () => {
    const bench = await keeping({ keep: { done: day, failed: day } })
    for (let i = 0; i < 8; i++) {
      const row = await bench.job('working')
      await bench.queue.advance(row.seq, 'finish', { artifacts: [await bench.artifact('a', Buffer.alloc(4 << 20, i))] })
    }
    const full = Number(bench.disk('PRAGMA page_count')[0]?.page_count)
    await pass(bench, day)
    while (Number(bench.disk('PRAGMA freelist_count')[0]?.freelist_count) > 1024) await settle()
    const left = Number(bench.disk('PRAGMA page_count')[0]?.page_count)
    expect(full - left).toBeGreaterThan((28 << 20) / 4096)
    expect(bench.disk('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }])
  })
})

describe('a write that fails', () => {
  test('is tried again a minute later, and what is left is erased then', async () => {
    let refused = false
    const fault = (point: string) => {
      if (refused && point === 'purge:inside') throw Object.assign(new Error('full'), { code: 'SQLITE_FULL' })
    }
    const bench = await keeping({ fault })
    const row = await bench.job('done')
    refused = true
    await pass(bench, 7 * day)
    expect(there(bench, row)).toBe(true)
    refused = false
    await pass(bench, minute - 1)
    expect(there(bench, row)).toBe(true)
    await pass(bench, 1)
    expect(there(bench, row)).toBe(false)
  })
})

test('a stopped queue erases nothing any more', async () => {
  const bench = await keeping()
  const row = await bench.job('done')
  bench.queue.stop()
  await pass(bench, 100 * day)
  expect(there(bench, row)).toBe(true)
})

test('nothing is polled: without an end there is no timer, and with a thousand there is one', async () => {
  const clock = new VirtualClock()
  let timers = 0
  const set = clock.at.bind(clock)
  clock.at = (time, fn) => {
    timers++
    const cancel = set(time, fn)
    let open = true
    return () => {
      if (open) timers--
      open = false
      cancel()
    }
  }
  const bench = await keeping({ clock })
  await settle()
  await bench.job('working')
  expect(timers).toBe(0)
  for (let i = 0; i < 20; i++) await bench.job(ends[i % 3]!)
  expect(timers).toBe(1)
})
