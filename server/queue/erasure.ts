// What is left of a job that is erased: its id and those of its deliveries, so that they can be told from those that never
// were.

import type { JobRow } from '../store/jobs.ts'
import type { Store } from '../store/store.ts'

/**
 * Erases a job with its events, artifacts, deliveries and their logs, inside a write; its idempotency key is free again.
 * Its bytes are let go, for a sweep after it. Returns the row that was.
 */
export function erase({ artifacts, blobs, jobs, events, deliveries }: Store, row: JobRow, wall: number): JobRow {
  for (const blob of [row.body, ...artifacts.removeAll(row.seq)]) blobs.release(blob)
  const ids = [row.id, ...deliveries.ofJob(row.seq).map(({ id }) => id)]
  jobs.remove(row.seq)
  for (const id of ids) events.bury(id, wall)
  return row
}
