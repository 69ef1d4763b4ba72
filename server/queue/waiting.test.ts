import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { states, type Happening } from '../job/state.ts'
import type { JobRow } from '../store/jobs.ts'
import { Bench } from './queue.harness.ts'
import { Waiting } from './waiting.ts'

const identity = (key: string) => key

/** What the queue keeps in memory. */
const kept = ({ queue }: Bench) => ({
  keys: queue.keys(identity),
  totals: Object.fromEntries(states.map((state) => [state, queue.total(state)])),
  models: queue.models().sort((a, b) => (a.model < b.model ? -1 : 1)),
  oldest: queue.oldestWait_ms(),
  heads: queue.keys(identity).map(({ head }) => queue.headAt(head)?.place),
})

/** The same, counted from the rows by nothing but SQL. */
function counted(bench: Bench) {
  const waiting = "state = 'queued' AND due IS NULL"
  // With a lone min(), SQLite takes the other columns from the row that has it.
  const keys = bench
    .disk(
      `SELECT key, count(*) AS waiting, min(place) AS head, waiting_since, last_start
       FROM job JOIN affinity ON affinity.id = affinity WHERE ${waiting} GROUP BY key ORDER BY head`,
    )
    .map(({ key, waiting, head, waiting_since, last_start }) => ({
      key,
      waiting,
      head,
      starvedSince: Math.max(Number(waiting_since), Number(last_start ?? 0)),
    }))
  const totals = bench.disk('SELECT state, count(*) AS n FROM job GROUP BY state')
  const models = bench.disk(
    `SELECT job.model, sum(state = 'queued') AS waiting, sum(state IN ('loading', 'working')) AS running FROM job
     WHERE state IN ('queued', 'loading', 'working') GROUP BY job.model ORDER BY job.model`,
  )
  const oldest = bench.disk(
    `SELECT min(waiting_since) AS since FROM job WHERE place IN (SELECT min(place) FROM job WHERE ${waiting} GROUP BY affinity)
       AND ${waiting}`,
  )
  const since = oldest[0]?.since as number | null
  return {
    keys,
    totals: {
      ...Object.fromEntries(states.map((state) => [state, 0])),
      ...Object.fromEntries(totals.map(({ state, n }) => [state, n])),
    },
    models,
    oldest: since === null ? 0 : bench.queue.steady.now() - since,
    heads: keys.map(({ head }) => head),
  }
}

type Step =
  | { act: 'submit'; key: number }
  | { act: Happening | 'delete'; dice: number; backoff: boolean }
  | { act: 'time'; ms: number }
  | { act: 'restart' }

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ act: fc.constant('submit' as const), key: fc.nat(3) }) },
  {
    weight: 14,
    arbitrary: fc.record({
      act: fc.constantFrom<Happening | 'delete'>(
        ...(['load', 'load', 'work', 'work', 'finish', 'fail', 'cancel'] as const),
        ...(['back_off', 'give_back', 'interrupt', 'retry', 'delete'] as const),
      ),
      dice: fc.nat(5),
      backoff: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('time' as const), ms: fc.constantFrom(1, 400, 6000) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('restart' as const) }) },
)

/** One step; what the law refuses is refused and changes nothing. */
async function take(bench: Bench, step: Step): Promise<void> {
  switch (step.act) {
    case 'submit':
      await bench.submit({}, { model: `m${step.key % 2}`, options: step.key > 1 ? { num_ctx: 1 } : {} })
      return
    case 'time':
      bench.clock.advance(step.ms)
      return
    case 'restart':
      return
    default: {
      const { rows } = await bench.queue.page({ states: [], before: Number.MAX_SAFE_INTEGER, limit: 200 })
      const row = rows[step.dice % Math.max(1, rows.length)]
      if (!row) return
      const facts = { error: { code: 'x', detail: 'y' }, ...(step.backoff ? { backoff_ms: 500 } : {}) }
      if (step.act === 'delete') await bench.queue.remove(row.id).catch(() => undefined)
      else await bench.queue.advance(row.seq, step.act, facts).catch(() => undefined)
    }
  }
}

/** Reminders that fell due write in the next ticks. */
async function calm(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}

describe('what is kept in memory agrees with the rows', () => {
  test('after every tick of any history, restarts included, with several changes in one tick', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(steps, { minLength: 1, maxLength: 4 }), { minLength: 10, maxLength: 30 }),
        async (ticks) => {
          let bench = new Bench()
          for (const tick of ticks) {
            await Promise.all(tick.map((step) => take(bench, step)))
            if (tick.some(({ act }) => act === 'restart')) bench = (await bench.restart(1000)).bench
            await calm()
            expect(kept(bench)).toEqual(counted(bench))
          }
          bench.queue.stop()
          bench.store.close()
        },
      ),
      { numRuns: 12 },
    )
  }, 30_000)
})

describe('the head of a key', () => {
  test('is the job that came back, when its place is before those that waited meanwhile', async () => {
    const bench = new Bench()
    const first = await bench.submit()
    const second = await bench.submit()
    await bench.queue.advance(first.seq, 'load')
    expect(bench.queue.keys(identity)).toMatchObject([{ head: second.place, waiting: 1 }])
    await bench.queue.advance(first.seq, 'interrupt')
    expect(bench.queue.keys(identity)).toMatchObject([{ head: first.place, waiting: 2 }])
    expect(bench.queue.headAt(first.place)?.seq).toBe(first.seq)
  })
})

describe('keys that share a runner are one', () => {
  const affinities = [
    { id: 1, key: 'a', model: 'a', last_start: 500 },
    { id: 2, key: 'copy', model: 'copy', last_start: null },
    { id: 3, key: 'b', model: 'b', last_start: null },
  ]
  const tallies = [
    { affinity: 1, bucket: 'queued', n: 2 },
    { affinity: 1, bucket: 'done', n: 9 },
    { affinity: 2, bucket: 'queued', n: 1 },
    { affinity: 3, bucket: 'queued', n: 1 },
  ]
  const heads = [
    { seq: 1, place: 30, waiting_since: 100 },
    { seq: 2, place: 10, waiting_since: 200 },
    { seq: 3, place: 20, waiting_since: 300 },
  ]
  const waiting = new Waiting({ affinities, tallies, head: (id) => heads[id - 1] })

  test('with the oldest head, all that wait, and the last start of any of them', () => {
    expect(waiting.keys((key) => (key === 'copy' ? 'a' : key))).toEqual([
      { key: 'a', waiting: 3, head: 10, starvedSince: 500 },
      { key: 'b', waiting: 1, head: 20, starvedSince: 300 },
    ])
  })

  test('and apart where they do not', () => {
    expect(waiting.keys(identity)).toEqual([
      { key: 'copy', waiting: 1, head: 10, starvedSince: 200 },
      { key: 'b', waiting: 1, head: 20, starvedSince: 300 },
      { key: 'a', waiting: 2, head: 30, starvedSince: 500 },
    ])
  })
})

describe('keys whose jobs are over', () => {
  const jobs = Array.from({ length: 3_000 }, (_, i) => ({ key: `k${i}`, model: 'm', affinity: i, seq: i, place: i }))
  const row = (i: number, state: string, since = 1_000 + i) =>
    ({ ...jobs[i], state, due: null, waiting_since: since }) as unknown as JobRow
  /** The keys that a decision looks at. */
  const seen = (waiting: Waiting, fold = identity) => {
    const keys: string[] = []
    const found = waiting.keys((key) => {
      keys.push(key)
      return fold(key)
    })
    return { keys, found }
  }

  test('are not looked at again, whether they were deleted or are done, and none is kept without end', () => {
    const waiting = new Waiting({ affinities: [], tallies: [], head: () => undefined })
    for (const { seq } of jobs) {
      waiting.added(row(seq, 'queued'))
      waiting.changed(row(seq, 'queued'), row(seq, 'loading'))
      waiting.started(row(seq, 'loading'), 2_000 + seq)
      waiting.changed(row(seq, 'loading'), row(seq, 'done'))
      if (seq % 2) waiting.removed(row(seq, 'done'))
    }
    expect([waiting.total('done'), seen(waiting).keys]).toEqual([1_500, []])
    waiting.added(row(7, 'queued', 9_000))
    expect(seen(waiting)).toEqual({ keys: ['k7'], found: [{ key: 'k7', waiting: 1, head: 7, starvedSince: 9_000 }] })
    // One that has waited since before all of them started.
    waiting.added(row(8, 'queued', 500))
    expect(seen(waiting).keys.length).toBeLessThanOrEqual(1_002)
    expect(seen(waiting, (key) => (key === 'k2999' ? 'k8' : key)).found[1]).toMatchObject({ starvedSince: 4_999 })
  })

  test('are as few after a start', () => {
    const affinities = jobs.map(({ seq, key, model }) => ({ id: seq, key, model, last_start: 2_000 + seq }))
    const tallies = jobs.map(({ seq }) => ({ affinity: seq, bucket: 'done', n: 1 }))
    const waiting = new Waiting({ affinities, tallies, head: () => undefined })
    waiting.added(row(8, 'queued', 500))
    expect(waiting.total('done')).toBe(3_000)
    expect(seen(waiting, (key) => (key === 'k2999' ? 'k8' : key)).found).toMatchObject([{ starvedSince: 4_999 }])
    expect(seen(waiting).keys.length).toBeLessThanOrEqual(1_001)
  })
})
