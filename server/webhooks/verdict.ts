// What follows from a try, as rows for its own transaction: it is delivered, it is tried again, or it is given up; and
// where a receiver says that it is gone, its job has none any more.

import { redelivery } from '../job/redelivery.ts'
import type { DeliveryRow } from '../store/deliveries.ts'
import type { Store } from '../store/store.ts'
import type { Tried } from './attempt.ts'

export interface Moment {
  /** Wall time of the begin of the try, and now. */
  began: number
  wall: number
  steady: number
  random: number
}

export interface Verdict {
  /** The row after it. */
  row: DeliveryRow
  /** Nothing of its job is left to be delivered. */
  settled: boolean
}

/** Writes it, inside a transaction. Undefined when the delivery was erased meanwhile. */
export function judge(
  store: Store,
  seq: number,
  tried: Tried,
  { began, wall, steady, random }: Moment,
): Verdict | undefined {
  const { deliveries, tries, jobs } = store
  const row = deliveries.at(seq)
  if (!row) return undefined
  const { outcome, status = null, reason = null, ms, answer = null } = tried
  tries.add(seq, { at: began, status, reason, ms: Math.round(ms), answer })
  const count = row.tries + 1
  if (outcome === 'delivered') deliveries.end(seq, 'delivered', count, wall)
  else if (row.state === 'pending') {
    const final = outcome === 'gone' || outcome === 'lost'
    const wait_ms = final ? null : redelivery(count, random, tried.retryAfter_ms)
    if (wait_ms === null) deliveries.end(seq, 'gave_up', count, wall)
    else deliveries.postpone(seq, count, steady + wait_ms)
  }
  if (outcome === 'gone' && row.kind === 'webhook') {
    // Not the queue's to write: no state changes, and there is nobody to be told.
    deliveries.silence(row.job, wall)
    jobs.leave(row.job)
  }
  return { row: deliveries.at(seq) ?? row, settled: !deliveries.owed(row.job) }
}
