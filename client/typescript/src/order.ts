// One call of Ollama's as a durable job: handed in under a key, waited for or read in parts across restarts of foreman,
// and canceled when its caller leaves.

import type { Job } from './api.ts'
import type { Connection } from './connection.ts'
import { ForemanError, hasEnded, ofJob, throwUnlessDone } from './error.ts'
import { eventsOf } from './events.ts'
import { Jobs, wait_s } from './jobs.ts'
import { newKey } from './key.ts'
import type { Send } from './rest.ts'

export interface CallOptions {
  /** Aborting cancels the job. */
  signal?: AbortSignal | undefined
  /** The same key and request make one job, however often they are sent. Default: a new one for each call. */
  idempotency_key?: string | undefined
  labels?: Record<string, string> | undefined
  /** Longest working time in seconds. */
  timeout_s?: number | undefined
}

export interface StreamOptions extends CallOptions {
  /**
   * Called when the job has to begin anew, after a restart of foreman say: forget the parts so far, the answer comes
   * again from its first. Without it that throws `restarted`, and cancels the job.
   */
  on_restart?: (() => void) | undefined
}

/** What a caller who leaves waits for its job to be canceled, at most. */
const leaving_ms = 2_000

export class Order {
  readonly #connection: Connection
  readonly #jobs: Jobs
  readonly #options: StreamOptions
  readonly #submit: Send<Job>
  #id: string | undefined
  #sent = false
  #leaving: Promise<void> | undefined

  /** Throws at once what JSON.stringify throws. */
  constructor(
    connection: Connection,
    endpoint: '/api/chat' | '/api/generate' | '/api/embed',
    body: { model: string },
    options: StreamOptions = {},
  ) {
    const { idempotency_key = newKey(), labels, timeout_s } = options
    this.#connection = connection
    this.#jobs = new Jobs(connection)
    this.#options = options
    const request = { endpoint, body: { ...body } }
    this.#submit = connection.rest.submit({ request, idempotency_key, labels, timeout_s })
  }

  /** The whole answer: one request if the job ends soon. */
  async answer<T>(): Promise<T> {
    const { signal } = this.#options
    try {
      let job = await this.#handIn(`?wait=${wait_s}&include=response`)
      if (!hasEnded(job)) job = await this.#jobs.wait(job.id, { signal, include: ['response'] })
      throwUnlessDone(job)
      return job.response as T
    } catch (error) {
      if (signal?.aborted) await this.#cancel()
      throw error
    }
  }

  /** Resolves when the job is handed in, with its parts. */
  async parts<T>(): Promise<AsyncGenerator<T, void>> {
    try {
      const parts = this.#parts<T>((await this.#handIn()).id)
      // Begun, so that whoever returns it unread cancels the job.
      await parts.next()
      return parts
    } catch (error) {
      if (this.#options.signal?.aborted) await this.#cancel()
      throw error
    }
  }

  async *#parts<T>(id: string): AsyncGenerator<T, void> {
    const { signal, on_restart } = this.#options
    let begun = false
    let over = false
    // Whoever aborts may be busy with a part, or never ask for one.
    const leave = () => void (over || this.#cancel())
    signal?.addEventListener('abort', leave, { once: true })
    try {
      signal?.throwIfAborted()
      yield undefined as T
      for await (const event of eventsOf(this.#connection, id, { signal })) {
        if (event.event === 'output') {
          const part = JSON.parse(event.line) as { done?: boolean; error?: unknown }
          // Ollama's last words on a runner that died are no part: what foreman makes of them, a failure or a new beginning, follows.
          if (part.error !== undefined) continue
          begun = true
          over = part.done === true
          yield part as T
        } else if (event.event === 'restart' && begun) {
          begun = over = false
          if (!on_restart) throw new ForemanError('restarted', 'the answer begins anew')
          on_restart()
        } else if (event.event === 'state' && hasEnded(event.job)) {
          over = true
          throwUnlessDone(event.job)
        }
      }
    } catch (error) {
      // What cannot be followed any longer goes on, and may be waited for later.
      over ||= error instanceof ForemanError && error.code !== 'restarted'
      throw ofJob(id, error)
    } finally {
      signal?.removeEventListener('abort', leave)
      if (!over) await this.#cancel()
    }
  }

  async #handIn(query?: string): Promise<Job> {
    const { signal } = this.#options
    const send = () => {
      this.#sent = true
      return this.#submit(signal, query)
    }
    const job = await this.#connection.patiently(send, signal)
    this.#id = job.id
    return job
  }

  /** Once, best effort: the caller is leaving and wants its own reason, not ours. */
  #cancel(): Promise<void> {
    return (this.#leaving ??= this.#leave())
  }

  async #leave(): Promise<void> {
    if (!this.#sent) return
    const signal = AbortSignal.timeout(leaving_ms)
    try {
      // The submit may have arrived although its answer did not: the key finds that job again.
      const id = this.#id ?? (await this.#submit(signal)).id
      await this.#connection.trpc.jobs.cancel.mutate({ id }, { signal })
    } catch {
      // It ended by itself, or foreman is away: then nothing holds the target for this caller either.
    }
  }
}
