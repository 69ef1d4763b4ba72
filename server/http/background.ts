// OpenAI's background mode: the responses of foreman's own among the target's. A job on /v1/responses is looked at,
// cancelled and deleted here as an OpenAI response; whatever foreman does not know is the target's to answer. What such
// a response looks like is responses.ts.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Readable } from 'node:stream'
import { ForemanError } from '../job/error.ts'
import { isTerminal } from '../job/state.ts'
import type { Queue } from '../queue/queue.ts'
import type { JobRow } from '../store/jobs.ts'
import { membersIn, withMembers } from './outline.ts'
import type { Pass } from './proxy.ts'
import { jobIdOf, ownMembers, repeatedNames, responseOf, statusOf } from './responses.ts'
import { piecesOf, sizeOf, stringify, type Verbatim } from './verbatim.ts'

export interface BackgroundOptions {
  queue: Queue
  pass: Pass
}

type Handler = (row: JobRow, request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>

/** An id that may be foreman's own. One of any other form never comes here. */
const path = '/v1/responses/:id(^resp_[0-9a-f-]{36}$)'

/** To be called in a scope of the proxied routes: their gate, and errors in the shape of the route. */
export function mountBackground(app: FastifyInstance, { queue, pass }: BackgroundOptions): void {
  // What is passed on still has its body; of an own response's nothing is read.
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
  const route = (method: 'GET' | 'POST' | 'DELETE', url: string, handle: Handler) =>
    app.route<{ Params: { id: string } }>({
      method,
      url,
      handler: async (request, reply) => {
        const row = ownRow(queue, request.params.id)
        if (row) return handle(row, request, reply.header('x-request-id', request.id))
        pass(request, reply)
        return reply
      },
    })

  route('GET', path, async (row, { query }, reply) => {
    const { stream, starting_after } = query as Record<string, string | undefined>
    if (stream === 'true' || starting_after !== undefined)
      throw new ForemanError('invalid_request', 'a background response is not streamed: ask again without stream', {
        status: 400,
      })
    return send(reply, await responseParts(queue, row))
  })

  route('POST', `${path}/cancel`, async (row, _request, reply) =>
    send(reply, await responseParts(queue, await cancel(queue, row))),
  )

  route('DELETE', path, async (row, { params }, reply) => {
    // Whoever deletes what still runs wants neither the rest nor the result. It may end by itself meanwhile.
    if (!isTerminal(row.state)) await cancel(queue, row).catch(unlessConflict)
    await queue.remove(row.id)
    return reply.send({ ...(params as { id: string }), object: 'response', deleted: true })
  })
}

/** The row behind a response; undefined when the id is none of foreman's. Throws `not_found` for one that was deleted. */
function ownRow(queue: Queue, id: string): JobRow | undefined {
  try {
    const row = queue.find(jobIdOf(id))
    return row.endpoint === '/v1/responses' ? row : undefined
  } catch (error) {
    const { code } = error as Partial<ForemanError>
    if (code === 'not_found') return undefined
    throw code === 'gone' ? new ForemanError('not_found', `Response with id '${id}' not found.`) : error
  }
}

/** OpenAI's clients send a request again that was answered 409, so the refusal is OpenAI's own 400. */
async function cancel(queue: Queue, { seq, id }: JobRow): Promise<JobRow> {
  return queue.advance(seq, 'cancel').catch((error: unknown) => {
    unlessConflict(error)
    const status = statusOf(queue.find(id).state)
    throw new ForemanError('conflict', `Cannot cancel a ${status} response.`, { status: 400 })
  })
}

function unlessConflict(error: unknown): void {
  if ((error as Partial<ForemanError>).code !== 'conflict') throw error
}

/** The response of a job as JSON text. A done job's is the target's own object, under the job's id. */
export async function responseParts(queue: Queue, row: JobRow): Promise<(Buffer | Verbatim)[]> {
  const job = queue.view(row)
  const request = await membersIn((start, end) => queue.body(row, start, end), repeatedNames)
  const answer = queue.artifact(row, 'response.json')
  if (!answer) return stringify(responseOf(job, request))
  return withMembers(answer.read, answer.row.size_bytes, ownMembers(job, request))
}

function send(reply: FastifyReply, parts: readonly (Buffer | Verbatim)[]): FastifyReply {
  return reply
    .type('application/json; charset=utf-8')
    .header('Content-Length', sizeOf(parts))
    .send(Readable.from(piecesOf(parts), { objectMode: false }))
}
