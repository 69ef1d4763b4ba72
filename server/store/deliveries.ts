// The outbox: what must be told to receivers, written in the transaction of the event it tells, and what has become of
// it. Bodies are read one at a time, when they are sent; whatever is asked often is asked by host and due time, which is
// an index. The log of tries is tries.ts.

import type Database from 'better-sqlite3'
import { hostOf } from '../job/host.ts'

export interface NewDelivery {
  id: string
  job: number
  event: number
  kind: 'webhook' | 'artifact'
  url: string
  body: Buffer | null
  artifact: string | null
  /** Steady time of the first try. */
  due: number
  created_at: number
}

/** A delivery without its bytes. `due` is steady time, the times in _at are wall time. */
export interface DeliveryRow extends Omit<NewDelivery, 'body' | 'due'> {
  seq: number
  host: string
  state: 'pending' | 'delivered' | 'gave_up'
  /** Since it was written, or since somebody asked for it again. */
  tries: number
  due: number | null
  ended_at: number | null
}

/** One that is to be sent, with all that goes into it. */
export interface Outgoing extends DeliveryRow {
  body: Buffer | null
  job_id: string
  /** JSON of the trace headers of the submit. */
  trace: string | null
}

const columns = 'seq, id, job, event, kind, url, host, artifact, state, tries, due, created_at, ended_at'

export class Deliveries {
  #insert
  #pending
  #hosts
  #first
  #outgoing
  #at
  #withId
  #ofJob
  #owed
  #end
  #postpone
  #silence
  #renew
  #draw
  /** Hosts that something was written for since `touched` was asked. */
  #touched = new Set<string>()

  constructor(db: Database.Database) {
    this.#insert = db.prepare(
      `INSERT INTO delivery (id, job, event, kind, url, host, body, artifact, state, tries, due, created_at)
       VALUES (@id, @job, @event, @kind, @url, @host, @body, @artifact, 'pending', 0, @due, @created_at)`,
    )
    this.#pending = db.prepare<[], { n: number }>("SELECT count(*) AS n FROM delivery WHERE state = 'pending'")
    this.#hosts = db.prepare<[], { host: string }>("SELECT DISTINCT host FROM delivery WHERE state = 'pending'")
    this.#first = db.prepare<[string, number], { seq: number; due: number }>(firstOfHost)
    this.#outgoing = db.prepare<[number], Outgoing>(
      `SELECT ${columns.replaceAll(/\w+/g, 'delivery.$&')}, delivery.body, job.id AS job_id, job.trace
       FROM delivery JOIN job ON job.seq = delivery.job WHERE delivery.seq = ? AND delivery.state = 'pending'`,
    )
    this.#at = db.prepare<[number], DeliveryRow>(`SELECT ${columns} FROM delivery WHERE seq = ?`)
    this.#withId = db.prepare<[string], DeliveryRow>(`SELECT ${columns} FROM delivery WHERE id = ?`)
    this.#ofJob = db.prepare<[number], DeliveryRow>(`SELECT ${columns} FROM delivery WHERE job = ? ORDER BY seq`)
    this.#owed = db.prepare<[number]>("SELECT 1 FROM delivery WHERE job = ? AND state = 'pending' LIMIT 1")
    this.#end = db.prepare<['delivered' | 'gave_up', number, number, number]>(
      'UPDATE delivery SET state = ?, tries = ?, due = NULL, ended_at = ? WHERE seq = ?',
    )
    this.#postpone = db.prepare<[number, number, number]>('UPDATE delivery SET tries = ?, due = ? WHERE seq = ?')
    this.#silence = db.prepare<[number, number]>(
      `UPDATE delivery SET state = 'gave_up', due = NULL, ended_at = ?
       WHERE job = ? AND kind = 'webhook' AND state = 'pending'`,
    )
    this.#renew = db.prepare<[number, number]>(
      "UPDATE delivery SET state = 'pending', tries = 0, due = ?, ended_at = NULL WHERE seq = ?",
    )
    this.#draw = db.prepare<[number, number]>("UPDATE delivery SET due = ? WHERE state = 'pending' AND due > ?")
  }

  insert(delivery: NewDelivery): void {
    const host = hostOf(delivery.url)
    this.#insert.run({ ...delivery, host })
    this.#touched.add(host)
  }

  /** The hosts that something was written for since this was last asked; a write that was undone is among them. */
  touched(): string[] {
    const hosts = [...this.#touched]
    this.#touched.clear()
    return hosts
  }

  /** How many wait to be sent. Counts the index: for a scrape, not for a hot path. */
  pending(): number {
    return (this.#pending.get() as { n: number }).n
  }

  /** All hosts that something waits for. Reads the whole index: for the start. */
  hosts(): string[] {
    return this.#hosts.all().map(({ host }) => host)
  }

  /** What waits for a host, the first due first. */
  first(host: string, most: number): { seq: number; due: number }[] {
    return this.#first.all(host, most)
  }

  /** One that waits, with its bytes. */
  outgoing(seq: number): Outgoing | undefined {
    return this.#outgoing.get(seq)
  }

  at(seq: number): DeliveryRow | undefined {
    return this.#at.get(seq)
  }

  withId(id: string): DeliveryRow | undefined {
    return this.#withId.get(id)
  }

  /** What a job owes and owed, in the order in which it was written. */
  ofJob(job: number): DeliveryRow[] {
    return this.#ofJob.all(job)
  }

  /** Whether something of a job is still to be delivered. */
  owed(job: number): boolean {
    return this.#owed.get(job) !== undefined
  }

  end(seq: number, state: 'delivered' | 'gave_up', tries: number, at: number): void {
    this.#end.run(state, tries, at, seq)
  }

  postpone(seq: number, tries: number, due: number): void {
    this.#postpone.run(tries, due, seq)
  }

  /** Gives up every webhook of a job that still waits. */
  silence(job: number, at: number): void {
    this.#silence.run(at, job)
  }

  /** Has it sent anew, whatever became of it; its tries start at zero. */
  renew({ seq, host }: DeliveryRow, due: number): void {
    this.#renew.run(due, seq)
    this.#touched.add(host)
  }

  /** Has nothing wait longer than until `latest`. Reads the whole index: for the start. */
  draw(latest: number): void {
    this.#draw.run(latest, latest)
  }
}

/** Served from the index delivery_of_host, however many wait. */
export const firstOfHost = `SELECT seq, due FROM delivery WHERE state = 'pending' AND host = ? ORDER BY due, seq LIMIT ?`
