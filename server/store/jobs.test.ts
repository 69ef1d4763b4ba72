import type Database from 'better-sqlite3'
import * as fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { states, type State } from '../job/state.ts'
import { Affinities } from './affinities.ts'
import { openDatabase } from './database.ts'
import { headOfKey, Jobs, waitingAfter, type JobChange, type JobRow, type NewJob } from './jobs.ts'
import { afterwards, newJob, temporaryFolder } from './store.harness.ts'

let db: Database.Database
let jobs: Jobs

beforeEach(() => {
  const opened = openDatabase(temporaryFolder(), process.pid)
  afterwards(() => opened.close())
  db = opened.db
  db.exec("INSERT INTO affinity (id, key, model) VALUES (1, 'm:latest', 'm:latest'), (2, 'n:latest x=1', 'n:latest')")
  jobs = new Jobs(db)
})

/** What a change of state writes, at least. */
function put(seq: number, state: State, more: Partial<JobChange> = {}): void {
  const row = jobs.at(seq) as JobRow
  const ended = state === 'done' || state === 'failed' || state === 'canceled'
  const ran = state !== 'queued' && state !== 'canceled' && state !== 'failed'
  jobs.change(seq, {
    ...row,
    state,
    loading_at: ran ? 1 : null,
    working_at: ran && state !== 'loading' ? 1 : null,
    finished_at: ended ? 1 : null,
    error: state === 'failed' ? '{}' : null,
    due: null,
    ...more,
  })
}

/** Many queued jobs of two keys, faster than one by one. */
function fill(count: number, of: (seq: number) => Partial<NewJob> = () => ({})): void {
  db.transaction(() => {
    for (let seq = 1; seq <= count; seq++) jobs.insert(newJob(seq, { affinity: 1 + (seq % 2), ...of(seq) }))
  })()
}

const plan = (sql: string, ...values: unknown[]) =>
  (db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values) as { detail: string }[]).map(({ detail }) => detail)

describe('a job', () => {
  test('is found by its id and its sequence, with the key it groups by', () => {
    jobs.insert(newJob(5, { affinity: 2, labels: '{"a":"b"}', start_by: 99 }))
    const row = jobs.find('job_5')
    expect(row).toEqual(jobs.at(5))
    expect(row).toEqual({
      ...newJob(5, {
        affinity: 2,
        labels: '{"a":"b"}',
        start_by: 99,
      }),
      state: 'queued',
      key: 'n:latest x=1',
      due: null,
      error: null,
      last_error: null,
      usage: null,
      loading_at: null,
      working_at: null,
      finished_at: null,
      idempotency_key: undefined,
      idempotency_hash: undefined,
    })
    expect(jobs.find('job_6')).toBeUndefined()
    expect(jobs.at(6)).toBeUndefined()
  })

  test('is found by its idempotency key, which is free again when the job is gone', () => {
    const idempotency_hash = Buffer.alloc(32, 7)
    jobs.insert(newJob(1, { idempotency_key: 'k', idempotency_hash }))
    expect(jobs.withIdempotencyKey('k')).toEqual({ id: 'job_1', hash: idempotency_hash })
    expect(jobs.withIdempotencyKey('K')).toBeUndefined()
    jobs.remove(1)
    expect(jobs.withIdempotencyKey('k')).toBeUndefined()
    jobs.insert(newJob(2, { idempotency_key: 'k', idempotency_hash }))
  })

  test('changes in what a change of state may write, and in nothing else', () => {
    jobs.insert(newJob(1))
    const before = jobs.at(1) as JobRow
    const change: JobChange = {
      state: 'failed',
      sequence: 9,
      place: 8,
      queued_at: 7,
      loading_at: 6,
      working_at: 5,
      finished_at: 4,
      waiting_since: 3,
      due: null,
      start_by: 2,
      attempt: 1,
      interruptions: 2,
      free_requeues: 1,
      error: '{"code":"x"}',
      last_error: null,
      usage: null,
    }
    jobs.change(1, { ...before, ...change, model: 'other', labels: '{"x":"y"}' } as JobChange)
    expect(jobs.at(1)).toEqual({ ...before, ...change })
  })
})

describe('the claim', () => {
  test('is the oldest waiting job of a key: by place, neither running nor backing off', () => {
    fill(8, () => ({ affinity: 1 }))
    expect(jobs.head(1)).toEqual({ seq: 1, place: 1, waiting_since: 1 })
    put(1, 'loading', { attempt: 1 })
    put(2, 'queued', { due: 50 })
    put(3, 'canceled')
    put(4, 'queued', { place: 100 })
    expect(jobs.head(1)?.seq).toBe(5)
    expect(jobs.head(2)).toBeUndefined()
  })

  test('is read from its covering index alone, sorted already, however long the queue is', () => {
    const expected = ['SEARCH job USING COVERING INDEX job_waiting_by_key (affinity=?)']
    expect(plan(headOfKey, 1)).toEqual(expected)
    fill(5000)
    db.exec('ANALYZE')
    expect(plan(headOfKey, 1)).toEqual(expected)
  })

  test('looks at one row at any length: nothing before it in the index is passed over', () => {
    fill(3000, () => ({ affinity: 1 }))
    db.exec("UPDATE job SET state = 'canceled', finished_at = 1 WHERE seq < 2900")
    const inIndex = db.prepare(
      "SELECT count(*) FROM job INDEXED BY job_waiting_by_key WHERE state = 'queued' AND due IS NULL",
    )
    expect(inIndex.pluck().get()).toBe(101)
    expect(jobs.head(1)?.seq).toBe(2900)
  })
})

describe('a page of the queue', () => {
  test('is those who wait behind a place, by place, with what a plan has to know', () => {
    fill(8)
    put(2, 'loading', { attempt: 1 })
    put(3, 'queued', { due: 50 })
    put(4, 'queued', { place: 100 })
    expect(jobs.waiting(1, 3).map(({ place }) => place)).toEqual([5, 6, 7])
    expect(jobs.waiting(7, 3).map(({ seq, place }) => [seq, place])).toEqual([
      [8, 8],
      [4, 100],
    ])
    const { seq, id, place, key, model, endpoint, waiting_since } = jobs.at(5)!
    expect(jobs.waiting(1, 1)).toEqual([{ seq, id, place, key, model, endpoint, queuedAt: waiting_since }])
  })

  test('is found by its index wherever it begins, and sorted already', () => {
    fill(5000)
    db.exec('ANALYZE')
    expect(plan(waitingAfter, 2500, 500)).toEqual([
      'SEARCH job USING INDEX job_waiting (place>?)',
      'SEARCH affinity USING INTEGER PRIMARY KEY (rowid=?)',
    ])
  })
})

describe('the other looks of a decision', () => {
  test('use their own small indexes, and sort nothing', () => {
    fill(2000)
    db.exec('ANALYZE')
    const looks: [sql: string, index: string][] = [
      ["SELECT seq FROM job WHERE state IN ('loading', 'working') ORDER BY seq", 'job_running'],
      ['SELECT seq, due FROM job WHERE due IS NOT NULL ORDER BY due LIMIT 1', 'job_backing_off'],
      [
        "SELECT seq, start_by FROM job WHERE state = 'queued' AND start_by IS NOT NULL ORDER BY start_by LIMIT 1",
        'job_start_by',
      ],
      ["SELECT place FROM job WHERE state = 'queued' AND due IS NULL ORDER BY place LIMIT 1", 'job_waiting'],
      ['SELECT id FROM job WHERE idempotency_key = ?', 'job_idempotency'],
    ]
    for (const [sql, index] of looks) expect(plan(sql, ...(sql.includes('?') ? ['k'] : []))[0]).toContain(index)
  })

  test('name the jobs that were running', () => {
    fill(4)
    put(2, 'loading', { attempt: 1 })
    put(4, 'working', { attempt: 1 })
    put(3, 'failed')
    expect(jobs.running()).toEqual([2, 4])
  })

  test('name the backed-off job that is due first, and the queued one whose start_by is', () => {
    fill(4, (seq) => ({ start_by: 1000 - seq }))
    expect(jobs.firstBackingOff()).toBeUndefined()
    put(1, 'queued', { due: 70 })
    put(2, 'queued', { due: 60 })
    expect(jobs.firstBackingOff()).toEqual({ seq: 2, due: 60 })
    expect(jobs.firstStartBy()).toEqual({ seq: 4, start_by: 996 })
    put(4, 'loading', { attempt: 1 })
    expect(jobs.firstStartBy()).toEqual({ seq: 3, start_by: 997 })
  })
})

describe('the counts', () => {
  const kept = () =>
    new Map(new Affinities(db).tallies().map(({ affinity, bucket, n }) => [`${affinity} ${bucket}`, n]))
  const counted = () =>
    new Map(
      (
        db
          .prepare(
            `SELECT affinity || ' ' || iif(due IS NULL, state, 'backing_off') AS bucket, count(*) AS n FROM job
             GROUP BY bucket ORDER BY bucket`,
          )
          .all() as { bucket: string; n: number }[]
      ).map(({ bucket, n }) => [bucket, n]),
    )

  test('that triggers keep agree with a recount after any history', () => {
    const step = fc.tuple(
      fc.constantFrom<'insert' | 'remove' | State>('insert', 'remove', ...states),
      fc.nat(),
      fc.nat(3),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        db.exec('BEGIN')
        const there: number[] = []
        let next = 0
        for (const [what, dice, due] of steps) {
          const seq = there[dice % Math.max(1, there.length)]
          if (what === 'insert' || seq === undefined) {
            next += 1
            jobs.insert(newJob(next, { affinity: 1 + (dice % 2) }))
            there.push(next)
          } else if (what === 'remove') {
            jobs.remove(seq)
            there.splice(there.indexOf(seq), 1)
          } else put(seq, what, what === 'queued' && due > 0 ? { due } : {})
        }
        try {
          expect(kept()).toEqual(counted())
        } finally {
          db.exec('ROLLBACK')
        }
      }),
      { numRuns: 300 },
    )
  })

  test('do not move when a job changes without leaving its bucket', () => {
    fill(2)
    const before = kept()
    put(1, 'queued', { place: 50, sequence: 60 })
    expect(kept()).toEqual(before)
  })
})
