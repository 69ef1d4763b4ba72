// The calls about jobs. What is safe to repeat is tried again until foreman answers.

import type { Inputs, Job, Outputs } from './api.ts'
import type { Connection, SignalOptions } from './connection.ts'
import { ForemanError, hasEnded, ofJob } from './error.ts'
import { eventsOf, parsed, type EventsOptions, type JobEvent } from './events.ts'
import { newKey } from './key.ts'
import { linesOf } from './lines.ts'
import { first_ms, pause } from './patience.ts'

type In = Inputs['jobs']
type Out = Outputs['jobs']

/** Below the 30 s at which many gateways cut an idle connection. */
export const wait_s = 25

export interface WaitOptions extends SignalOptions {
  /** What is to be shown beside the job, for example `['response']`. */
  include?: In['get']['include'] | undefined
}

export class Jobs {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Resolves once the job is on foreman's disk. A job without an idempotency key gets one: trying again makes no second. */
  async submit(input: In['submit'], { signal }: SignalOptions = {}): Promise<Out['submit']> {
    const send = this.#connection.rest.submit(keyed(input))
    return this.#connection.patiently(() => send(signal), signal)
  }

  /** All of them or none. */
  async submit_batch({ jobs }: In['submit_batch'], { signal }: SignalOptions = {}): Promise<Out['submit_batch']> {
    const send = this.#connection.rest.submitBatch({ jobs: jobs.map(keyed) })
    return this.#connection.patiently(() => send(signal), signal)
  }

  async get(input: In['get'], { signal }: SignalOptions = {}): Promise<Out['get']> {
    try {
      return await this.#connection.patiently(() => this.#connection.trpc.jobs.get.query(input, { signal }), signal)
    } catch (error) {
      throw ofJob(input.id, error)
    }
  }

  /** A page, the newest first. */
  list(input: In['list'] = {}, { signal }: SignalOptions = {}): Promise<Out['list']> {
    return this.#connection.patiently(() => this.#connection.trpc.jobs.list.query(input, { signal }), signal)
  }

  async artifacts(input: In['artifacts'], { signal }: SignalOptions = {}): Promise<Out['artifacts']> {
    try {
      return await this.#connection.patiently(
        () => this.#connection.trpc.jobs.artifacts.query(input, { signal }),
        signal,
      )
    } catch (error) {
      throw ofJob(input.id, error)
    }
  }

  /** That a job is canceled already is no error; `conflict` says that it was done or failed. */
  cancel(input: In['cancel'], { signal }: SignalOptions = {}): Promise<Out['cancel']> {
    return this.#connection.patiently(() => this.#connection.trpc.jobs.cancel.mutate(input, { signal }), signal)
  }

  /** Queues a failed or canceled job again. Sent once. */
  retry(input: In['retry'], { signal }: SignalOptions = {}): Promise<Out['retry']> {
    return this.#connection.once(() => this.#connection.trpc.jobs.retry.mutate(input, { signal }), signal)
  }

  /** Erases a job that ended. Sent once. */
  delete(input: In['delete'], { signal }: SignalOptions = {}): Promise<Out['delete']> {
    return this.#connection.once(() => this.#connection.trpc.jobs.delete.mutate(input, { signal }), signal)
  }

  /** Resolves with the job once it is done, failed or canceled, however long that takes and whoever restarts meanwhile. */
  async wait(id: string, { signal, include }: WaitOptions = {}): Promise<Job> {
    try {
      for (;;) {
        const job = await this.get({ id, wait: wait_s, ...(include && { include }) }, { signal })
        if (hasEnded(job)) return job
        // A stopping foreman answers at once: without a pause this would spin until it is gone.
        await pause(first_ms, signal)
      }
    } catch (error) {
      throw ofJob(id, error)
    }
  }

  /**
   * All that happens to a job, from its start or from `after` on: each event once and in order, over cut connections and
   * restarts of foreman. Whoever stops listening leaves the job alone.
   */
  events(id: string, options?: EventsOptions): AsyncGenerator<JobEvent, void> {
    return eventsOf(this.#connection, id, options)
  }

  /**
   * The target's own lines from the start of the current attempt, live or again. Throws `unreachable` when they break
   * off, because the job failed, was canceled or starts over, or foreman stops: then look at the job.
   */
  async *stream<T = unknown>(id: string, { signal }: SignalOptions = {}): AsyncGenerator<T, void> {
    for (let said = false; ;) {
      const { body } = await this.#open(`/jobs/${encodeURIComponent(id)}/stream`, signal)
      const lines = linesOf(body)
      try {
        for (;;) {
          const next = await lines.next().catch((cause: unknown) => {
            signal?.throwIfAborted()
            if (said) throw new ForemanError('unreachable', 'the answer broke off', { cause })
          })
          // Who cuts a job that waits has no more patience with it; one that ended has a status that says why.
          if (!next) break
          if (next.done) return
          said = true
          yield parsed(next.value) as T
        }
      } catch (error) {
        throw ofJob(id, error)
      } finally {
        await lines.return()
      }
      await pause(first_ms, signal)
    }
  }

  /** What a job has made, by the name it has in `artifacts`, as fetch answers it: `.text()`, `.json()`, `.blob()`, `.body`. These reject when it is cut. */
  artifact(id: string, name: string, { signal }: SignalOptions = {}): Promise<Response> {
    return this.#open(`/jobs/${encodeURIComponent(id)}/artifacts/${encodeURIComponent(name)}`, signal)
  }

  #open(path: string, signal: AbortSignal | undefined): Promise<Response> {
    return this.#connection.patiently(() => this.#connection.rest.open(path, { signal }), signal)
  }
}

function keyed(input: In['submit']): In['submit'] {
  return { ...input, idempotency_key: input.idempotency_key ?? newKey() }
}
