// What was learnt of how long things take, kept over restarts.

import type Database from 'better-sqlite3'

export interface Learnt {
  name: string
  mean: number
  /** The largest seen of late. */
  peak: number
}

/** So many are kept, those used last. */
export const kept = 4_000

export class Learning {
  #all
  #put
  #trim

  constructor(db: Database.Database) {
    this.#all = db.prepare<[], Learnt>('SELECT name, mean, peak FROM learnt ORDER BY used')
    this.#put = db.prepare<[Learnt & { used: number }]>(
      'INSERT OR REPLACE INTO learnt (name, mean, peak, used) VALUES (@name, @mean, @peak, @used)',
    )
    this.#trim = db.prepare<[number]>(
      'DELETE FROM learnt WHERE name IN (SELECT name FROM learnt ORDER BY used DESC LIMIT -1 OFFSET ?)',
    )
  }

  /** Least recently used first. */
  all(): Learnt[] {
    return this.#all.all()
  }

  /** Must run inside a write. */
  put(learnt: Learnt, used: number): void {
    this.#put.run({ ...learnt, used })
    this.#trim.run(kept)
  }
}
