// The bytes of artifacts: whole or a range, streamed from the store piece by piece at the pace of whoever reads. What
// artifacts a job has is a procedure (jobs.ts).

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Readable } from 'node:stream'
import { setImmediate as breathe } from 'node:timers/promises'
import { ForemanError } from '../job/error.ts'
import type { Queue } from '../queue/queue.ts'
import type { StoredArtifact } from '../queue/register.ts'
import { headed, ifNoneMatch, problems } from './answers.ts'
import { isKnown, mayBePart } from './etag.ts'
import { spanOf, type Span } from './range.ts'

export interface DownloadOptions {
  queue: Pick<Queue, 'find' | 'artifact'>
}

interface Params {
  id: string
  name: string
}

export function mountDownload(app: FastifyInstance, { queue }: DownloadOptions): void {
  app.route<{ Params: Params }>({
    method: ['GET', 'HEAD'],
    url: '/jobs/:id/artifacts/:name',
    handler: (request, reply) => {
      const { id, name } = request.params
      const artifact = queue.artifact(queue.find(id), name)
      if (!artifact) throw new ForemanError('not_found', 'the job has no such artifact', { jobId: id })
      return answer(request, reply, artifact)
    },
  })
}

function answer({ method, headers }: FastifyRequest, reply: FastifyReply, artifact: StoredArtifact): FastifyReply {
  const { name, content_type, size_bytes: size, sha256 } = artifact.row
  const tag = `"${sha256}"`
  // A retry brings other bytes under the same name: a copy is good for as long as its tag is.
  void reply.headers({ ETag: tag, 'Cache-Control': 'private, no-cache' })
  if (isKnown(headers['if-none-match'], tag)) return reply.code(304).send()
  void reply.headers({
    'Accept-Ranges': 'bytes',
    'Content-Type': content_type,
    // Names are foreman's own and plain: nothing in them needs quoting.
    'Content-Disposition': `attachment; filename="${name}"`,
    // What a model wrote comes from the origin of the API: no browser may take it for a page of that.
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "default-src 'none'; sandbox",
  })
  if (method === 'HEAD') return reply.header('Content-Length', size).send()
  const span = mayBePart(headers['if-range'], tag) ? spanOf(headers.range, size) : undefined
  if (span === null) throw unsatisfiable(reply, size)
  const { start, end } = span ?? { start: 0, end: size }
  if (span) void reply.code(206).header('Content-Range', `bytes ${start}-${end - 1}/${size}`)
  return reply
    .header('Content-Length', end - start)
    .send(Readable.from(pieces(artifact, { start, end }), { objectMode: false }))
}

/** One piece in a turn of the event loop, and none before it is wanted. Throws when the bytes end early, so that no end looks clean. */
export async function* pieces({ read }: StoredArtifact, { start, end }: Span): AsyncGenerator<Buffer> {
  let left = end - start
  for (const piece of read(start, end)) {
    left -= piece.length
    yield piece
    await breathe()
  }
  if (left > 0) throw new Error('the artifact was erased while it was read')
}

function unsatisfiable(reply: FastifyReply, size: number): ForemanError {
  for (const name of ['ETag', 'Cache-Control', 'Content-Disposition']) reply.removeHeader(name)
  void reply.header('Content-Range', `bytes */${size}`)
  return new ForemanError('invalid_request', `there are ${size} bytes`, { status: 416 })
}

/** This route as OpenAPI paths. */
export function downloadPaths() {
  const text = { type: 'string' }
  const named = (name: string, description: string) => ({ name, in: 'path', required: true, schema: text, description })
  const header = (name: string, description: string, example: string) => {
    return { name, in: 'header', schema: text, description, example }
  }
  const kept = ['ETag', 'Cache-Control'] as const
  const safe = ['Accept-Ranges', 'Content-Disposition', 'Content-Security-Policy', 'X-Content-Type-Options'] as const
  const headers = [...kept, ...safe]
  // Of any type, JSON among them; the first is there for generated clients, which know bytes by it.
  const content = { 'application/octet-stream': { schema: { ...text, format: 'binary' } }, '*/*': {} }
  const get = {
    operationId: 'getArtifact',
    summary: 'The bytes of an artifact',
    description: 'Of the content type that the job names. HEAD answers the head of the whole.',
    tags: ['jobs'],
    parameters: [
      named('id', 'Id of a job.'),
      named('name', 'Name of an artifact.'),
      header('Range', '`bytes=first-last`. Of several ranges the whole is sent.', 'bytes=0-99'),
      header('If-Range', 'The ETag of what the range belongs to.', '"9ba5ce86b013fabf912a0fd7b26697c2838b8c65"'),
      ifNoneMatch,
    ],
    responses: {
      '200': { description: 'The whole', headers: headed(...headers), content },
      '206': { description: 'The range', headers: headed(...headers, 'Content-Range'), content },
      '304': { description: 'Not changed since the given ETag', headers: headed(...kept) },
      ...problems(404, 410, 416),
    },
  }
  return { '/jobs/{id}/artifacts/{name}': { get } }
}
