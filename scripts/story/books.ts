// When each job waited, and what it failed with, read from beside foreman out of its database.

import { join } from 'node:path'
import Database from 'better-sqlite3'
import { readDisk, type Disk } from '../storm/disk.ts'
import type { Span } from './span.ts'

/** One wait of a job for its start; it may have several. */
export interface Wait extends Span {
  n: number
}

export interface Books extends Disk {
  waits: Wait[]
  /** What each failed job failed with, by its number. */
  failures: Map<number, string>
  /** Models in the order in which their jobs arrived, and when they did. */
  arrivals: { model: string; at: number }[]
}

interface Row {
  n: string
  state: string
  at: number
}

export function readBooks(folder: string): Books {
  const db = new Database(join(folder, 'foreman.db'), { readonly: true })
  try {
    const events = db
      .prepare<[], Row>(
        `SELECT labels ->> 'n' AS n, event.state, at FROM event JOIN job ON job.seq = event.job ORDER BY event.seq`,
      )
      .all()
    const failed = db.prepare<[], { n: string; code: string }>(
      `SELECT labels ->> 'n' AS n, error ->> 'code' AS code FROM job WHERE state = 'failed'`,
    )
    const arrivals = db.prepare<[], Books['arrivals'][number]>('SELECT model, created_at AS at FROM job ORDER BY seq')
    return {
      ...readDisk(folder),
      waits: waitsOf(events),
      failures: new Map(failed.all().map(({ n, code }) => [Number(n), code])),
      arrivals: arrivals.all(),
    }
  } finally {
    db.close()
  }
}

/** A job waits from each time it is queued until whatever comes next. */
function waitsOf(events: readonly Row[]): Wait[] {
  const waits: Wait[] = []
  for (const [n, history] of Map.groupBy(events, (event) => Number(event.n)))
    for (const [i, { state, at }] of history.entries())
      if (state === 'queued') waits.push({ n, from: at, to: history[i + 1]?.at ?? Infinity })
  return waits
}
