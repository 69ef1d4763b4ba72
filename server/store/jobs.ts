// Every statement about single job rows: insert, find, change, and the few that the claim of the next job reads. Lists
// of them are pages.ts.
// What a change means is decided above; here it only gets written.

import type Database from 'better-sqlite3'
import type { State } from '../job/state.ts'

/** A job as it is stored. Wall times are epoch milliseconds; `waiting_since` and `due` are steady time. */
export interface JobRow {
  seq: number
  id: string
  state: State
  sequence: number
  place: number
  affinity: number
  key: string
  endpoint: string
  model: string
  body: number
  body_bytes: number
  json_output: 0 | 1
  labels: string
  webhook: string | null
  deliver: string | null
  trace: string | null
  created_at: number
  queued_at: number
  loading_at: number | null
  working_at: number | null
  finished_at: number | null
  waiting_since: number
  due: number | null
  start_by: number | null
  timeout_s: number
  attempt: number
  max_attempts: number
  interruptions: number
  free_requeues: number
  error: string | null
  /** Of an attempt that is followed by another. */
  last_error: string | null
  usage: string | null
}

export type NewJob = Omit<
  JobRow,
  'key' | 'loading_at' | 'working_at' | 'finished_at' | 'due' | 'error' | 'last_error' | 'usage' | 'state'
> & { idempotency_key: string | null; idempotency_hash: Buffer | null }

/** The columns a change of state may write; the others never change. */
export type JobChange = Pick<
  JobRow,
  | 'state'
  | 'sequence'
  | 'place'
  | 'queued_at'
  | 'loading_at'
  | 'working_at'
  | 'finished_at'
  | 'waiting_since'
  | 'due'
  | 'start_by'
  | 'attempt'
  | 'interruptions'
  | 'free_requeues'
  | 'error'
  | 'last_error'
  | 'usage'
>

const columns = `job.seq, job.id, state, sequence, place, affinity, affinity.key, endpoint, job.model, body, body_bytes, json_output,
  labels, webhook, deliver, trace, created_at, queued_at, loading_at, working_at, finished_at, waiting_since, due,
  start_by, timeout_s, attempt, max_attempts, interruptions, free_requeues, error, last_error, usage`
/** A list shows nothing of what a job wants delivered, which may be a hundred times as large as the rest of its row. */
export const listed = columns.replace('webhook, deliver, trace', 'NULL AS webhook, NULL AS deliver, NULL AS trace')
export const from = 'job JOIN affinity ON affinity.id = job.affinity'

/** What a plan has to know of a waiting job. `queuedAt` is its `waiting_since`, in steady time. */
export type WaitingRow = Pick<JobRow, 'seq' | 'id' | 'place' | 'key' | 'model' | 'endpoint'> & { queuedAt: number }

/** What retention has to know of a job that has ended. */
export interface EndedRow {
  seq: number
  finished_at: number
  /** Something of it is still to be delivered. */
  owed: 0 | 1
}

export class Jobs {
  #byId
  #bySeq
  #byIdempotency
  #insert
  #change
  #remove
  #leave
  #head
  #waiting
  #running
  #backingOff
  #startBy
  #ended

  constructor(db: Database.Database) {
    this.#byId = db.prepare<[string], JobRow>(`SELECT ${columns} FROM ${from} WHERE job.id = ?`)
    this.#bySeq = db.prepare<[number], JobRow>(`SELECT ${columns} FROM ${from} WHERE job.seq = ?`)
    this.#byIdempotency = db.prepare<[string], { id: string; hash: Buffer }>(
      'SELECT id, idempotency_hash AS hash FROM job WHERE idempotency_key = ?',
    )
    this.#insert = db.prepare(`INSERT INTO job (seq, id, state, sequence, place, affinity, endpoint, model, body,
      body_bytes, json_output, labels, webhook, deliver, trace, idempotency_key, idempotency_hash, created_at, queued_at,
      waiting_since, start_by, timeout_s, attempt, max_attempts, interruptions, free_requeues)
      VALUES (@seq, @id, 'queued', @sequence, @place, @affinity, @endpoint, @model, @body, @body_bytes, @json_output, @labels,
      @webhook, @deliver, @trace, @idempotency_key, @idempotency_hash, @created_at, @queued_at, @waiting_since,
      @start_by, @timeout_s, @attempt, @max_attempts, @interruptions, @free_requeues)`)
    this.#change = db.prepare(`UPDATE job SET state = @state, sequence = @sequence, place = @place,
      queued_at = @queued_at, loading_at = @loading_at, working_at = @working_at, finished_at = @finished_at,
      waiting_since = @waiting_since, due = @due, start_by = @start_by, attempt = @attempt,
      interruptions = @interruptions, free_requeues = @free_requeues, error = @error,
      last_error = @last_error, usage = @usage WHERE seq = @seq`)
    this.#remove = db.prepare<[number]>('DELETE FROM job WHERE seq = ?')
    this.#leave = db.prepare<[number]>('UPDATE job SET webhook = NULL WHERE seq = ?')
    this.#head = db.prepare<[number], { seq: number; place: number; waiting_since: number }>(headOfKey)
    this.#waiting = db.prepare<[number, number], WaitingRow>(waitingAfter)
    this.#running = db.prepare<[], { seq: number }>(
      "SELECT seq FROM job WHERE state IN ('loading', 'working') ORDER BY seq",
    )
    this.#backingOff = db.prepare<[], { seq: number; due: number }>(
      'SELECT seq, due FROM job WHERE due IS NOT NULL ORDER BY due LIMIT 1',
    )
    this.#startBy = db.prepare<[], { seq: number; start_by: number }>(
      "SELECT seq, start_by FROM job WHERE state = 'queued' AND start_by IS NOT NULL ORDER BY start_by LIMIT 1",
    )
    this.#ended = db.prepare<[State, number, number, number], EndedRow>(endedInOrder)
  }

  find(id: string): JobRow | undefined {
    return this.#byId.get(id)
  }

  at(seq: number): JobRow | undefined {
    return this.#bySeq.get(seq)
  }

  withIdempotencyKey(key: string): { id: string; hash: Buffer } | undefined {
    return this.#byIdempotency.get(key)
  }

  insert(job: NewJob): void {
    this.#insert.run(job)
  }

  change(seq: number, change: JobChange): void {
    this.#change.run({ ...change, seq })
  }

  remove(seq: number): void {
    this.#remove.run(seq)
  }

  /** Its receiver is gone: nobody is told of it any more. */
  leave(seq: number): void {
    this.#leave.run(seq)
  }

  /** The oldest waiting job of a key. */
  head(affinity: number): { seq: number; place: number; waiting_since: number } | undefined {
    return this.#head.get(affinity)
  }

  /** The first of the waiting jobs behind a place, by place. */
  waiting(behind: number, most: number): WaitingRow[] {
    return this.#waiting.all(behind, most)
  }

  /** Jobs that were running when the rows were last written. */
  running(): number[] {
    return this.#running.all().map((row) => row.seq)
  }

  /** The backed-off job that is due first. */
  firstBackingOff(): { seq: number; due: number } | undefined {
    return this.#backingOff.get()
  }

  /** The queued job whose start_by comes first. */
  firstStartBy(): { seq: number; start_by: number } | undefined {
    return this.#startBy.get()
  }

  /** Jobs of a final state in the order of their ends, from behind `after` on. */
  ended(state: State, after: { finished_at: number; seq: number }, most: number): EndedRow[] {
    return this.#ended.all(state, after.finished_at, after.seq, most)
  }
}

/** Served from the index job_ended, a few rows at a time, however many there are. */
export const endedInOrder = `SELECT seq, finished_at,
  EXISTS (SELECT 1 FROM delivery WHERE delivery.job = job.seq AND delivery.state = 'pending') AS owed
  FROM job WHERE state = ? AND finished_at IS NOT NULL AND (finished_at, seq) > (?, ?) ORDER BY finished_at, seq LIMIT ?`

/** The claim: served whole from the partial index job_waiting_by_key, at any length of the queue. */
export const headOfKey = `SELECT seq, place, waiting_since FROM job
  WHERE affinity = ? AND state = 'queued' AND due IS NULL ORDER BY place LIMIT 1`

/** A page of the queue: found by the index job_waiting wherever it begins. */
export const waitingAfter = `SELECT seq, job.id, place, affinity.key, job.model, endpoint, waiting_since AS queuedAt FROM ${from}
  WHERE state = 'queued' AND due IS NULL AND place > ? ORDER BY place LIMIT ?`
