// A stored job as callers see it, without the parts that are only known live (position, reason, progress).

import type { Job, JobError, Usage } from '../job/schema.ts'
import type { ArtifactRow } from '../store/artifacts.ts'
import type { JobRow } from '../store/jobs.ts'

/** Epoch milliseconds as RFC 3339 UTC. */
export function time(at: number): string {
  return new Date(at).toISOString()
}

/** The thin Job. `base` is the public URL without a slash at its end. */
export function viewJob(row: JobRow, artifacts: readonly ArtifactRow[], base: string): Job {
  const self = `${base}/jobs/${row.id}`
  return {
    id: row.id,
    state: row.state,
    sequence: row.sequence,
    request: { endpoint: row.endpoint, model: row.model },
    labels: JSON.parse(row.labels) as Record<string, string>,
    created_at: time(row.created_at),
    queued_at: time(row.queued_at),
    loading_at: row.loading_at === null ? null : time(row.loading_at),
    working_at: row.working_at === null ? null : time(row.working_at),
    finished_at: row.finished_at === null ? null : time(row.finished_at),
    attempt: row.attempt,
    max_attempts: row.max_attempts,
    interruptions: row.interruptions,
    timeout_s: row.timeout_s,
    ...(row.due === null ? {} : { retry_at: time(row.due) }),
    ...(row.start_by === null ? {} : { start_by: time(row.start_by) }),
    ...(row.error === null ? {} : { error: JSON.parse(row.error) as JobError }),
    ...(row.last_error === null ? {} : { last_error: JSON.parse(row.last_error) as JobError }),
    artifacts: artifacts.map(({ name, content_type, size_bytes, sha256, partial }) => ({
      name,
      content_type,
      size_bytes,
      sha256,
      url: `${self}/artifacts/${encodeURIComponent(name)}`,
      partial: partial === 1,
    })),
    ...(row.usage === null ? {} : { usage: JSON.parse(row.usage) as Usage }),
    links: { self, events: `${self}/events`, stream: `${self}/stream`, cancel: `${self}/cancel` },
  }
}
