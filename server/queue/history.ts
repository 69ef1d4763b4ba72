// The states that jobs went through, as those who follow them are told: each with the job as it was then. Read from the
// store, so that it goes back beyond a restart and never says what was not committed. Who reads at the same place in the
// same turn of the event loop gets the same objects, read once.

import type { Job } from '../job/schema.ts'
import { isTerminal, type State } from '../job/state.ts'
import type { EventRow } from '../store/events.ts'
import type { JobRow } from '../store/jobs.ts'
import type { Store } from '../store/store.ts'
import { viewJob } from './view.ts'

export interface StateEvent {
  /** Its number in the global sequence. */
  sequence: number
  /** The thin job. Of a state that is past, errors, usage and artifacts are no longer known. */
  job: Job
  /** The job is back in the queue: what its target had said is void. */
  restarts: boolean
}

/** Events of all jobs that are read at a time. */
const page = 100

export class History {
  #store: Store
  #publicUrl: () => string
  #read = new Map<string, readonly StateEvent[] | undefined>()

  constructor(store: Store, publicUrl: () => string) {
    this.#store = store
    this.#publicUrl = publicUrl
  }

  /** What was read in this turn is no longer all there is. */
  changed(): void {
    this.#read.clear()
  }

  /** What happened to a job after this number, oldest first; undefined when the job is erased. */
  ofJob(job: number, after: number): readonly StateEvent[] | undefined {
    return this.#once(`${job}:${after}`, () => {
      const row = this.#store.jobs.at(job)
      return row && this.#views(row, this.#store.events.ofJob(job, after))
    })
  }

  /** What happened to all jobs after this number, oldest first, the first hundred; undefined when some of it is erased. */
  ofAll(after: number): readonly StateEvent[] | undefined {
    return this.#once(`all:${after}`, () => {
      if (after < this.#erasedThrough() || after > this.last) return undefined
      const events = this.#store.events.after(after, page)
      const views = new Map<number, StateEvent>()
      for (const [job, ofJob] of Map.groupBy(events, (event) => event.job)) {
        const row = this.#store.jobs.at(job)
        if (row) for (const view of this.#views(row, ofJob)) views.set(view.sequence, view)
      }
      return events.flatMap(({ seq }) => views.get(seq) ?? [])
    })
  }

  /** The newest number of the global sequence. */
  get last(): number {
    return this.#store.events.last
  }

  /** The state that a job came to with the event of this number; undefined when that is none of its events. */
  stateAt(job: number, sequence: number): State | undefined {
    return this.#store.events.one(job, sequence)?.state
  }

  #once(key: string, read: () => readonly StateEvent[] | undefined): readonly StateEvent[] | undefined {
    if (this.#read.has(key)) return this.#read.get(key)
    if (this.#read.size === 0) setImmediate(() => this.#read.clear())
    const found = read()
    this.#read.set(key, found)
    return found
  }

  #views(row: JobRow, events: readonly EventRow[]): StateEvent[] {
    const past = events.some(({ seq }) => seq !== row.sequence) ? this.#past(row) : undefined
    return events.map(({ seq, state, happening }) => {
      const newest = seq === row.sequence
      const artifacts = newest && isTerminal(row.state) ? this.#store.artifacts.ofJob(row.seq) : []
      const job = viewJob(newest ? row : (past?.get(seq) ?? row), artifacts, this.#publicUrl())
      return { sequence: seq, job, restarts: state === 'queued' && happening !== 'submit' }
    })
  }

  /** The job's row as it was after each of its events. */
  #past(row: JobRow): Map<number, JobRow> {
    const rows = new Map<number, JobRow>()
    let then: JobRow = { ...row, interruptions: 0, error: null, last_error: null, due: null, usage: null }
    for (const event of this.#store.events.ofJob(row.seq)) rows.set(event.seq, (then = after(then, event)))
    return rows
  }

  #erasedThrough(): number {
    return Number(this.#store.settings.get('erased_through') ?? 0)
  }
}

function after(row: JobRow, { seq, state, happening, at, attempt }: EventRow): JobRow {
  const queued = state === 'queued'
  return {
    ...row,
    state,
    sequence: seq,
    attempt,
    interruptions: happening === 'retry' ? 0 : row.interruptions + (happening === 'interrupt' ? 1 : 0),
    queued_at: queued ? at : row.queued_at,
    loading_at: queued ? null : state === 'loading' ? at : row.loading_at,
    working_at: queued ? null : state === 'working' ? at : row.working_at,
    finished_at: isTerminal(state) ? at : null,
  }
}
