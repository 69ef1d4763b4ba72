// A call to one of Ollama's own routes that becomes a job, because its caller asks for that: `Prefer: respond-async`. It
// is answered with the job, or with what the route would have said when the job ends while the caller waits. What it is
// made of is what POST /jobs takes; what does not ask for it passes (passage.ts).

import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ZodError } from 'zod'
import { ForemanError } from '../job/error.ts'
import { isTerminal } from '../job/state.ts'
import { isEmbedding, isEndpoint, isNative, SubmitJob, type Endpoint } from '../job/submit.ts'
import type { Submitted } from '../queue/intake.ts'
import type { JobRow } from '../store/jobs.ts'
import { isPacked, lengthOf } from './arrival.ts'
import { largestBody } from './body.ts'
import { pieces } from './download.ts'
import { fingerprint } from './fingerprint.ts'
import { readVerbatim } from './json-body.ts'
import { labelsOf } from './labels.ts'
import { noRoom } from './memory.ts'
import { sendNative } from './native.ts'
import { idempotencyKey, prefer } from './prefer.ts'
import { present, waited } from './present.ts'
import { problemOf } from './problem.ts'
import { replayOf } from './replay.ts'
import { traceOf } from './trace.ts'
import type { Api } from './trpc.ts'
import type { Call } from './way.ts'

export interface DeferralOptions {
  api: Api
  /** Most bytes of one body. */
  bodyMax: number
  /** What was thrown is unknown: the caller is told nothing of it. */
  onInternal: (error: unknown) => void
}

export class Deferral {
  readonly #options: DeferralOptions

  constructor(options: DeferralOptions) {
    this.#options = options
  }

  /** Whether the caller asks for a job and gets one, or an answer that says why not. Else nothing was done. */
  readonly take = (call: Call): boolean => {
    const { respondAsync, wait } = prefer(call.req.headers.prefer)
    if (!respondAsync || !isEndpoint(call.path)) return false
    // The target refuses it, and says so itself. Routes that know no such member don't look at it.
    if (call.peek?.misfit('stream') && !isEmbedding(call.path)) return false
    const stream = call.peek?.flag('stream')
    // A job of these routes never streams, so there would be nothing to answer it with.
    if (!isNative(call.path) && stream === true) return false
    void this.#answer(call, call.path, stream !== false, wait)
    return true
  }

  async #answer(call: Call, endpoint: Endpoint, streamed: boolean, wait: number | undefined): Promise<void> {
    const { api, onInternal } = this.#options
    const { res, path, requestId, cors = [] } = call
    const lines = [...cors, 'X-Request-Id', requestId]
    const left = new AbortController()
    res.once('close', () => left.abort())
    try {
      const { job, replayed, model } = await this.submitted(call, endpoint)
      lines.push('Location', job.links.self)
      lines.push('Preference-Applied', wait === undefined ? 'respond-async' : `respond-async, wait=${wait}`)
      if (replayed) lines.push('Idempotency-Replayed', 'true')
      const row = wait === undefined ? api.queue.find(job.id) : await waited({ api, signal: left.signal }, job.id, wait)
      if (wait === undefined || !isTerminal(row.state)) return this.#accepted(call, row, lines)
      // OpenAI's and Anthropic's SDKs send a call again that was answered 409 or 5xx, and that would be another job.
      if (!isNative(path)) lines.push('X-Should-Retry', 'false')
      const { status, contentType, body, retryAfter_s } = replayOf(api.queue, row, { streamed, model })
      if (retryAfter_s !== undefined) lines.push('Retry-After', String(retryAfter_s))
      const head = [...lines, ...this.#closing(), 'Content-Type', contentType]
      if (typeof body === 'string') return void res.writeHead(status, [...head, ...length(body)]).end(body)
      const size = body.row.size_bytes
      res.writeHead(status, [...head, 'Content-Length', String(size)])
      await pipeline(Readable.from(pieces(body, { start: 0, end: size }), { objectMode: false }), res)
    } catch (error) {
      if (left.signal.aborted) return
      if (problemOf(error).code === 'internal') onInternal(error)
      // Half an answer was cut by the pipeline.
      if (!res.headersSent) sendNative(res, path, error, [...lines, ...this.#closing()])
    }
  }

  /**
   * Makes the job that a call asks for, as POST /jobs would of the same body and what the head says. Resolves when it is on
   * disk, with its model as the call names it; the bytes of the call are let go. Throws what that route answers with, pointers being into the body.
   */
  async submitted(call: Call, endpoint: Endpoint): Promise<Submitted & { model: string }> {
    const { api, bodyMax } = this.#options
    const { headers } = call.req
    const keyHeader = headers['idempotency-key']
    try {
      const body = bytesOf(call, bodyMax)
      const labels = labelsOf(headers['x-foreman-labels'])
      const key = keyHeader === undefined ? undefined : idempotencyKey(keyHeader)
      const { skeleton, text } = await readVerbatim(Readable.from(body), bodyMax)
      const input = parsed({
        request: { endpoint, body: skeleton },
        ...(labels ? { labels } : {}),
        ...(key === undefined ? {} : { idempotency_key: key }),
      })
      const keyed = input.idempotency_key === undefined ? undefined : await fingerprint(wrapped(endpoint, text, labels))
      const trace = traceOf(headers)
      const [submitted] = await api.queue.submit([{ input, body: text, trace, fingerprint: keyed }])
      if (!submitted) throw new ForemanError('internal', 'nothing was submitted')
      return { ...submitted, model: input.request.body.model as string }
    } finally {
      call.letGo()
    }
  }

  #accepted({ res }: Call, row: JobRow, lines: readonly string[]): void {
    const body = JSON.stringify(present({ api: this.#options.api }, row))
    const head = [...lines, ...this.#closing(), 'Retry-After', '1', 'Content-Type', 'application/json; charset=utf-8']
    res.writeHead(202, [...head, ...length(body)]).end(body)
  }

  /** A stopping foreman ends waits early: the caller comes back on a new connection. */
  #closing(): string[] {
    return this.#options.api.queue.vigil.over ? ['Connection', 'close'] : []
  }
}

/** The text that POST /jobs would be sent, for which an idempotency key stands there and here alike. */
function wrapped(endpoint: Endpoint, body: readonly Buffer[], labels: SubmitJob['labels']): Buffer[] {
  const tail = labels ? `},"labels":${JSON.stringify(labels)}}` : '}}'
  return [Buffer.from(`{"request":{"endpoint":"${endpoint}","body":`), ...body, Buffer.from(tail)]
}

const length = (text: string) => ['Content-Length', String(Buffer.byteLength(text))]

/** The bytes of the whole body. Throws when they are not there. */
function bytesOf({ req, body, peek }: Call, bodyMax: number): readonly Buffer[] {
  if (isPacked(req.headers))
    throw new ForemanError('invalid_request', 'a call that becomes a job is sent uncompressed', { status: 415 })
  const size = Math.max(body?.size ?? 0, lengthOf(req.headers))
  const most = Math.min(bodyMax, largestBody)
  if (size > most) throw new ForemanError('too_large', `the body is limited to ${most} bytes`)
  if (!body || !peek) throw noRoom()
  return body.chunks
}

/** Validates as POST /jobs does. Callers of a native route know nothing of an envelope, so pointers are into the body. */
function parsed(input: unknown): SubmitJob {
  const { data, error } = SubmitJob.safeParse(input)
  if (data) return data
  throw new ZodError(
    error.issues.map((issue) => ({ ...issue, path: issue.path.slice(issue.path[0] === 'request' ? 2 : 0) })),
  )
}
