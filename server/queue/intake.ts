// How work comes in: limits, idempotency and the first row of a job, for one submission or a batch of them, in one
// transaction.

import { randomUUIDv7, timingSafeEqual } from 'node:crypto'
import { affinityKey, canonicalModel, runnerOptions } from '../job/affinity.ts'
import { ForemanError } from '../job/error.ts'
import type { Job } from '../job/schema.ts'
import { asksForJson, type SubmitJob } from '../job/submit.ts'
import type { StagedBlob } from '../store/blobs.ts'
import type { JobRow } from '../store/jobs.ts'
import { isRefusal } from '../store/keeper.ts'
import type { Drain } from './drain.ts'
import { owed, type StoredDeliver } from './outbox.ts'
import type { QueueOptions } from './queue.ts'
import { checkReceivers, storedWebhook } from './receivers.ts'
import type { Steady } from './steady.ts'
import { viewJob } from './view.ts'

export interface Submission {
  /** The validated input. Its body serves validation only. */
  input: SubmitJob
  /** The exact text of the body, as it will be sent. */
  body: readonly Buffer[]
  /** SHA-256 over the whole input without its key; needed when there is a key. */
  fingerprint?: Buffer
  /** traceparent and tracestate of the submit. */
  trace?: Record<string, string>
  /** JSON pointer of this submission inside the request, for faults. */
  pointer?: string
}

export interface Submitted {
  job: Job
  /** The job existed already under this idempotency key. */
  replayed: boolean
}

interface IntakeOptions extends QueueOptions {
  steady: Steady
  drain: Drain
  waiting: () => number
}

interface Taken {
  row: JobRow
  replayed: boolean
}

export class Intake {
  #options: IntakeOptions
  #stopping = false
  /** Jobs written in this tick, which `waiting` does not count before their commit. */
  #uncounted = 0

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  stop(): void {
    this.#stopping = true
  }

  async take(submissions: readonly Submission[]): Promise<{ results: Taken[]; added: JobRow[] }> {
    const { store, onRefused } = this.#options
    if (this.#stopping) throw new ForemanError('stopping', 'foreman is stopping', { retryAfterS: 5 })
    for (const submission of submissions) this.#check(submission)
    const known = this.#known(submissions)
    if (known) return { results: known.map((row) => ({ row, replayed: true })), added: [] }
    for (const submission of submissions) this.#checkStart(submission)
    if (store.unwritable)
      throw new ForemanError('storage_full', `the data folder cannot be written: ${store.unwritable}`)
    try {
      return await this.#store(submissions)
    } catch (error) {
      if (isRefusal(error)) onRefused?.(error)
      throw error
    }
  }

  async #store(submissions: readonly Submission[]): Promise<{ results: Taken[]; added: JobRow[] }> {
    const { store } = this.#options
    const staged = await store.blobs.stageAll(submissions.map(({ body }) => body))
    let written = 0
    try {
      return await store.commit.run('submit', () => {
        const taken = this.#write(submissions, staged)
        written = taken.added.length
        this.#uncounted += written
        return taken
      })
    } catch (error) {
      for (const blob of staged) blob.discard()
      throw error
    } finally {
      this.#uncounted -= written
    }
  }

  /** The jobs, if there is one for each already: callers come again until theirs is done, and large bodies are not written for that. */
  #known(submissions: readonly Submission[]): JobRow[] | undefined {
    const rows: JobRow[] = []
    for (const submission of submissions) {
      const row = this.#replay(submission)
      if (!row) return undefined
      rows.push(row)
    }
    return rows
  }

  #write(submissions: readonly Submission[], staged: readonly StagedBlob[]): { results: Taken[]; added: JobRow[] } {
    const { queueMax, waiting } = this.#options
    const results: Taken[] = []
    const added: JobRow[] = []
    submissions.forEach((submission, i) => {
      const blob = staged[i] as StagedBlob
      const known = this.#replay(submission)
      if (known) {
        blob.discard()
        results.push({ row: known, replayed: true })
        return
      }
      const over = waiting() + this.#uncounted + added.length - queueMax
      if (over >= 0) throw this.#full(submissions.slice(i), added.length, over)
      const row = this.#insert(submission, blob)
      added.push(row)
      results.push({ row, replayed: false })
    })
    return { results, added }
  }

  /** Why the rest does not fit: not now, or never, when there are more new jobs than may wait in all. */
  #full(rest: readonly Submission[], added: number, over: number): ForemanError {
    const { queueMax, drain } = this.#options
    const unknown = rest.filter((submission) => !this.#replay(submission))
    const fresh = added + new Set(unknown.map((submission) => submission.input.idempotency_key ?? submission)).size
    if (fresh > queueMax)
      return new ForemanError('too_large', `${fresh} jobs at once never fit: no more than ${queueMax} may wait`)
    const retryAfterS = drain.retryAfter_s(over + rest.length)
    return new ForemanError('queue_full', `${queueMax} jobs are waiting already`, { retryAfterS })
  }

  /** The job that this key already made, if the request is the same. Look-up and insert are one step. */
  #replay({ input, fingerprint, pointer }: Submission): JobRow | undefined {
    const { store } = this.#options
    const key = input.idempotency_key
    const known = key === undefined ? undefined : store.jobs.withIdempotencyKey(key)
    if (!known) return undefined
    if (fingerprint && timingSafeEqual(known.hash, fingerprint)) return store.jobs.find(known.id)
    throw new ForemanError('idempotency_key_reused', 'this idempotency key was used for another request', {
      jobId: known.id,
      errors: [{ pointer: `${pointer ?? ''}/idempotency_key`, detail: 'used for another request' }],
    })
  }

  #insert({ input, body, fingerprint, trace }: Submission, blob: StagedBlob): JobRow {
    const { store, clock, steady, publicUrl, jobTimeout_s, maxAttempts } = this.#options
    const { endpoint } = input.request
    const shape = input.request.body as { model: string; options?: unknown; shift?: unknown }
    const model = canonicalModel(shape.model)
    const key = affinityKey(shape.model, runnerOptions(endpoint, shape))
    const affinity = store.affinities.idOf(key, model)
    const now = clock.wall()
    const sequence = store.events.next()
    blob.attach()
    const row: JobRow = {
      seq: sequence,
      id: `job_${randomUUIDv7()}`,
      state: 'queued',
      sequence,
      place: sequence,
      affinity,
      key,
      endpoint,
      model,
      body: blob.blob,
      body_bytes: body.reduce((sum, b) => sum + b.length, 0),
      json_output: asksForJson(endpoint, input.request.body) ? 1 : 0,
      labels: JSON.stringify(input.labels ?? {}),
      webhook: storedWebhook(input, this.#options),
      deliver: input.deliver ? JSON.stringify(input.deliver satisfies StoredDeliver) : null,
      trace: trace && Object.keys(trace).length > 0 ? JSON.stringify(trace) : null,
      created_at: now,
      queued_at: now,
      loading_at: null,
      working_at: null,
      finished_at: null,
      waiting_since: steady.now(),
      due: null,
      start_by: input.start_by ? Date.parse(input.start_by) : null,
      timeout_s: input.timeout_s ?? jobTimeout_s,
      attempt: 0,
      max_attempts: input.max_attempts ?? maxAttempts,
      interruptions: 0,
      free_requeues: 0,
      error: null,
      last_error: null,
      usage: null,
    }
    store.jobs.insert({ ...row, idempotency_key: input.idempotency_key ?? null, idempotency_hash: fingerprint ?? null })
    const event = {
      seq: sequence,
      job: sequence,
      state: row.state,
      happening: 'submit',
      at: now,
      steady: row.waiting_since,
      attempt: 0,
    } as const
    store.events.append(event)
    if (row.webhook)
      for (const delivery of owed(row, event, viewJob(row, [], publicUrl()))) store.deliveries.insert(delivery)
    return row
  }

  /** A job that could only fail is none; one that its key made in time is answered with all the same. */
  #checkStart(submission: Submission): void {
    const { input, pointer = '' } = submission
    const { start_by } = input
    if (start_by === undefined || Date.parse(start_by) > this.#options.clock.wall() || this.#replay(submission)) return
    throw new ForemanError('invalid_request', 'start_by has passed', {
      errors: [{ pointer: `${pointer}/start_by`, detail: 'has passed' }],
    })
  }

  #check({ input, pointer = '' }: Submission): void {
    const { jobTimeout_s } = this.#options
    checkReceivers(input, pointer, this.#options)
    if (input.timeout_s !== undefined && input.timeout_s > jobTimeout_s) {
      throw new ForemanError('invalid_request', `timeout_s is limited to ${jobTimeout_s}`, {
        errors: [{ pointer: `${pointer}/timeout_s`, detail: `at most ${jobTimeout_s}` }],
      })
    }
  }
}
