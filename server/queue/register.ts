// What is known of the jobs: their rows, how they look from outside, their bytes. Reads only; the one writer is
// queue.ts, which is a register that can also change.

import type { Clock } from '../clock.ts'
import { ForemanError } from '../job/error.ts'
import type { Job } from '../job/schema.ts'
import { isTerminal } from '../job/state.ts'
import type { ArtifactRow } from '../store/artifacts.ts'
import type { JobRow, WaitingRow } from '../store/jobs.ts'
import type { Page } from '../store/pages.ts'
import type { Store } from '../store/store.ts'
import { viewJob } from './view.ts'

export interface StoredArtifact {
  row: ArtifactRow
  /** The bytes from `start` to before `end`, piece by piece. */
  read: (start?: number, end?: number) => Iterable<Buffer>
}

/** So long an erased job is told from one that never was. */
export const remembered_ms = 30 * 24 * 3_600_000

export class Register {
  #store: Store
  #clock: Clock
  #publicUrl: () => string
  /** How rows look that were shown before: all who wait for a job are shown the same. */
  #views = new WeakMap<JobRow, Job>()

  constructor(store: Store, clock: Clock, publicUrl: () => string) {
    this.#store = store
    this.#clock = clock
    this.#publicUrl = publicUrl
  }

  /** The row of a job. Throws `gone` for one erased in the last 30 days, `not_found` for a stranger. */
  find(id: string): JobRow {
    const row = this.#store.recent.row(id, (id) => this.#store.jobs.find(id))
    if (row) return row
    throw this.missing(id, 'job')
  }

  /** Why nothing has this id: `gone` when it was erased with its job in the last 30 days, else `not_found`. */
  missing(id: string, what: 'job' | 'delivery'): ForemanError {
    const facts = what === 'job' ? { jobId: id } : {}
    const buriedAt = this.#store.events.buriedAt(id)
    if (buriedAt === undefined || buriedAt < this.#clock.wall() - remembered_ms)
      return new ForemanError('not_found', `no such ${what}`, facts)
    return new ForemanError('gone', 'the job was deleted', facts)
  }

  at(seq: number): JobRow | undefined {
    return this.#store.jobs.at(seq)
  }

  page(page: Page): Promise<{ rows: JobRow[]; next?: number }> {
    return this.#store.pages.page(page)
  }

  view(row: JobRow): Job {
    const known = this.#views.get(row)
    if (known) return known
    const artifacts = isTerminal(row.state) ? this.#store.artifacts.ofJob(row.seq) : []
    const job = viewJob(row, artifacts, this.#publicUrl())
    this.#views.set(row, job)
    return job
  }

  /** The bytes of its body from `start` to before `end`, piece by piece. */
  body(row: JobRow, start?: number, end?: number): Iterable<Buffer> {
    return this.#store.blobs.read(row.body, start, end)
  }

  artifact(row: JobRow, name: string): StoredArtifact | undefined {
    const found = this.#store.artifacts.one(row.seq, name)
    return found && { row: found, read: (start, end) => this.#store.blobs.read(found.blob, start, end) }
  }

  /** The first of the waiting jobs behind a place, by place. */
  waiting(behind: number, most: number): WaitingRow[] {
    return this.#store.jobs.waiting(behind, most)
  }
}
