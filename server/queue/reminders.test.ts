import { describe, expect, test } from 'vitest'
import type { JobRow } from '../store/jobs.ts'
import { Bench } from './queue.harness.ts'

/** What fell due is written, and what that makes due in the same moment. */
async function calm(bench: Bench): Promise<void> {
  for (let i = 0; i < 12; i++) {
    await new Promise<void>((resolve) => setImmediate(resolve))
    bench.clock.advance(0)
  }
}

/** Time passes, and what fell due is written. */
async function pass(bench: Bench, ms: number): Promise<void> {
  bench.clock.advance(ms)
  await calm(bench)
}

const at = (bench: Bench, ms: number) => new Date(bench.clock.wall() + ms).toISOString()
const now = (bench: Bench, row: JobRow) => bench.queue.at(row.seq) as JobRow
const waits = (bench: Bench) => bench.queue.keys((key) => key).reduce((sum, { waiting }) => sum + waiting, 0)

async function backedOff(bench: Bench, backoff_ms: number): Promise<JobRow> {
  const row = await bench.job('working')
  return bench.queue.advance(row.seq, 'back_off', { backoff_ms })
}

describe('a job that backs off', () => {
  test('waits again when its time has come, and not before; that is told, and is no event', async () => {
    const bench = new Bench()
    const row = await backedOff(bench, 5000)
    await pass(bench, 4999)
    expect([waits(bench), now(bench, row).due]).toEqual([0, row.due])
    await pass(bench, 1)
    expect([waits(bench), now(bench, row).due]).toEqual([1, null])
    expect(bench.told.at(-1)).toEqual({ id: row.id, state: 'queued', happening: 'due' })
    expect(bench.history(row)).toHaveLength(4)
    expect(now(bench, row).sequence).toBe(row.sequence)
  })

  test('keeps its place before those that came later', async () => {
    const bench = new Bench()
    const row = await backedOff(bench, 1000)
    const later = await bench.submit()
    expect(bench.queue.keys((key) => key)[0]?.head).toBe(later.place)
    await pass(bench, 1000)
    expect(bench.queue.keys((key) => key)[0]?.head).toBe(row.place)
  })

  test('is one of many: each at its own time, whatever the order they were set in', async () => {
    const bench = new Bench()
    for (const ms of [3000, 1000, 2000, 1000]) await backedOff(bench, ms)
    const counts: number[] = []
    for (let i = 0; i < 4; i++) {
      await pass(bench, 1000)
      counts.push(waits(bench))
    }
    expect(counts).toEqual([2, 3, 4, 4])
  })

  test('does so after a restart too, at the time that was set, not later', async () => {
    const bench = new Bench()
    const row = await backedOff(bench, 10_000)
    const { bench: next } = await bench.restart(4000)
    await pass(next, 5999)
    expect(now(next, row).due).not.toBeNull()
    await pass(next, 1)
    expect(now(next, row).due).toBeNull()
  })

  test('whose time came while foreman was away waits at once', async () => {
    const bench = new Bench()
    const row = await backedOff(bench, 10_000)
    const { bench: next } = await bench.restart(60_000)
    await pass(next, 0)
    expect(now(next, row).due).toBeNull()
  })

  test('comes back although the disk refused it at first', async () => {
    let full = false
    const bench = new Bench({
      fault: () => {
        if (full) throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' })
      },
    })
    const row = await backedOff(bench, 1000)
    full = true
    await pass(bench, 1000)
    expect(now(bench, row).due).not.toBeNull()
    full = false
    await pass(bench, 1000)
    expect(now(bench, row).due).toBeNull()
  })

  test('stays where it is when the queue stops', async () => {
    const bench = new Bench()
    const row = await backedOff(bench, 1000)
    bench.queue.stop()
    await pass(bench, 5000)
    expect(now(bench, row).due).not.toBeNull()
  })
})

describe('start_by', () => {
  test('fails a job that is still queued then, and not before', async () => {
    const bench = new Bench()
    const row = await bench.submit({ start_by: at(bench, 10_000) })
    await pass(bench, 9999)
    expect(now(bench, row).state).toBe('queued')
    await pass(bench, 1)
    expect(now(bench, row)).toMatchObject({ state: 'failed', attempt: 0, loading_at: null })
    expect(JSON.parse(now(bench, row).error ?? '')).toMatchObject({ code: 'start_by_passed' })
    expect(bench.told.at(-1)).toEqual({ id: row.id, state: 'failed', happening: 'fail' })
  })

  test('that the wall clock has passed already when it is looked at fails it at once', async () => {
    const bench = new Bench()
    const row = await bench.submit({ start_by: at(bench, 10_000) })
    bench.clock.shiftWall(20_000)
    await bench.submit({ start_by: at(bench, 60_000) })
    await pass(bench, 0)
    expect(now(bench, row).state).toBe('failed')
  })

  test.each(['loading', 'working'] as const)('never fails a job that has started: %s', async (state) => {
    const bench = new Bench()
    const row = await bench.submit({ start_by: at(bench, 10_000) })
    await bench.bring(row, state)
    await pass(bench, 3_600_000)
    expect(now(bench, row).state).toBe(state)
  })

  test('never fails one that starts in the same tick', async () => {
    const bench = new Bench()
    const row = await bench.submit({ start_by: at(bench, 10_000) })
    const load = bench.queue.advance(row.seq, 'load')
    bench.clock.advance(10_000)
    await load
    await calm(bench)
    expect(now(bench, row).state).toBe('loading')
    expect(await bench.queue.expire(row.seq)).toBe(false)
  })

  test.each(['give_back', 'back_off', 'interrupt'] as const)(
    'fails one that came back (%s) and is queued then, also while it backs off',
    async (happening) => {
      const bench = new Bench()
      const row = await bench.job('working', { start_by: at(bench, 10_000) })
      await pass(bench, 5000)
      const backoff_ms = happening === 'back_off' ? 60_000 : undefined
      await bench.queue.advance(row.seq, happening, { backoff_ms })
      await pass(bench, 4999)
      expect(now(bench, row).state).toBe('queued')
      await pass(bench, 1)
      expect(now(bench, row)).toMatchObject({ state: 'failed', due: null })
    },
  )

  test('fails one that came back after it', async () => {
    const bench = new Bench()
    const row = await bench.job('working', { start_by: at(bench, 10_000) })
    await pass(bench, 20_000)
    await bench.queue.advance(row.seq, 'give_back')
    await calm(bench)
    await pass(bench, 0)
    expect(now(bench, row).state).toBe('failed')
  })

  test('is looked at job by job: one that started does not hide the next', async () => {
    const bench = new Bench()
    const first = await bench.submit({ start_by: at(bench, 1000) })
    const second = await bench.submit({ start_by: at(bench, 2000) })
    const third = await bench.submit({ start_by: at(bench, 1500) })
    await bench.bring(first, 'working')
    await bench.queue.advance(third.seq, 'cancel')
    await pass(bench, 2000)
    expect([first, second, third].map((row) => now(bench, row).state)).toEqual(['working', 'failed', 'canceled'])
  })

  test('is wall time by contract: the wall clock set forward brings it within a minute', async () => {
    const bench = new Bench()
    const row = await bench.submit({ start_by: at(bench, 86_400_000) })
    bench.clock.shiftWall(86_400_000)
    await pass(bench, 60_000)
    expect(now(bench, row).state).toBe('failed')
  })

  test('and set back it takes as long as the wall clock says', async () => {
    const bench = new Bench()
    const row = await bench.submit({ start_by: at(bench, 30_000) })
    bench.clock.shiftWall(-3_600_000)
    await pass(bench, 3_600_000)
    expect(now(bench, row).state).toBe('queued')
    await pass(bench, 90_000)
    expect(now(bench, row).state).toBe('failed')
  })

  test('is looked at after a restart, before anything else happens', async () => {
    const bench = new Bench()
    const row = await bench.submit({ start_by: at(bench, 10_000) })
    const { bench: next } = await bench.restart(20_000)
    await pass(next, 0)
    expect(now(next, row).state).toBe('failed')
  })

  test('does not count any more after a retry', async () => {
    const bench = new Bench()
    const row = await bench.submit({ start_by: at(bench, 1000) })
    await pass(bench, 1000)
    await bench.queue.advance(row.seq, 'retry')
    await pass(bench, 3_600_000)
    expect(now(bench, row).state).toBe('queued')
  })

  test('is tried again when the disk refused it', async () => {
    let full = false
    const bench = new Bench({
      fault: () => {
        if (full) throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' })
      },
    })
    const row = await bench.submit({ start_by: at(bench, 1000) })
    full = true
    await pass(bench, 1000)
    expect(now(bench, row).state).toBe('queued')
    full = false
    await pass(bench, 1000)
    expect(now(bench, row).state).toBe('failed')
  })
})

test('nothing is polled: with nothing to remember there is no timer, and with much there are two', async () => {
  const bench = new Bench()
  let timers = 0
  const set = bench.clock.at.bind(bench.clock)
  bench.clock.at = (time, fn) => {
    timers += 1
    const cancel = set(time, () => {
      timers -= 1
      fn()
    })
    let open = true
    return () => {
      if (open) timers -= 1
      open = false
      cancel()
    }
  }
  await bench.submit()
  await bench.job('working')
  expect(timers).toBe(0)
  for (let i = 1; i <= 20; i++) {
    await backedOff(bench, i * 1000)
    await bench.submit({ start_by: at(bench, i * 1000) })
  }
  expect(timers).toBe(2)
})
