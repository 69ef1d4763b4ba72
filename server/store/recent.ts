// Job rows that were read since the last write: many look at the same job at once, and each look into the file costs
// locks of the system. Nothing in here outlives a write, so nothing can be out of date.

import type { GroupCommit } from './commit.ts'
import type { JobRow } from './jobs.ts'

/** Rows kept at most, and how long the texts of one may be that its submitter wrote. */
const mostRows = 1000
const longest = 8 * 1024

export class Recent {
  #commit: GroupCommit
  #rows = new Map<string, JobRow>()
  #version = -1

  constructor(commit: GroupCommit) {
    this.#commit = commit
  }

  /** The row that `read` finds, from memory if it was read since the last write. Who gets it must not change it. */
  row(id: string, read: (id: string) => JobRow | undefined): JobRow | undefined {
    const { version } = this.#commit
    // What a transaction changes may still be undone, and changes while it is on.
    if (version % 2 === 1) return read(id)
    if (this.#version !== version || this.#rows.size >= mostRows) {
      this.#version = version
      this.#rows.clear()
    }
    const known = this.#rows.get(id)
    if (known) return known
    const row = read(id)
    if (row && lengthOf(row) <= longest) this.#rows.set(id, row)
    return row
  }
}

function lengthOf({ labels, webhook, deliver, trace }: JobRow): number {
  return labels.length + (webhook?.length ?? 0) + (deliver?.length ?? 0) + (trace?.length ?? 0)
}
