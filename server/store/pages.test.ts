import type Database from 'better-sqlite3'
import { beforeEach, describe, expect, test } from 'vitest'
import type { State } from '../job/state.ts'
import { openDatabase } from './database.ts'
import { Jobs, type JobRow, type NewJob } from './jobs.ts'
import { Pages, pageWithin, type Page } from './pages.ts'
import { afterwards, newJob, temporaryFolder } from './store.harness.ts'

let db: Database.Database
let jobs: Jobs
let pages: Pages

beforeEach(() => {
  const opened = openDatabase(temporaryFolder(), process.pid)
  afterwards(() => opened.close())
  db = opened.db
  db.exec("INSERT INTO affinity (id, key, model) VALUES (1, 'm:latest', 'm:latest')")
  jobs = new Jobs(db)
  pages = new Pages(db)
})

function fill(count: number, of: (seq: number) => Partial<NewJob> = () => ({})): void {
  db.transaction(() => {
    for (let seq = 1; seq <= count; seq++) jobs.insert(newJob(seq, of(seq)))
  })()
}

function end(seq: number, state: State): void {
  jobs.change(seq, { ...(jobs.at(seq) as JobRow), state, finished_at: 1, error: state === 'failed' ? '{}' : null })
}

const page = (more: Partial<Page> = {}) =>
  pages.page({ states: [], before: Number.MAX_SAFE_INTEGER, limit: 50, ...more })
const seqs = async (more: Partial<Page> = {}) => (await page(more)).rows.map(({ seq }) => seq)

describe('a page of the list', () => {
  test('has the newest first and goes on below the last', async () => {
    fill(7)
    const first = await page({ limit: 3 })
    expect(first.rows.map(({ seq }) => seq)).toEqual([7, 6, 5])
    expect(first.next).toBe(5)
    expect(await seqs({ limit: 3, before: 5 })).toEqual([4, 3, 2])
    expect(await page({ limit: 3, before: 2 })).toEqual({ rows: [jobs.at(1)] })
  })

  test('leaves out what a job wants delivered, which may be large', async () => {
    jobs.insert(newJob(1, { webhook: '{"url":"x"}', deliver: '{"url":"y"}', trace: '{"traceparent":"z"}' }))
    expect((await page()).rows).toMatchObject([{ seq: 1, webhook: null, deliver: null, trace: null }])
    expect(jobs.at(1)).toMatchObject({ webhook: '{"url":"x"}', deliver: '{"url":"y"}' })
  })

  test.each([{}, { model: 'odd:latest' }])('is walked whole by its cursors, each job once: %j', async (filter) => {
    fill(1234, (seq) => ({ model: seq % 2 ? 'odd:latest' : 'even:latest' }))
    const seen: number[] = []
    for (let next: number | undefined = Number.MAX_SAFE_INTEGER; next !== undefined;) {
      const one = await page({ limit: 170, before: next, ...filter })
      seen.push(...one.rows.map(({ seq }) => seq))
      next = one.next
    }
    const all = Array.from({ length: 1234 }, (_, i) => 1234 - i)
    expect(seen).toEqual('model' in filter ? all.filter((seq) => seq % 2) : all)
  })

  test('holds what is asked for only', async () => {
    fill(6, (seq) => ({ model: seq % 2 ? 'a:latest' : 'b:latest', labels: `{"feed":"${seq % 3}","x y":"1"}` }))
    end(1, 'canceled')
    end(2, 'failed')
    expect(await seqs({ states: ['canceled', 'failed'] })).toEqual([2, 1])
    expect(await seqs({ model: 'a:latest' })).toEqual([5, 3, 1])
    expect(await seqs({ label: 'feed:0' })).toEqual([6, 3])
    expect(await seqs({ label: 'other:0' })).toEqual([])
    expect(await seqs({ createdAfter: 1003 })).toEqual([6, 5, 4])
    expect(await seqs({ createdBefore: 1003 })).toEqual([2, 1])
    expect(await seqs({ createdAfter: 1001, createdBefore: 1005, model: 'a:latest' })).toEqual([3])
  })

  test('finds labels by key and value, however they are written, and nothing that only looks like them', async () => {
    // The text of the last has a member `,` of value `:` in it, which it is not.
    const labels: Record<string, string>[] = [
      { 'ü"\\\n': '😀' },
      { a: ':', b: ':' },
      JSON.parse('{"toString":"x"}'),
      { a: 'x', ':': 'y' },
    ]
    fill(labels.length, (seq) => ({ labels: JSON.stringify(labels[seq - 1]) }))
    for (const [i, label] of labels.entries())
      for (const [key, value] of Object.entries(label))
        expect(await seqs({ label: `${key}:${value}` })).toContain(i + 1)
    expect(await seqs({ label: ',::' })).toEqual([])
    expect(await seqs({ label: 'b::', limit: 1 })).toEqual([2])
    expect(await seqs({ label: 'toString:x' })).toEqual([3])
  })

  test('finds a label wherever its key ends, a colon in it or not', async () => {
    fill(5, (seq) => ({
      labels: ['{"a":"b:c"}', '{"a:b":"c"}', '{"a:b:c":""}', '{"a":"b"}', '{"a:b":"c","a":""}'][seq - 1],
    }))
    expect(await seqs({ label: 'a:b:c' })).toEqual([5, 2, 1])
    expect(await seqs({ label: 'a:b:c:' })).toEqual([3])
    expect(await seqs({ label: 'a:b' })).toEqual([4])
    expect(await seqs({ label: 'a:' })).toEqual([5])
  })

  test('has cursors that hold while jobs come and go, the one a cursor was made from among them', async () => {
    fill(300)
    const seen: number[] = []
    let added = 300
    for (let next: number | undefined = Number.MAX_SAFE_INTEGER; next !== undefined;) {
      const one = await page({ limit: 20, before: next })
      seen.push(...one.rows.map(({ seq }) => seq))
      next = one.next
      jobs.insert(newJob(++added))
      // The last one shown, one that was shown before it, and one that was still to come.
      for (const seq of [seen.at(-1)!, seen.at(-5)!, seen.at(-1)! - 7]) if (jobs.at(seq)) jobs.remove(seq)
    }
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => b - a))
    expect(Math.max(...seen)).toBe(300)
    const shown = new Set(seen)
    const missing = Array.from({ length: 300 }, (_, i) => i + 1).filter((seq) => !shown.has(seq))
    expect(missing.length).toBe(300 - seen.length)
    expect(missing.every((seq) => jobs.at(seq) === undefined)).toBe(true)
  })

  test('comes short after 5,000 rows looked at, and says where to go on', async () => {
    fill(5003, (seq) => ({ model: seq <= 2 ? 'rare:latest' : 'm:latest' }))
    expect(await page({ model: 'rare:latest' })).toEqual({ rows: [], next: 4 })
    expect(await seqs({ model: 'rare:latest', before: 4 })).toEqual([2, 1])
  })

  test('is looked for one step of 500 rows in a turn of the event loop, however many ask', async () => {
    fill(2500)
    let turns = 0
    let turning = setImmediate(function turn() {
      turns += 1
      turning = setImmediate(turn)
    })
    await Promise.all(Array.from({ length: 8 }, () => page({ model: 'none:latest' })))
    clearImmediate(turning)
    expect(turns).toBeGreaterThanOrEqual(8 * 5 - 1)
  })

  test('is read by the primary key, without a sort', () => {
    fill(1000)
    db.exec('ANALYZE')
    const nothing = { states: null, model: 'm:latest', label: null, createdAfter: null, createdBefore: null }
    const plan = db
      .prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${pageWithin}`)
      .all({ ...nothing, before: 900, floor: 400, most: 50 })
    expect(plan[0]?.detail).toBe('SEARCH job USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)')
    expect(plan.some(({ detail }) => detail.includes('TEMP B-TREE'))).toBe(false)
  })
})
