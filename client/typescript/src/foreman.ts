// The client: foreman's procedures with the server's own types, and Ollama's chat, generate and embed as durable jobs
// that are waited for across restarts of foreman. It speaks tRPC, but hands jobs in over REST (rest.ts).

import { createTRPCClient, httpLink, type TRPCClient } from '@trpc/client'
import type { AppRouter, Inputs, Job, Outputs } from './api.ts'
import { ForemanError, foremanError } from './error.ts'
import type {
  ChatRequest,
  ChatResponse,
  EmbedRequest,
  EmbedResponse,
  GenerateRequest,
  GenerateResponse,
} from './ollama.ts'
import { patiently } from './patience.ts'
import { Rest } from './rest.ts'

export interface ForemanOptions {
  /** Where foreman listens, for example `http://127.0.0.1:11435`. */
  url: string
  /** One of foreman's tokens. */
  token?: string
  /** In place of the global fetch. */
  fetch?: typeof fetch
  /** Milliseconds without an answer from foreman after which a call gives up; default 5 minutes. */
  unreachable_ms?: number
}

export interface CallOptions {
  /** Aborting cancels the job. */
  signal?: AbortSignal
  /** The same key and request make one job, however often they are sent. Default: a new one for each call. */
  idempotency_key?: string
  labels?: Record<string, string>
  /** Longest working time in seconds. */
  timeout_s?: number
}

/** Below the 30 s at which many gateways cut an idle connection. */
const wait_s = 25

type Call<I, O> = (input: I, options?: { signal?: AbortSignal }) => Promise<O>
type JobCalls = {
  [Name in Exclude<keyof Inputs['jobs'] & keyof Outputs['jobs'], 'events'>]: Call<
    Inputs['jobs'][Name],
    Outputs['jobs'][Name]
  >
}

export class Foreman {
  readonly jobs: JobCalls & {
    /** Resolves with the job once it is done, failed or canceled, however long that takes and whoever restarts meanwhile. */
    wait: (id: string, options?: { signal?: AbortSignal }) => Promise<Job>
  }
  readonly deliveries: {
    list: Call<Inputs['deliveries']['list'], Outputs['deliveries']['list']>
    redeliver: Call<Inputs['deliveries']['redeliver'], Outputs['deliveries']['redeliver']>
  }
  readonly queue: {
    get: () => Promise<Outputs['queue']['get']>
    pause: () => Promise<Outputs['queue']['pause']>
    resume: () => Promise<Outputs['queue']['resume']>
  }
  readonly target: { get: () => Promise<Outputs['target']['get']> }
  #trpc: TRPCClient<AppRouter>
  #rest: Rest
  #unreachable_ms: number

  constructor({ url, token, fetch, unreachable_ms = 300_000 }: ForemanOptions) {
    const base = url.replace(/\/+$/, '')
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
    // Called through a function of its own: a browser's fetch insists on its window.
    const ask: typeof globalThis.fetch = fetch ?? ((input, init) => globalThis.fetch(input, init))
    const rest = new Rest({ url: base, headers, fetch: ask })
    const trpc = createTRPCClient<AppRouter>({
      links: [
        httpLink({
          url: `${base}/trpc`,
          headers,
          fetch: orStatus(ask) as never,
        }),
      ],
    })
    this.#trpc = trpc
    this.#rest = rest
    this.#unreachable_ms = unreachable_ms
    this.jobs = {
      submit: async (input, options) => told(rest.submit(input)(options?.signal)),
      submit_batch: async (input, options) => told(rest.submitBatch(input)(options?.signal)),
      get: (input, options) => told(trpc.jobs.get.query(input, options)),
      list: (input, options) => told(trpc.jobs.list.query(input, options)),
      artifacts: (input, options) => told(trpc.jobs.artifacts.query(input, options)),
      cancel: (input, options) => told(trpc.jobs.cancel.mutate(input, options)),
      retry: (input, options) => told(trpc.jobs.retry.mutate(input, options)),
      delete: (input, options) => told(trpc.jobs.delete.mutate(input, options)),
      wait: (id, options) => this.#wait(id, options?.signal),
    }
    this.deliveries = {
      list: (input, options) => told(trpc.deliveries.list.query(input, options)),
      redeliver: (input, options) => told(trpc.deliveries.redeliver.mutate(input, options)),
    }
    this.queue = {
      get: () => told(trpc.queue.get.query({})),
      pause: () => told(trpc.queue.pause.mutate({})),
      resume: () => told(trpc.queue.resume.mutate({})),
    }
    this.target = { get: () => told(trpc.target.get.query({})) }
  }

  /** Ollama's /api/chat, as a job: returns what Ollama would have returned without streaming. */
  chat(request: ChatRequest, options?: CallOptions): Promise<ChatResponse> {
    return this.#run('/api/chat', request, options)
  }

  /** Ollama's /api/generate, as a job. */
  generate(request: GenerateRequest, options?: CallOptions): Promise<GenerateResponse> {
    return this.#run('/api/generate', request, options)
  }

  /** Ollama's /api/embed, as a job. */
  embed(request: EmbedRequest, options?: CallOptions): Promise<EmbedResponse> {
    return this.#run('/api/embed', request, options)
  }

  async #run<T>(
    endpoint: '/api/chat' | '/api/generate' | '/api/embed',
    body: { model: string },
    options: CallOptions = {},
  ): Promise<T> {
    const { signal, idempotency_key = newKey(), labels, timeout_s } = options
    const input = { request: { endpoint, body: { ...body } }, idempotency_key, labels, timeout_s }
    const submit = this.#rest.submit(input)
    let id: string | undefined
    try {
      id = (await this.#patiently(() => submit(signal), signal)).id
      const job = await this.#wait(id, signal)
      if (job.state === 'canceled') throw new ForemanError('canceled', 'the job was canceled', { job })
      if (job.state === 'failed')
        throw new ForemanError(job.error?.code ?? 'internal', job.error?.detail ?? 'the job failed', { job })
      const answered = await this.#patiently(
        () => this.#trpc.jobs.get.query({ id: job.id, include: ['response'] }, { signal }),
        signal,
      )
      return answered.response as T
    } catch (error) {
      // The submit may have arrived although its answer did not: the key finds that job again.
      if (signal?.aborted) await this.#cancel(id ?? submit)
      throw error
    }
  }

  /** Best effort: the caller is leaving and wants its own reason, not ours. */
  async #cancel(job: string | (() => Promise<{ id: string }>)): Promise<void> {
    try {
      const id = typeof job === 'string' ? job : (await job()).id
      await this.#trpc.jobs.cancel.mutate({ id })
    } catch {
      // It ended by itself, or foreman is away: then nothing holds the target for this caller either.
    }
  }

  async #wait(id: string, signal?: AbortSignal): Promise<Job> {
    for (;;) {
      const job = await this.#patiently(() => this.#trpc.jobs.get.query({ id, wait: wait_s }, { signal }), signal)
      if (job.state === 'done' || job.state === 'failed' || job.state === 'canceled') return job
      // A stopping foreman answers at once: without a pause this would spin until it is gone.
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  #patiently<T>(call: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return patiently(call, { signal, unreachable_ms: this.#unreachable_ms })
  }
}

async function told<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    throw foremanError(error)
  }
}

/** 128 random bits. Node 18 has no global crypto, and pages that were not served securely have no randomUUID in it. */
function newKey(): string {
  const bytes = new Uint8Array(16).map(() => Math.random() * 256)
  const { crypto } = globalThis as { crypto?: Pick<Crypto, 'getRandomValues'> }
  crypto?.getRandomValues(bytes)
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** An answer that is no JSON is a gateway's: tRPC would lose its status over reading it. */
function orStatus(ask: typeof fetch): typeof fetch {
  return async (input, init) => {
    const answer = await ask(input, init)
    if (answer.ok || /\bjson\b/.test(answer.headers.get('content-type') ?? '')) return answer
    throw new ForemanError('unreachable', `HTTP ${answer.status}`, { status: answer.status })
  }
}
