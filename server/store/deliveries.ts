// The outbox: what must be told to receivers, written in the transaction of the event it tells.

import type Database from 'better-sqlite3'

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

export class Deliveries {
  #insert
  #pending

  constructor(db: Database.Database) {
    this.#insert = db.prepare(
      `INSERT INTO delivery (id, job, event, kind, url, body, artifact, state, tries, due, created_at)
       VALUES (@id, @job, @event, @kind, @url, @body, @artifact, 'pending', 0, @due, @created_at)`,
    )
    this.#pending = db.prepare<[], { n: number }>("SELECT count(*) AS n FROM delivery WHERE state = 'pending'")
  }

  insert(delivery: NewDelivery): void {
    this.#insert.run(delivery)
  }

  /** How many wait to be sent. Counts the index: for a scrape, not for a hot path. */
  pending(): number {
    return (this.#pending.get() as { n: number }).n
  }
}
