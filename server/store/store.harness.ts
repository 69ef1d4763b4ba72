// For tests of the store and of what stands on it: stores in temporary folders, a second connection to look at what is
// on disk, and rows of jobs. No part of the running foreman.

import Database from 'better-sqlite3'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import type { NewJob } from './jobs.ts'
import { Store, type StoreOptions } from './store.ts'

const open: (() => void)[] = []

afterEach(() => {
  for (const close of open.splice(0).toReversed()) close()
})

/** To be done after the test, last asked first. */
export function afterwards(close: () => void): void {
  open.push(close)
}

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'foreman-store-'))
  afterwards(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A store that is closed after the test, unless it was before. */
export function openStore(options: Partial<StoreOptions> = {}): Store {
  const store = new Store({ folder: temporaryFolder(), owner: process.pid, ...options })
  afterwards(() => store.close())
  return store
}

/** A connection of somebody else to the database of a folder. */
export function look(folder: string): Database.Database {
  const db = new Database(join(folder, 'foreman.db'))
  afterwards(() => db.close())
  return db
}

/** How many rows a table has, as somebody else sees it. */
export function rows(db: Database.Database, table: string): number {
  return (db.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n
}

/** A queued job as it is inserted. */
export function newJob(seq: number, more: Partial<NewJob> = {}): NewJob {
  return {
    seq,
    id: `job_${seq}`,
    sequence: seq,
    place: seq,
    affinity: 1,
    endpoint: '/api/chat',
    model: 'm:latest',
    body: seq,
    body_bytes: 2,
    json_output: 0,
    labels: '{}',
    webhook: null,
    deliver: null,
    trace: null,
    idempotency_key: null,
    idempotency_hash: null,
    created_at: 1000 + seq,
    queued_at: 1000 + seq,
    waiting_since: seq,
    start_by: null,
    timeout_s: 60,
    attempt: 0,
    max_attempts: 3,
    interruptions: 0,
    free_requeues: 0,
    ...more,
  }
}
