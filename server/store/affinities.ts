// The affinity keys that jobs group by, the last start of each, and the counts that triggers keep by key and state.

import type Database from 'better-sqlite3'

export interface Affinity {
  id: number
  key: string
  model: string
  /** Steady time of the last start of any job of this key. */
  last_start: number | null
}

/** How many jobs of a key are in a bucket: a state, or `backing_off` for queued ones whose backoff has not passed. */
export interface Tally {
  affinity: number
  bucket: string
  n: number
}

export class Affinities {
  #insert
  #byKey
  #all
  #started
  #tally
  #known = new Map<string, number>()

  constructor(db: Database.Database) {
    this.#insert = db.prepare<[string, string]>(
      'INSERT INTO affinity (key, model) VALUES (?, ?) ON CONFLICT DO NOTHING',
    )
    this.#byKey = db.prepare<[string], Affinity>('SELECT id, key, model, last_start FROM affinity WHERE key = ?')
    this.#all = db.prepare<[], Affinity>('SELECT id, key, model, last_start FROM affinity')
    this.#started = db.prepare<[number, number]>('UPDATE affinity SET last_start = ? WHERE id = ?')
    this.#tally = db.prepare<[], Tally>('SELECT affinity, bucket, n FROM tally WHERE n > 0')
  }

  /** The row id of a key, made on first use. Must run inside a write. */
  idOf(key: string, model: string): number {
    const known = this.#known.get(key)
    if (known !== undefined) return known
    this.#insert.run(key, model)
    return (this.#byKey.get(key) as Affinity).id
  }

  /** Remembers a key's row id once its write is on disk. */
  remember(key: string, id: number): void {
    if (this.#known.size > 10_000) this.#known.clear()
    this.#known.set(key, id)
  }

  all(): Affinity[] {
    return this.#all.all()
  }

  started(id: number, steady: number): void {
    this.#started.run(steady, id)
  }

  tallies(): Tally[] {
    return this.#tally.all()
  }
}
