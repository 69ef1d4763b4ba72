// What is left of a job that is erased: its id, so that it can be told from one that never was.

import type { JobRow } from '../store/jobs.ts'
import type { Store } from '../store/store.ts'

/**
 * Erases a job with its events, artifacts, deliveries and their logs, inside a write; its idempotency key is free again.
 * Its bytes are let go, for a sweep after it. Returns the row that was.
 */
export function erase({ artifacts, blobs, jobs, events }: Store, row: JobRow, wall: number): JobRow {
  for (const blob of [row.body, ...artifacts.removeAll(row.seq)]) blobs.release(blob)
  jobs.remove(row.seq)
  events.bury(row.id, wall)
  return row
}
