// From the first released schema, and each one since, to today's: what was stored is served, what waited goes on. And back:
// an older foreman refuses what a newer one has stored.

import Database from 'better-sqlite3'
import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { openForeman } from '../../server/app.harness.ts'
import { Process } from '../../server/app.outside.ts'
import { afterwards, eventually, temporaryFolder } from '../../server/app.stage.ts'
import { systemClock, type Clock } from '../../server/clock.ts'
import { hostOf } from '../../server/job/host.ts'
import type { Job } from '../../server/job/schema.ts'
import { newestIn } from '../../server/store/database.ts'
import { Receiver } from '../../server/webhooks/receiver.harness.ts'
import { contentsOf } from './contents.ts'

const migrations = join(import.meta.dirname, '../../server/store/migrations')
const rows = readFileSync(join(import.meta.dirname, 'first-schema.sql'), 'utf8')
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
/** The foreman of the rows was killed at this moment. */
const killedAt = Date.parse('2026-11-26T05:37:31.400Z')
const clock: Clock = { ...systemClock, wall: () => Math.floor(killedAt + performance.now()) }

/** The data folder of a foreman that knew the migrations up to `schema`. */
function folderOf(schema: number, receiver: string): string {
  const folder = temporaryFolder()
  const db = new Database(join(folder, 'foreman.db'))
  db.pragma('auto_vacuum = INCREMENTAL')
  db.pragma('journal_mode = WAL')
  db.function('host_of', { deterministic: true }, (url) => hostOf(String(url)))
  const files = globSync('*.sql', { cwd: migrations }).sort().slice(0, schema)
  const [first = '', ...later] = files.map((file) => readFileSync(join(migrations, file), 'utf8'))
  db.exec(first)
  db.exec(rows.replaceAll('http://127.0.0.1:9/', `${receiver}/`))
  for (const sql of later) db.exec(sql)
  db.pragma(`user_version = ${schema}`)
  db.close()
  return folder
}

async function openReceiver(): Promise<Receiver> {
  const receiver = await new Receiver().listen()
  afterwards(() => receiver.close())
  return receiver
}

const schemas = Array.from({ length: newestIn() }, (_, i) => i + 1)

test.each(schemas)('a database of schema %i is served whole by this foreman, and its jobs go on', async (schema) => {
  const receiver = await openReceiver()
  const settings = { WEBHOOK_SECRET: secret, WEBHOOK_ALLOW: '127.0.0.1' }
  const folder = folderOf(schema, receiver.url)
  const before = new Database(join(folder, 'foreman.db'))
  const stored = before.prepare<[], Record<string, string>>('SELECT * FROM job ORDER BY seq').all()
  const artifacts = before.prepare<[], Record<string, string>>('SELECT * FROM artifact ORDER BY name').all()
  const deliveries = before.prepare<[], Record<string, string>>('SELECT * FROM delivery ORDER BY seq').all()
  const [erased] = before.prepare<[], string>('SELECT id FROM tombstone').pluck().all()
  before.close()
  expect(new Set(stored.map(({ state }) => state)).size).toBe(6)

  const foreman = await openForeman({ folder, clock, settings })
  expect(foreman.app.recovered).toBe(2)
  for (const row of stored) {
    const ended = await foreman.ended(row.id!)
    const left = ['done', 'failed', 'canceled'].includes(row.state!)
    expect(ended.state).toBe(left ? row.state : 'done')
    expect(ended.request).toEqual({ endpoint: row.endpoint, model: row.model })
    expect(ended.labels).toEqual(JSON.parse(row.labels!))
    expect(ended.error ?? null).toEqual(left ? JSON.parse(row.error ?? 'null') : null)
    if (left) expect(ended.usage ?? null).toEqual(JSON.parse(row.usage ?? 'null'))
    const asked = await foreman.job(row.id!, '?include=request')
    expect(Buffer.byteLength(JSON.stringify((asked.request as { body: object }).body))).toBe(row.body_bytes)
    const made = artifacts.filter(({ job }) => job === row.seq)
    if (left) expect(ended.artifacts.map(({ name }) => name).sort()).toEqual(made.map(({ name }) => name))
    for (const { name, sha256 } of made) {
      const { text } = await foreman.get(`/jobs/${row.id}/artifacts/${name}`)
      expect(createHash('sha256').update(text).digest('hex')).toBe(sha256)
    }
  }
  expect((await foreman.get(`/jobs/${erased}`)).status).toBe(410)
  const history = (await foreman.get(`/jobs/${stored[0]!.id}/events`)).text
  const events = [...history.matchAll(/^event: (.+)$/gm)].map(([, name]) => name)
  const lines = Array.from({ length: 9 }, () => 'output')
  expect(events).toEqual(['state', 'state', 'state', ...lines, 'state', 'end'])
  await outbox(foreman, deliveries, receiver)
})

/** What was pending is delivered, the rest is as it was. */
async function outbox(
  foreman: Awaited<ReturnType<typeof openForeman>>,
  deliveries: Record<string, string>[],
  receiver: Receiver,
): Promise<void> {
  const pending = deliveries.filter(({ state }) => state === 'pending')
  await receiver.got(pending.length)
  for (const { headers, body } of receiver.received) {
    // Not by the library's own verification: the moment is that of the rows, and long ago for it.
    const [id, at] = [String(headers['webhook-id']), new Date(Number(headers['webhook-timestamp']) * 1000)]
    expect(headers['webhook-signature']).toBe(new Webhook(secret).sign(id, at, body.toString()))
    expect((JSON.parse(body.toString()) as { data: Job }).data.state).toBe('done')
  }
  const ended = () => foreman.rows<{ id: string; state: string }>('SELECT id, state FROM delivery ORDER BY seq')
  await eventually(() => ended().every(({ state }) => state !== 'pending'))
  const expected = deliveries.map(({ id, state }) => ({ id, state: state === 'pending' ? 'delivered' : state }))
  expect(ended()).toEqual(expected)
}

test('a database of a newer foreman is refused in one plain line, and stays as it is', async () => {
  const folder = folderOf(newestIn(), 'http://127.0.0.1:9')
  const db = new Database(join(folder, 'foreman.db'))
  db.pragma(`user_version = ${newestIn() + 1}`)
  db.close()
  const was = contentsOf(join(folder, 'foreman.db'))
  const foreman = new Process('main.ts', { settings: { DATA: folder, LISTEN: '127.0.0.1:0' }, cwd: temporaryFolder() })
  expect(await foreman.ended).toEqual({ code: 1, signal: null })
  expect(foreman.out + foreman.err).toBe(
    `foreman cannot start: the database is from a newer foreman (schema ${newestIn() + 1}, this one knows ${newestIn()})\n`,
  )
  expect(contentsOf(join(folder, 'foreman.db'))).toEqual(was)
})
