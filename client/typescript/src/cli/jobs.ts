// get, list, cancel and retry: jobs looked at and changed by their ids.

import type { Inputs, Job } from '../api.ts'
import { ForemanError } from '../error.ts'
import { exit } from './failure.ts'
import { jobColumns, progressOf, rowOfJob, type JobRow } from './job-row.ts'
import type { Colors } from './output.ts'
import { printable, printableJson } from './printable.ts'
import { duration, size } from './quantity.ts'
import type { Session } from './session.ts'
import { table, type Column } from './table.ts'

export type Include = 'request' | 'response'

export async function get({ caller, output, signal }: Session, id: string, include: Include[]): Promise<number> {
  const job = await caller.foreman.jobs.get({ id, include: include.length > 0 ? include : undefined }, { signal })
  output.result(job, (colors) => described(job, colors))
  return exit.ok
}

export interface ListOptions {
  state?: Job['state'][]
  model?: string
  label?: string
  limit: number
}

const pageSize = 200

/** Refusals that say nothing of the next job. */
const ofOne = new Set<string>(['conflict', 'gone', 'not_found'])

/** Newest first, page after page, as many as asked for; that there are more is told. */
export async function list({ caller, output, signal }: Session, { limit, ...filter }: ListOptions): Promise<number> {
  const found: Job[] = []
  let cursor: Inputs['jobs']['list']['cursor']
  do {
    const asked = { ...filter, cursor, limit: Math.min(pageSize, limit + 1 - found.length) }
    const { data, next_cursor } = await caller.foreman.jobs.list(asked, { signal })
    found.push(...data)
    cursor = next_cursor
  } while (cursor !== undefined && found.length <= limit)
  const jobs = found.slice(0, limit)
  if (output.json) for (const job of jobs) output.result(job, () => [])
  else output.result(undefined, (colors) => tableOf(jobs, colors))
  if (jobs.length === 0) output.note('no jobs')
  if (found.length > limit) output.warning(`the newest ${limit}; there are more: --limit`)
  return exit.ok
}

/** Each id in turn, also after one that is refused. */
export async function change(
  { caller, output, signal }: Session,
  verb: 'cancel' | 'retry',
  ids: readonly string[],
): Promise<number> {
  let code: number = exit.ok
  for (const id of ids) {
    try {
      const job = await caller.foreman.jobs[verb]({ id }, { signal })
      output.result(job, () => [printable(`${job.id} ${job.state}`)])
    } catch (error) {
      if (!(error instanceof ForemanError) || !ofOne.has(error.code)) throw error
      output.failure({ code: error.code, detail: `${id}: ${error.message}` })
      code = exit.refused
    }
  }
  return code
}

interface ListRow extends JobRow {
  age: string
  labels: string
}

const listColumns: readonly Column<ListRow>[] = [
  ...jobColumns,
  { title: 'AGE', cell: ({ age }) => age, right: true },
  { title: 'LABELS', cell: ({ labels }) => labels },
]

function tableOf(jobs: readonly Job[], colors: Colors): string[] {
  const now = Date.now()
  const rows = jobs.map((job) => ({
    ...rowOfJob(job, now),
    age: duration(now - Date.parse(job.created_at)),
    labels: labelsOf(job),
  }))
  return table(listColumns, rows, colors)
}

function labelsOf({ labels }: Job): string {
  return Object.entries(labels)
    .map((label) => label.join('='))
    .join(' ')
}

function described(job: Job, colors: Colors): string[] {
  const { request, error, last_error, artifacts, position, eta } = job
  const facts: [string, string | undefined][] = [
    ['id', job.id],
    ['state', [job.state, progressOf(job, Date.now())].filter(Boolean).join(', ')],
    ['model', request.model],
    ['endpoint', request.endpoint],
    ['labels', labelsOf(job)],
    ['position', position?.toString()],
    ['expected', eta && [eta.start_at, eta.finish_at].filter(Boolean).join(' – ')],
    ['created', job.created_at],
    ['working', job.working_at ?? undefined],
    ['finished', job.finished_at ?? undefined],
    ['attempt', `${job.attempt} of ${job.max_attempts}`],
    ['error', error && `${error.code}: ${error.detail}`],
    ['last error', last_error && `${last_error.code}: ${last_error.detail}`],
    ...artifacts.map(({ name, size_bytes, partial }): [string, string] => [
      'artifact',
      `${name} (${size(size_bytes)}${partial ? ', partial' : ''})`,
    ]),
  ]
  const width = Math.max(...facts.map(([name]) => name.length))
  const lines = facts.flatMap(([name, fact]) => (fact ? [`${colors.dim(name.padEnd(width))}  ${printable(fact)}`] : []))
  for (const part of [request.body, job.response]) if (part) lines.push(printableJson(part, 2))
  return lines
}
