// A job as a caller gets it: what is stored, what is only known live, and its bodies if they were asked for.

import { z } from 'zod'
import type { Job } from '../job/schema.ts'
import { isTerminal } from '../job/state.ts'
import type { JobRow } from '../store/jobs.ts'
import type { Context } from './trpc.ts'
import { Verbatim } from './verbatim.ts'

/** The row as soon as it is terminal, or as it is when the time is over, the caller left or foreman stops. */
export async function waited({ api: { queue }, signal }: Context, id: string, seconds: number): Promise<JobRow> {
  const until = queue.steady.now() + seconds * 1000
  for (let row = queue.find(id); ; row = queue.find(id)) {
    const left = until - queue.steady.now()
    if (isTerminal(row.state) || left <= 0 || signal?.aborted || queue.vigil.over) return row
    await queue.vigil.wait(row.seq, left, signal)
  }
}

/** Resolves when it is known when those of these that wait will start; at once when foreman stops, and starts none. */
export async function placed({ api }: Context, rows: readonly JobRow[]): Promise<void> {
  if (!api.queue.vigil.over && rows.some((row) => row.state === 'queued')) await api.planned()
}

export function present(ctx: Context, row: JobRow): Job {
  return { ...ctx.api.queue.view(row), ...ctx.api.live(row) }
}

/** The same with its place in the queue, after `placed`. */
export function presentPlaced(ctx: Context, row: JobRow): Job {
  if (row.state !== 'queued' || ctx.api.queue.vigil.over) return present(ctx, row)
  return { ...ctx.api.queue.view(row), ...ctx.api.place(row), ...ctx.api.live(row) }
}

/** Which of its bodies a caller wants to see with a job. */
export const Include = z.array(z.enum(['request', 'response']))
export type Include = z.infer<typeof Include>

/** A presented job with those bodies. */
export function included(ctx: Context, row: JobRow, job: Job, include: Include = []): Job {
  const { queue } = ctx.api
  // Over REST the text goes out as it is stored; tRPC takes parsed values.
  const value = (text: Iterable<Buffer>, size: number) => {
    const verbatim = new Verbatim(text, size)
    return (ctx.head ? verbatim : verbatim.parse()) as Record<string, unknown>
  }
  if (include.includes('request')) job.request = { ...job.request, body: value(queue.body(row), row.body_bytes) }
  const response = include.includes('response') ? queue.artifact(row, 'response.json') : undefined
  if (response) job.response = value(response.read(), response.row.size_bytes)
  return job
}
