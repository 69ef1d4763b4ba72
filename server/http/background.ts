// OpenAI's background mode: a call to /v1/responses that asks for it is a job, and that job is looked at, cancelled and
// deleted as an OpenAI response. Ids that foreman does not know are the target's to answer. What such a response looks like is
// responses.ts; how a call becomes a job, defer.ts.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ForemanError } from '../job/error.ts'
import { isTerminal } from '../job/state.ts'
import { without } from '../ollama/failure.ts'
import type { Queue } from '../queue/queue.ts'
import type { JobRow } from '../store/jobs.ts'
import type { Deferral } from './defer.ts'
import { sendNative } from './native.ts'
import { withMembers } from './outline.ts'
import { Outlines } from './outlines.ts'
import { backgroundPath, routeOf } from './peek.ts'
import { problemOf } from './problem.ts'
import type { Pass } from './proxy.ts'
import { jobIdOf, ownMembers, repeatedNames, responseIdOf, responseOf, statusOf } from './responses.ts'
import { piecesOf, sizeOf, stringify, type Part } from './verbatim.ts'
import type { Call, Served } from './way.ts'

export interface BackgroundOptions {
  queue: Queue
  deferral: Deferral
  /** Whether the target says that it has no such route. */
  lacks: (path: string) => Promise<boolean>
  /** A request was answered here that else the target would have been asked. */
  onServed: (served: Served) => void
  /** What was thrown is unknown: the caller is told nothing of it. */
  onInternal: (error: unknown) => void
}

type Parts = readonly Part[]
type Handler = (row: JobRow, request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>

const endpoint = backgroundPath
/** An id that may be foreman's own. One of any other form never comes here. */
const oneResponse = `${endpoint}/:id(^resp_[0-9a-f-]{36}$)`
const json = 'application/json; charset=utf-8'

export class Background {
  readonly #options: BackgroundOptions
  readonly #outlines: Outlines

  constructor(options: BackgroundOptions) {
    this.#options = options
    this.#outlines = new Outlines(options.queue, repeatedNames)
  }

  /** Whether the caller asks for a background response and gets it, or an answer that says why not. Else nothing was done. */
  readonly take = (call: Call): boolean => {
    // A `stream` that is none the target refuses itself.
    if (!call.peek?.background || call.peek.misfit('stream')) return false
    void this.#begin(call)
    return true
  }

  /** Registers the routes of single responses, in a scope of the proxied ones: their gate, and errors in the shape of the route. */
  mount(app: FastifyInstance, pass: Pass): void {
    const { queue, onServed } = this.#options
    // What is passed on still has its body; of an own response's nothing is read.
    app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    const route = (method: 'GET' | 'POST' | 'DELETE', url: string, handle: Handler) =>
      app.route<{ Params: { id: string } }>({
        method,
        url,
        handler: async (request, reply) => {
          const row = this.#own(request.params.id)
          if (!row) {
            pass(request, reply)
            return reply
          }
          // A stopping foreman wants the connection no more.
          if (queue.vigil.over) reply.header('connection', 'close')
          const served = () => onServed(servedOf(request, reply))
          reply.raw.once('close', served)
          return handle(row, request, reply.header('x-request-id', request.id)).catch((error: unknown) => {
            // Whoever answers that tells of it.
            reply.raw.off('close', served)
            throw error
          })
        },
      })

    route('GET', oneResponse, async (row, { query }, reply) => {
      const { stream, starting_after } = query as Record<string, string | undefined>
      if (stream === 'true' || starting_after !== undefined) throw refused('streamed: ask for it without stream')
      return send(reply, await this.#partsOf(row))
    })

    route('POST', `${oneResponse}/cancel`, async (row, _request, reply) =>
      send(reply, await this.#partsOf(await this.#cancel(row))),
    )

    route('DELETE', oneResponse, async (row, { params }, reply) => {
      // Whoever deletes what still runs wants neither the rest nor the result. It may end by itself meanwhile.
      if (!isTerminal(row.state)) await this.#cancel(row).catch(unlessConflict)
      await queue.remove(row.id)
      return reply.send({ ...(params as { id: string }), object: 'response', deleted: true })
    })
  }

  async #begin(call: Call): Promise<void> {
    const { queue, deferral, lacks, onInternal } = this.#options
    const { res, path, peek, requestId, cors = [] } = call
    const lines = [...cors, 'X-Request-Id', requestId]
    const closing = () => (queue.vigil.over ? ['Connection', 'close'] : [])
    try {
      if (peek?.flag('stream')) throw refused('streamed: send it without stream')
      if (peek?.flag('store') === false) throw refused('possible without being stored: send it without store')
      if (await lacks(endpoint)) throw new ForemanError('target_refused', without(endpoint), { status: 404 })
      const { job, replayed } = await deferral.submitted(call, endpoint)
      const parts = await this.#partsOf(queue.find(job.id))
      if (replayed) lines.push('Idempotency-Replayed', 'true')
      res.writeHead(200, [...lines, ...closing(), 'Content-Type', json, 'Content-Length', String(sizeOf(parts))])
      await pipeline(Readable.from(piecesOf(parts), { objectMode: false }), res)
    } catch (error) {
      // The caller has left, or half an answer was cut by the pipeline.
      if (res.destroyed) return
      if (problemOf(error).code === 'internal') onInternal(error)
      sendNative(res, path, error, [...lines, ...closing()])
    } finally {
      call.letGo()
    }
  }

  /** The row behind a response; undefined when the id is none of foreman's. Throws `not_found` for one that was deleted. */
  #own(id: string): JobRow | undefined {
    try {
      const row = this.#options.queue.find(jobIdOf(id))
      return row.endpoint === endpoint ? row : undefined
    } catch (error) {
      const { code } = error as Partial<ForemanError>
      if (code === 'not_found') return undefined
      throw code === 'gone' ? new ForemanError('not_found', `Response with id '${id}' not found.`) : error
    }
  }

  /** OpenAI's clients send a request again that was answered 409, so the refusal is OpenAI's own 400. */
  async #cancel({ seq, id }: JobRow): Promise<JobRow> {
    const { queue } = this.#options
    return queue.advance(seq, 'cancel').catch((error: unknown) => {
      unlessConflict(error)
      const status = statusOf(queue.find(id).state)
      throw new ForemanError('conflict', `Cannot cancel a ${status} response.`, { status: 400 })
    })
  }

  /** The response of a job as JSON text. A done job's is the target's own object, under the job's id. */
  async #partsOf(stored: JobRow): Promise<Parts> {
    const { queue } = this.#options
    const request = await this.#outlines.of(stored)
    // It may have gone on while that was read, or been deleted.
    const row = this.#own(responseIdOf(stored.id))!
    const job = queue.view(row)
    const answer = queue.artifact(row, 'response.json')
    if (!answer) return stringify(responseOf(job, request))
    return withMembers(answer.read, answer.row.size_bytes, ownMembers(job, request))
  }
}

function refused(what: string): ForemanError {
  return new ForemanError('invalid_request', `a background response is not ${what}`, { status: 400 })
}

function servedOf({ method, id: requestId }: FastifyRequest, { raw, elapsedTime: ms }: FastifyReply): Served {
  const status = raw.headersSent ? raw.statusCode : 499
  const outcome = raw.writableFinished ? 'answered' : 'left'
  return { route: routeOf(oneResponse), method, status, outcome, ms, overheadMs: undefined, requestId }
}

function unlessConflict(error: unknown): void {
  if ((error as Partial<ForemanError>).code !== 'conflict') throw error
}

function send(reply: FastifyReply, parts: Parts): FastifyReply {
  return reply
    .type(json)
    .header('Content-Length', sizeOf(parts))
    .send(Readable.from(piecesOf(parts), { objectMode: false }))
}
