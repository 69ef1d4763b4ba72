// What the database of the storm says at its end, read from beside foreman.

import { join } from 'node:path'
import Database from 'better-sqlite3'

export interface Disk {
  jobs: { seq: number; id: string; state: string; n: string }[]
  events: { job: number; sequence: number; state: string }[]
  /** Those of jobs that are done. */
  artifacts: { job: number; name: string; sha256: string }[]
  /** How many deliveries are in each state. */
  deliveries: Record<string, number>
  /** Answers of integrity_check and foreign_key_check; empty when all is well. */
  damage: string[]
}

function opened<T>(folder: string, read: (db: Database.Database) => T): T {
  const db = new Database(join(folder, 'foreman.db'), { readonly: true })
  try {
    return read(db)
  } finally {
    db.close()
  }
}

export function readDisk(folder: string): Disk {
  return opened(folder, (db) => {
    const all = <R>(sql: string) => db.prepare<[], R>(sql).all()
    return {
      jobs: all(`SELECT seq, id, state, labels ->> 'n' AS n FROM job`),
      events: all('SELECT job, seq AS sequence, state FROM event ORDER BY seq'),
      artifacts: all(`SELECT job, name, sha256 FROM artifact JOIN job ON job.seq = job WHERE state = 'done'`),
      deliveries: Object.fromEntries(
        all<{ state: string; n: number }>('SELECT state, count(*) AS n FROM delivery GROUP BY state').map((row) => [
          row.state,
          row.n,
        ]),
      ),
      damage: [
        ...all<{ integrity_check: string }>('PRAGMA integrity_check')
          .map((row) => row.integrity_check)
          .filter((said) => said !== 'ok'),
        ...all<object>('PRAGMA foreign_key_check').map((row) => JSON.stringify(row)),
      ],
    }
  })
}

/** Jobs that have not ended and deliveries that are pending. */
export function openOn(folder: string): { jobs: number; deliveries: number } {
  return opened(folder, (db) => {
    const count = (sql: string) => db.prepare<[], number>(sql).pluck().get() as unknown as number
    return {
      jobs: count('SELECT count(*) FROM job WHERE finished_at IS NULL'),
      deliveries: count(`SELECT count(*) FROM delivery WHERE state = 'pending'`),
    }
  })
}
