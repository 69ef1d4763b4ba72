// The history of states, one row a transition, whose numbers are the global sequence; and the ids of erased jobs.

import type Database from 'better-sqlite3'
import type { Happening, State } from '../job/state.ts'

export interface EventRow {
  seq: number
  job: number
  state: State
  happening: Happening | 'submit'
  at: number
  steady: number
  attempt: number
}

export class Events {
  #insert
  #ofJob
  #after
  #one
  #counter
  #bury
  #buried
  #forget
  #oldest
  #last: number
  /** Steady time of the newest event that is kept; 0 when there is none. */
  readonly lastSteady: number

  constructor(db: Database.Database) {
    this.#insert = db.prepare(
      'INSERT INTO event (seq, job, state, happening, at, steady, attempt) VALUES (@seq, @job, @state, @happening, @at, @steady, @attempt)',
    )
    this.#ofJob = db.prepare<[number, number], EventRow>('SELECT * FROM event WHERE job = ? AND seq > ? ORDER BY seq')
    this.#after = db.prepare<[number, number], EventRow>('SELECT * FROM event WHERE seq > ? ORDER BY seq LIMIT ?')
    this.#one = db.prepare<[number, number], EventRow>('SELECT * FROM event WHERE job = ? AND seq = ?')
    this.#bury = db.prepare<[string, number]>('INSERT OR REPLACE INTO tombstone (id, at) VALUES (?, ?)')
    this.#buried = db.prepare<[string], { at: number }>('SELECT at FROM tombstone WHERE id = ?')
    this.#forget = db.prepare<[number]>(
      'DELETE FROM tombstone WHERE id IN (SELECT id FROM tombstone WHERE at < ? LIMIT 500)',
    )
    this.#oldest = db.prepare<[], { at: number | null }>('SELECT min(at) AS at FROM tombstone')
    this.#counter = db.prepare<[], { seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'event'")
    this.#last = this.last
    const newest = db.prepare<[], { steady: number }>('SELECT steady FROM event ORDER BY seq DESC LIMIT 1').get()
    this.lastSteady = newest?.steady ?? 0
  }

  /** The newest number that was written. */
  get last(): number {
    return this.#counter.get()?.seq ?? 0
  }

  /** Takes the next number of the global sequence. Numbers of undone writes are left out. */
  next(): number {
    this.#last += 1
    return this.#last
  }

  append(event: EventRow): void {
    this.#insert.run(event)
  }

  ofJob(job: number, after = 0): EventRow[] {
    return this.#ofJob.all(job, after)
  }

  /** The events of all jobs after this number, oldest first. */
  after(seq: number, most: number): EventRow[] {
    return this.#after.all(seq, most)
  }

  one(job: number, seq: number): EventRow | undefined {
    return this.#one.get(job, seq)
  }

  bury(id: string, at: number): void {
    this.#bury.run(id, at)
  }

  /** Drops the ids of jobs erased before this wall time, 500 at most. Must run inside a write. */
  forget(before: number): void {
    this.#forget.run(before)
  }

  /** When the job was erased whose id has been remembered the longest. */
  oldestBurial(): number | undefined {
    return this.#oldest.get()?.at ?? undefined
  }

  /** When the job of this id was erased, if it was. */
  buriedAt(id: string): number | undefined {
    return this.#buried.get(id)?.at
  }
}
