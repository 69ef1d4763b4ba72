// The log of deliveries: what came of each try. Of one delivery the last fifty are kept, however often it is asked for
// again.

import type Database from 'better-sqlite3'

export interface TryRow {
  /** Wall time of its begin. */
  at: number
  /** What the receiver answered; null when it did not. */
  status: number | null
  /** In words, why there was no answer. */
  reason: string | null
  ms: number
  /** The beginning of the answer's body, as text; null when there was no answer. */
  answer: string | null
}

const kept = 50

export class Tries {
  #last
  #insert
  #trim
  #ofDelivery

  constructor(db: Database.Database) {
    this.#last = db.prepare<[number], { n: number | null }>('SELECT max(n) AS n FROM delivery_try WHERE delivery = ?')
    this.#insert = db.prepare(
      `INSERT INTO delivery_try (delivery, n, at, status, reason, ms, answer)
       VALUES (@delivery, @n, @at, @status, @reason, @ms, @answer)`,
    )
    this.#trim = db.prepare<[number, number]>('DELETE FROM delivery_try WHERE delivery = ? AND n <= ?')
    this.#ofDelivery = db.prepare<[number], TryRow>(
      'SELECT at, status, reason, ms, answer FROM delivery_try WHERE delivery = ? ORDER BY n',
    )
  }

  add(delivery: number, row: TryRow): void {
    const n = (this.#last.get(delivery)?.n ?? 0) + 1
    this.#insert.run({ ...row, delivery, n })
    this.#trim.run(delivery, n - kept)
  }

  /** Oldest first. */
  ofDelivery(delivery: number): TryRow[] {
    return this.#ofDelivery.all(delivery)
  }
}
