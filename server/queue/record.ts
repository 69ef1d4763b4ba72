// A change of a job as rows: the job's own, its event, its artifacts, and what it owes to others.

import type { Job } from '../job/schema.ts'
import { isTerminal, type Happening } from '../job/state.ts'
import type { JobRow } from '../store/jobs.ts'
import type { Store } from '../store/store.ts'
import { owed } from './outbox.ts'
import { transition, type Facts } from './transition.ts'

export interface Change {
  happening: Happening
  facts: Facts
  moment: Parameters<typeof transition>[3]
}

/** Writes it, inside a transaction. Returns the row after it: the same one if nothing changes. Throws `conflict`. */
export function record(store: Store, row: JobRow, change: Change, view: (row: JobRow) => Job): JobRow {
  const { happening, facts, moment } = change
  const changed = transition(row, happening, facts, moment)
  if (!changed) return row
  const { after, event } = changed
  store.jobs.change(row.seq, after)
  if (happening === 'load') store.affinities.started(row.affinity, moment.steady)
  store.events.append(event)
  if (happening === 'retry') for (const blob of store.artifacts.removeAll(row.seq)) store.blobs.release(blob)
  if (isTerminal(after.state)) {
    for (const artifact of facts.artifacts ?? []) store.artifacts.attach(row.seq, artifact, after.state === 'failed')
  }
  if (after.webhook ?? after.deliver) {
    for (const delivery of owed(after, event, view(after), facts.response)) store.deliveries.insert(delivery)
  }
  return after
}
