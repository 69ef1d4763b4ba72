// submit: jobs from a file or a pipe, one a line, handed over in batches. The text of a line is what is sent, so its
// numbers stay exact; only a key is put in, so that a line that is handed over again makes no second job.

import { readFileSync } from 'node:fs'
import type { Job, Problem } from '../api.ts'
import { ForemanError } from '../error.ts'
import { newKey } from '../key.ts'
import { patiently } from '../patience.ts'
import { exit, UsageError } from './failure.ts'
import { readAll, type Session } from './session.ts'

export interface SubmitOptions {
  /** Begins the keys of lines without one: the same key and file make no second jobs. Default: a new one each time. */
  key?: string
}

/** What foreman takes in one batch, and what of that is well below any FOREMAN_BODY_MAX in use. */
const batchJobs = 1_000
const batchBytes = 16_000_000
/** A batch that got no answer is sent again for so long. */
const unreachable_ms = 60_000

interface Line {
  number: number
  text: string
}

export async function submit(session: Session, file: string, { key = newKey() }: SubmitOptions): Promise<number> {
  const { caller, output, signal } = session
  const lines = linesOf(file === '-' ? await readAll(session) : contentOf(file), key)
  // Refusals and a foreman that is away are told at once; after that a cut is waited out.
  const [newest] = (await caller.foreman.jobs.list({ limit: 1 }, { signal })).data
  let submitted = 0
  let known = 0
  for (const batch of batchesOf(lines)) {
    const body = `{"jobs":[${batch.map(({ text }) => text).join(',')}]}`
    const headers = { 'content-type': 'application/json' }
    const send = async () => {
      const answer = await caller.ask('/jobs/batch', { method: 'POST', headers, body, signal })
      return (await answer.json()) as { data: Job[] }
    }
    const { data } = await patiently(send, { signal, unreachable_ms }).catch((error: unknown) => {
      if (submitted > 0) output.note(`${submitted} jobs were submitted before that`)
      throw ofLines(error, batch)
    })
    for (const job of data) output.result(job, () => [job.id])
    submitted += data.length
    known += data.filter(({ created_at }) => newest !== undefined && created_at <= newest.created_at).length
  }
  output.note(`${submitted} jobs submitted${known > 0 ? `, of which ${known} had been submitted before` : ''}`)
  return exit.ok
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`${file}: ${(error as Error).message}`)
  }
}

/** Each line that is not empty, with a key. Throws UsageError for one that is no object. */
function linesOf(text: string, key: string): Line[] {
  return text.split('\n').flatMap((raw, i) => {
    const line = raw.trim()
    if (line === '') return []
    const number = i + 1
    const job = objectOf(line)
    if (!job) throw new UsageError(`line ${number} is no JSON object`)
    if (job.idempotency_key !== undefined) return [{ number, text: line }]
    const rest = line.slice(1)
    const comma = Object.keys(job).length > 0 ? ',' : ''
    return [{ number, text: `{"idempotency_key":${JSON.stringify(`${key}-${number}`)}${comma}${rest}` }]
  })
}

function objectOf(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

function* batchesOf(lines: readonly Line[]): Generator<Line[]> {
  let batch: Line[] = []
  let bytes = 0
  for (const line of lines) {
    if (batch.length === batchJobs || (batch.length > 0 && bytes + line.text.length > batchBytes)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(line)
    bytes += line.text.length
  }
  if (batch.length > 0) yield batch
}

/** Says `line 3` where foreman says `/jobs/2`. */
function ofLines(error: unknown, batch: readonly Line[]): unknown {
  if (!(error instanceof ForemanError) || !error.problem?.errors) return error
  const errors = error.problem.errors.map(({ pointer, detail }) => ({
    pointer: pointer.replace(/^\/jobs\/(\d+)/, (whole, at: string) => {
      const line = batch[Number(at)]
      return line ? `line ${line.number}: ` : whole
    }),
    detail: detail.endsWith(', received undefined') ? 'is missing' : detail,
  }))
  const problem: Problem = { ...error.problem, errors }
  return new ForemanError(error.code, 'these lines are refused', { problem, status: error.status })
}
