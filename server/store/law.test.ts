// The database repeats the law: each rule of the schema broken once, past every line of code.
import type Database from 'better-sqlite3'
import { beforeEach, describe, expect, test } from 'vitest'
import { happenings, states, transitions } from '../job/state.ts'
import { openDatabase } from './database.ts'
import { afterwards, newJob, temporaryFolder } from './store.harness.ts'

let db: Database.Database

beforeEach(() => {
  const opened = openDatabase(temporaryFolder(), process.pid)
  afterwards(() => opened.close())
  db = opened.db
  // Nothing here is about what lasts: without a commit a row, there is no fsync a row.
  db.exec("BEGIN; INSERT INTO affinity (id, key, model) VALUES (1, 'm:latest', 'm:latest')")
})

type Row = Record<string, unknown>

function insert(table: string, row: Row): void {
  const names = Object.keys(row)
  db.prepare(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map((n) => `@${n}`).join(', ')})`).run(row)
}

/** A valid row of each table, the second one beside the first. */
const valid: Record<string, (n: number) => Row> = {
  affinity: (n) => ({ id: n + 1, key: `k${n}`, model: 'm' }),
  job: (n) => ({ ...newJob(n), state: 'queued' }),
  event: (n) => ({ seq: n, job: 1, state: 'queued', happening: 'submit', at: 1, steady: 1, attempt: 0 }),
  chunk: (n) => ({ blob: n, n: 0, bytes: Buffer.alloc(262_144) }),
  loose: (n) => ({ blob: n }),
  artifact: (n) => ({
    job: 1,
    name: `a${n}`,
    content_type: 'text/plain',
    size_bytes: 1,
    sha256: '0'.repeat(64),
    blob: n,
    partial: 0,
  }),
  delivery: (n) => ({
    id: `msg_${n}`,
    job: 1,
    event: 1,
    kind: 'webhook',
    url: 'https://a/',
    body: Buffer.from('{}'),
    artifact: null,
    state: 'pending',
    tries: 0,
    due: 1,
    created_at: 1,
    ended_at: null,
  }),
  delivery_try: (n) => ({ delivery: 1, n, at: 1, status: 200, ms: 1, answer: '' }),
  tombstone: (n) => ({ id: `job_${n}`, at: 1 }),
  setting: (n) => ({ name: `s${n}`, value: '1' }),
  learnt: (n) => ({ name: `load ${n}`, mean: 1, peak: 2, used: n }),
}

/** The rows that a row of the table refers to. */
function parents(table: string): void {
  if (['event', 'artifact', 'delivery', 'delivery_try'].includes(table)) insert('job', valid.job?.(1) as Row)
  if (['delivery', 'delivery_try'].includes(table)) insert('event', valid.event?.(1) as Row)
  if (table === 'delivery_try') insert('delivery', { seq: 1, ...valid.delivery?.(1) })
}

const ended = { state: 'done', loading_at: 1, working_at: 1, finished_at: 1 }
const tables = Object.keys(valid)

describe('every table', () => {
  test.each(tables)('%s takes a valid row', (table) => {
    parents(table)
    insert(table, valid[table]?.(7) as Row)
  })

  test.each(tables)('%s is strict about types', (table) => {
    const { sql } = db.prepare('SELECT sql FROM sqlite_schema WHERE name = ?').get(table) as { sql: string }
    expect(sql).toMatch(/\) STRICT(, WITHOUT ROWID)?$/)
  })

  test('and no other there is, but for the counts that triggers keep', () => {
    const there = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").pluck()
    expect(there.all().sort()).toEqual([...tables, 'tally'].sort())
  })
})

describe('a row is refused', () => {
  const check = /CHECK constraint failed/
  const refused: [table: string, what: string, broken: Row, why: RegExp][] = [
    ['affinity', 'a key that is there', { key: 'm:latest' }, /UNIQUE/],
    ['job', 'an id that is no job’s', { id: 'x_1' }, check],
    ['job', 'an id that says nothing', { id: 'job_' }, check],
    ['job', 'a made-up state', { state: 'running' }, check],
    ['job', 'a state that is a number', { state: 1 }, check],
    ['job', 'a stranger’s affinity', { affinity: 99 }, /FOREIGN KEY/],
    ['job', 'a body that cannot be an object', { body_bytes: 1 }, check],
    ['job', 'json_output that is neither', { json_output: 2 }, check],
    ['job', 'labels that are no JSON', { labels: '{' }, check],
    ['job', 'a webhook that is no JSON', { webhook: 'https://a/' }, check],
    ['job', 'deliver that is no JSON', { deliver: 'x' }, check],
    ['job', 'a trace that is no JSON', { trace: '00-x' }, check],
    ['job', 'an error that is no JSON', { state: 'failed', finished_at: 1, error: 'x' }, check],
    ['job', 'a last error that is no JSON', { last_error: 'x' }, check],
    ['job', 'a last error of a job that has ended', { ...ended, last_error: '{}' }, check],
    ['job', 'usage that is no JSON', { ...ended, usage: 'x' }, check],
    ['job', 'due while it is not queued', { state: 'loading', loading_at: 1, attempt: 1, due: 5 }, check],
    ['job', 'no time to work', { timeout_s: 0 }, check],
    ['job', 'an attempt below none', { attempt: -1 }, check],
    ['job', 'an attempt beyond the last', { attempt: 4 }, check],
    ['job', 'no attempts at all', { max_attempts: 0 }, check],
    ['job', 'eleven attempts', { max_attempts: 11 }, check],
    ['job', 'fewer interruptions than none', { interruptions: -1 }, check],
    ['job', 'fewer free requeues than none', { free_requeues: -1 }, check],
    ['job', 'a queued one that has finished', { finished_at: 1 }, check],
    ['job', 'a done one that has not', { ...ended, finished_at: null }, check],
    ['job', 'a failed one that has not', { state: 'failed', error: '{}' }, check],
    ['job', 'a canceled one that has not', { state: 'canceled' }, check],
    ['job', 'an error of a job that did not fail', { error: '{}' }, check],
    ['job', 'a failed one without an error', { state: 'failed', finished_at: 1 }, check],
    ['job', 'usage of a job that is not done', { usage: '{}' }, check],
    ['job', 'loading that never began', { state: 'loading' }, check],
    ['job', 'working that never loaded', { state: 'working', working_at: 1 }, check],
    ['job', 'working that never began', { state: 'working', loading_at: 1 }, check],
    ['job', 'done that never worked', { ...ended, working_at: null }, check],
    ['job', 'an idempotency key without its digest', { idempotency_key: 'k' }, check],
    ['job', 'a digest without its key', { idempotency_hash: Buffer.alloc(32) }, check],
    ['job', 'an id that is taken', { id: 'job_5' }, /UNIQUE/],
    ['job', 'a time that is a text', { created_at: 'now' }, /cannot store TEXT/],
    ['job', 'no model', { model: null }, /NOT NULL/],
    ['event', 'a made-up state', { state: 'running' }, check],
    ['event', 'a stranger’s', { job: 99 }, /FOREIGN KEY/],
    ['event', 'a number that was given', { seq: 5 }, /UNIQUE/],
    ['chunk', 'a piece that is too large', { bytes: Buffer.alloc(262_145) }, check],
    ['chunk', 'a text', { bytes: 'x' }, /cannot store TEXT/],
    ['chunk', 'a piece that is there', { blob: 5 }, /UNIQUE/],
    ['artifact', 'a stranger’s', { job: 99 }, /FOREIGN KEY/],
    ['artifact', 'a digest of the wrong length', { sha256: 'abc' }, check],
    ['artifact', 'half of a partial', { partial: 2 }, check],
    ['artifact', 'a name that is there', { name: 'a5' }, /UNIQUE/],
    ['delivery', 'an id that is no message’s', { id: 'x' }, check],
    ['delivery', 'a made-up kind', { kind: 'mail', body: null }, check],
    ['delivery', 'a webhook without its bytes', { body: null }, check],
    ['delivery', 'a webhook with an artifact', { artifact: 'a' }, check],
    ['delivery', 'an artifact with bytes', { kind: 'artifact', artifact: 'a' }, check],
    ['delivery', 'a made-up state', { state: 'sent' }, check],
    ['delivery', 'one that waits for no time', { due: null }, check],
    ['delivery', 'one that waits and has ended', { ended_at: 1 }, check],
    ['delivery', 'one that has ended at no time', { state: 'gave_up', due: null }, check],
    ['delivery', 'one that has ended and is due', { state: 'delivered', ended_at: 1 }, check],
    ['delivery', 'fewer tries than none', { tries: -1 }, check],
    ['delivery', 'a stranger’s job', { job: 99 }, /FOREIGN KEY/],
    ['delivery', 'a stranger’s event', { event: 99 }, /FOREIGN KEY/],
    ['delivery_try', 'a stranger’s', { delivery: 99 }, /FOREIGN KEY/],
    ['learnt', 'a time before it began', { mean: -1 }, check],
    ['tombstone', 'a second one', { id: 'job_5' }, /UNIQUE/],
  ]

  test.each(refused)('%s: %s', (table, _, broken, why) => {
    parents(table)
    insert(table, valid[table]?.(5) as Row)
    expect(() => insert(table, { ...valid[table]?.(6), ...broken })).toThrow(why)
  })

  test('two jobs of one idempotency key, while any number may have none', () => {
    const keyed = (n: number) => ({ ...valid.job?.(n), idempotency_key: 'k', idempotency_hash: Buffer.alloc(32) })
    insert('job', valid.job?.(1) as Row)
    insert('job', valid.job?.(2) as Row)
    insert('job', keyed(3))
    expect(() => insert('job', keyed(4))).toThrow(/UNIQUE/)
  })

  test('a count that goes below none', () => {
    insert('job', valid.job?.(1) as Row)
    expect(() => db.exec('UPDATE tally SET n = -1')).toThrow(check)
  })
})

test('every state of the law has a row that the database takes', () => {
  const rows: Record<string, Row> = {
    queued: {},
    loading: { loading_at: 1, attempt: 1 },
    working: { loading_at: 1, working_at: 1, attempt: 1 },
    done: { ...ended, attempt: 1, usage: '{}' },
    failed: { finished_at: 1, error: '{}' },
    canceled: { finished_at: 1 },
  }
  expect(Object.keys(rows)).toEqual([...states])
  states.forEach((state, i) => insert('job', { ...valid.job?.(i + 1), ...rows[state], state }))
  expect(happenings.length).toBe(new Set(Object.values(transitions).flatMap((next) => Object.keys(next))).size)
})

test('an erased job takes its events, artifacts, deliveries and their tries along, and nobody else’s', () => {
  for (const n of [1, 2]) {
    insert('job', valid.job?.(n) as Row)
    insert('event', { ...valid.event?.(n), job: n })
    insert('artifact', { ...valid.artifact?.(n), job: n })
    insert('delivery', { seq: n, ...valid.delivery?.(n), job: n, event: n })
    insert('delivery_try', { ...valid.delivery_try?.(1), delivery: n })
  }
  db.exec('DELETE FROM job WHERE seq = 1')
  for (const table of ['event', 'artifact', 'delivery', 'delivery_try'])
    expect([table, db.prepare(`SELECT count(*) FROM ${table}`).pluck().get()]).toEqual([table, 1])
})
