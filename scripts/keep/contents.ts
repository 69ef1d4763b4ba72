// What a database file holds, read from its every page: whether it is whole, foreman's, and how many jobs are in it. It is
// only read, and no foreman may be writing to it.

import Database from 'better-sqlite3'
import { statSync } from 'node:fs'
import { storeUnusable } from '../../server/store/database.ts'
import { Refusal } from './refusal.ts'

export interface Contents {
  /** The number of the last migration it went through. */
  schema: number
  jobs: number
  /** Jobs by state. */
  states: Record<string, number>
  bytes: number
}

/** Throws Refusal or StoreUnusable when the file is damaged, or is no database of foreman's. */
export function contentsOf(path: string): Contents {
  let db: Database.Database | undefined
  try {
    db = new Database(path, { readonly: true, fileMustExist: true })
    const found = db.pragma('integrity_check(1)', { simple: true })
    if (found !== 'ok') throw new Refusal(`${path} is damaged: ${String(found)}`)
    const schema = Number(db.pragma('user_version', { simple: true }))
    const table = db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'job'").get()
    if (schema === 0 || !table) throw new Refusal(`${path} is no database of foreman's`)
    const [dangling] = db.pragma('foreign_key_check') as { table: string }[]
    if (dangling) throw new Refusal(`${path} is damaged: a row of ${dangling.table} refers to nothing`)
    const rows = db.prepare<[], [string, number]>('SELECT state, count(*) FROM job GROUP BY state ORDER BY state').raw()
    const states = Object.fromEntries(rows.all())
    const jobs = Object.values(states).reduce((sum, n) => sum + n, 0)
    return { schema, jobs, states, bytes: statSync(path).size }
  } catch (error) {
    throw storeUnusable(error, path)
  } finally {
    db?.close()
  }
}

/** `12 jobs (10 done, 2 queued), schema 6, 1.2 MB`. */
export function said({ schema, jobs, states, bytes }: Contents): string {
  const each = Object.entries(states).map(([state, n]) => `${n} ${state}`)
  const counts = `${jobs} job${jobs === 1 ? '' : 's'}${each.length > 0 ? ` (${each.join(', ')})` : ''}`
  return `${counts}, schema ${schema}, ${(bytes / 1e6).toFixed(1)} MB`
}
