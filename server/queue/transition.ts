// A change of state as rows: what the job's row becomes and the event that tells it. Pure; the law is job/state.ts.

import { advance, isTerminal, type Happening, type State } from '../job/state.ts'
import type { JobError, Usage } from '../job/schema.ts'
import type { EventRow } from '../store/events.ts'
import type { JobRow } from '../store/jobs.ts'
import type { NewArtifact } from '../store/artifacts.ts'

/** What goes with a happening. */
export interface Facts {
  error?: JobError
  usage?: Usage
  artifacts?: readonly NewArtifact[]
  /** The answer of a done job, for webhooks that asked for it. */
  response?: Buffer
  /** Milliseconds before the job waits again. */
  backoff_ms?: number
  /** The target has answered something since the job last started. */
  progressed?: boolean
}

/** When it happens, and its number in the global sequence. */
export interface Moment {
  wall: number
  steady: number
  sequence: number
}

/**
 * The row after `happening`, and its event; undefined when nothing changes (a repeated cancel).
 * Throws `conflict` when the job's state does not allow it.
 */
export function transition(
  row: JobRow,
  happening: Happening,
  facts: Facts,
  { wall, steady, sequence }: Moment,
): { after: JobRow; event: EventRow } | undefined {
  const outcome = advance(row, happening, facts.progressed)
  const { state } = outcome
  if (state === row.state) return undefined
  const queued = state === 'queued'
  const after: JobRow = {
    ...row,
    state,
    attempt: outcome.attempt,
    interruptions: outcome.interruptions,
    free_requeues: outcome.free_requeues,
    sequence,
    // The caller's retry goes to the end of its key; whatever came back by itself keeps its place.
    place: happening === 'retry' ? sequence : row.place,
    queued_at: queued ? wall : row.queued_at,
    waiting_since: queued ? steady : row.waiting_since,
    loading_at: queued ? null : state === 'loading' ? wall : row.loading_at,
    working_at: queued ? null : state === 'working' ? wall : row.working_at,
    finished_at: isTerminal(state) ? wall : null,
    start_by: happening === 'retry' ? null : row.start_by,
    due: queued && facts.backoff_ms ? steady + facts.backoff_ms : null,
    error: state === 'failed' ? JSON.stringify(errorOf(facts, outcome.exhausted)) : null,
    last_error: lastError(row, state, facts),
    usage: state === 'done' ? JSON.stringify({ ...facts.usage, queue_ms: queueTime(row) }) : null,
  }
  const event = {
    seq: sequence,
    job: row.seq,
    state,
    happening: outcome.happening,
    at: wall,
    steady,
    attempt: after.attempt,
  }
  return { after, event }
}

function errorOf(facts: Facts, exhausted: 'attempts' | 'interruptions' | undefined): JobError {
  if (exhausted === 'interruptions') {
    return { code: 'interrupted', detail: 'foreman was stopped or killed too often while this job ran' }
  }
  return facts.error ?? { code: 'internal', detail: 'the job failed without a reason' }
}

/** What is shown of a failure as long as the job is tried again. */
function lastError(row: JobRow, state: State, { error }: Facts): string | null {
  if (isTerminal(state)) return null
  return error ? JSON.stringify(error) : row.last_error
}

function queueTime(row: JobRow): number {
  return Math.max(0, (row.loading_at ?? row.queued_at) - row.queued_at)
}
