// The client: foreman's calls with the server's own types, and Ollama's chat, generate and embed as durable jobs.

import type { Inputs, Outputs } from './api.ts'
import { Connection, type ConnectionOptions, type SignalOptions } from './connection.ts'
import { eventsOfAll, type EventsOptions, type QueueEvent } from './events.ts'
import { Jobs } from './jobs.ts'
import type {
  ChatRequest,
  ChatResponse,
  EmbedRequest,
  EmbedResponse,
  GenerateRequest,
  GenerateResponse,
} from './ollama.ts'
import { Order, type CallOptions, type StreamOptions } from './order.ts'
import { webhooks, type Webhooks } from './webhook.ts'

type Call<I, O> = (input: I, options?: SignalOptions) => Promise<O>
type Look<O> = (options?: SignalOptions) => Promise<O>

export class Foreman {
  readonly jobs: Jobs
  readonly deliveries: {
    list: Call<Inputs['deliveries']['list'], Outputs['deliveries']['list']>
    redeliver: Call<Inputs['deliveries']['redeliver'], Outputs['deliveries']['redeliver']>
  }
  readonly queue: {
    get: Look<Outputs['queue']['get']>
    plan: (input?: Inputs['queue']['plan'], options?: SignalOptions) => Promise<Outputs['queue']['plan']>
    pause: Look<Outputs['queue']['pause']>
    resume: Look<Outputs['queue']['resume']>
    /** What happens to all jobs from now on, or from `after` on: each once and in order. */
    events: (options?: EventsOptions) => AsyncGenerator<QueueEvent, void>
  }
  readonly target: { get: Look<Outputs['target']['get']> }
  readonly webhooks: Webhooks = webhooks
  readonly #connection: Connection

  /** Throws TypeError for an address that is none, and for a token that cannot be sent. */
  constructor(options: ConnectionOptions) {
    const connection = new Connection(options)
    const { trpc } = connection
    const again = <T>(options: SignalOptions = {}, call: (options: SignalOptions) => Promise<T>) =>
      connection.patiently(() => call(options), options.signal)
    this.#connection = connection
    this.jobs = new Jobs(connection)
    this.deliveries = {
      list: (input, options) => again(options, (signal) => trpc.deliveries.list.query(input, signal)),
      redeliver: (input, options = {}) =>
        connection.once(() => trpc.deliveries.redeliver.mutate(input, options), options.signal),
    }
    this.queue = {
      get: (options) => again(options, (signal) => trpc.queue.get.query({}, signal)),
      plan: (input = {}, options) => again(options, (signal) => trpc.queue.plan.query(input, signal)),
      pause: (options) => again(options, (signal) => trpc.queue.pause.mutate({}, signal)),
      resume: (options) => again(options, (signal) => trpc.queue.resume.mutate({}, signal)),
      events: (options) => eventsOfAll(connection, options),
    }
    this.target = { get: (options) => again(options, (signal) => trpc.target.get.query({}, signal)) }
  }

  /**
   * Ollama's /api/chat, as a job: returns what Ollama would have returned without streaming. With `stream: true` the
   * answer comes in parts, as the target makes them; leaving the loop before the last, which has `done`, cancels the job.
   */
  chat(request: ChatRequest & { stream: true }, options?: StreamOptions): Promise<AsyncGenerator<ChatResponse, void>>
  chat(request: ChatRequest & { stream?: false }, options?: CallOptions): Promise<ChatResponse>
  chat(request: ChatRequest, options?: StreamOptions): Promise<ChatResponse | AsyncGenerator<ChatResponse, void>> {
    return this.#run('/api/chat', request, options)
  }

  /** Ollama's /api/generate, as a job; in parts like `chat`. */
  generate(
    request: GenerateRequest & { stream: true },
    options?: StreamOptions,
  ): Promise<AsyncGenerator<GenerateResponse, void>>
  generate(request: GenerateRequest & { stream?: false }, options?: CallOptions): Promise<GenerateResponse>
  generate(
    request: GenerateRequest,
    options?: StreamOptions,
  ): Promise<GenerateResponse | AsyncGenerator<GenerateResponse, void>> {
    return this.#run('/api/generate', request, options)
  }

  /** Ollama's /api/embed, as a job. */
  async embed(request: EmbedRequest, options?: CallOptions): Promise<EmbedResponse> {
    return new Order(this.#connection, '/api/embed', request, options).answer()
  }

  async #run<T>(
    endpoint: '/api/chat' | '/api/generate',
    { stream, ...body }: { model: string; stream?: unknown },
    options?: StreamOptions,
  ): Promise<T | AsyncGenerator<T, void>> {
    const order = new Order(this.#connection, endpoint, body, options)
    return stream === true ? order.parts<T>() : order.answer<T>()
  }
}
