// For tests of the queue: a real store in a temporary folder, a virtual clock, submissions, and jobs brought to where a
// test wants them. No part of the running foreman.

import { hash } from 'node:crypto'
import { VirtualClock } from '../clock.ts'
import type { Happening, State } from '../job/state.ts'
import { SubmitJob } from '../job/submit.ts'
import type { JobRow } from '../store/jobs.ts'
import { afterwards, look, openStore, temporaryFolder } from '../store/store.harness.ts'
import type { StoreOptions } from '../store/store.ts'
import type { Submission } from './intake.ts'
import type { NewArtifact } from '../store/artifacts.ts'
import { Queue, type QueueOptions } from './queue.ts'
import type { Facts } from './transition.ts'

export interface Setup extends Partial<Omit<QueueOptions, 'store'>>, Pick<Partial<StoreOptions>, 'onCommit' | 'fault'> {
  /** A folder that is there, of an earlier queue. */
  folder?: string
}

/** A change that was told. */
export interface Told {
  id: string
  state: State
  happening: Happening | 'submit' | 'delete' | 'due'
}

/** What a submit says, where a test does not say otherwise. */
export function submission(more: Record<string, unknown> = {}, body: Record<string, unknown> = {}): Submission {
  const request = { endpoint: '/api/chat', body: { model: 'm', messages: [], ...body } }
  const input = SubmitJob.parse({ request, ...more })
  const text = Buffer.from(JSON.stringify(input.request.body))
  const fingerprint = Buffer.from(hash('sha256', text, 'hex'), 'hex')
  return { input, body: [text], ...(input.idempotency_key === undefined ? {} : { fingerprint }) }
}

/** A queue on a store, as app.ts makes it, and what a test asks of both. */
export class Bench {
  readonly folder: string
  readonly clock: VirtualClock
  readonly queue: Queue
  readonly store
  /** All changes in the order they were told. */
  readonly told: Told[] = []
  #setup: Setup

  constructor(setup: Setup = {}) {
    const { folder = temporaryFolder(), clock = new VirtualClock(), onCommit, fault, ...options } = setup
    this.#setup = setup
    this.folder = folder
    this.clock = clock as VirtualClock
    this.store = openStore({ folder, onCommit, fault })
    this.queue = new Queue({
      store: this.store,
      clock,
      publicUrl: () => 'http://foreman.test',
      queueMax: 1000,
      jobTimeout_s: 1800,
      maxAttempts: 3,
      webhooks: true,
      receiverRefused: () => undefined,
      keep: { done: null, failed: null },
      onChange: ({ id, state }, happening) => this.told.push({ id, state, happening }),
      ...options,
    })
    afterwards(() => this.queue.stop())
  }

  /** The next foreman on the same folder. Its clock starts anew, `away_ms` of wall time later. */
  async restart(away_ms = 0, setup: Setup = {}): Promise<{ bench: Bench; recovered: number }> {
    this.queue.stop()
    this.store.close()
    const clock = new VirtualClock(this.clock.wall() + away_ms)
    const bench = new Bench({ ...this.#setup, clock, ...setup, folder: this.folder })
    return { bench, recovered: await bench.queue.recover() }
  }

  /** Submits one job and answers its row. */
  async submit(more?: Record<string, unknown>, body?: Record<string, unknown>): Promise<JobRow> {
    const [submitted] = await this.queue.submit([submission(more, body)])
    return this.queue.find(submitted?.job.id ?? '')
  }

  /** A new job in a state, brought there by the way every job goes. */
  async job(state: State, more?: Record<string, unknown>): Promise<JobRow> {
    const row = await this.submit(more)
    return this.bring(row, state)
  }

  /** A queued job on to another state. */
  async bring(row: JobRow, state: State, facts: Facts = {}): Promise<JobRow> {
    const error = { code: 'target_failed', detail: 'because' }
    const way: Record<State, Happening[]> = {
      queued: [],
      loading: ['load'],
      working: ['load', 'work'],
      done: ['load', 'work', 'finish'],
      failed: ['load', 'work', 'fail'],
      canceled: ['cancel'],
    }
    let now = row
    for (const happening of way[state]) now = await this.queue.advance(row.seq, happening, { error, ...facts })
    return now
  }

  /** Staged bytes with a name. */
  async artifact(name: string, bytes: Buffer | string): Promise<NewArtifact> {
    const staged = await this.queue.stage([Buffer.from(bytes)])
    return { name, content_type: 'text/plain', sha256: hash('sha256', bytes, 'hex'), staged }
  }

  /** Rows of a query, as another program sees them on disk. */
  disk(sql: string, ...values: unknown[]): Record<string, unknown>[] {
    return look(this.folder)
      .prepare(sql)
      .all(...values) as Record<string, unknown>[]
  }

  /** States of a job in the order of its events. */
  history(row: JobRow): string[] {
    return this.store.events.ofJob(row.seq).map(({ state, happening }) => `${happening} ${state}`)
  }
}
