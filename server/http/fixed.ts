// Things that are the same for as long as foreman runs: made when somebody first asks for them, and sent to nobody who
// has them already.

import { createHash } from 'node:crypto'
import type { RouteHandlerMethod } from 'fastify'
import { headed, ifNoneMatch, openProblems, type Header, type Node } from './answers.ts'
import { isKnown } from './etag.ts'

/** A handler that answers with what `make` returns, of a content type, or 304 to whoever knows it by its tag. */
export function fixed(
  type: string,
  make: () => string | Buffer,
  headers: Record<string, string> = {},
): RouteHandlerMethod {
  let made: { bytes: string | Buffer; tag: string } | undefined
  return (request, reply) => {
    if (!made) {
      const bytes = make()
      made = { bytes, tag: `"${createHash('sha256').update(bytes).digest('base64url')}"` }
    }
    const { bytes, tag } = made
    void reply.headers({ ETag: tag, 'Cache-Control': 'no-cache', ...headers })
    if (isKnown(request.headers['if-none-match'], tag)) return reply.code(304).send()
    return reply.type(type).send(bytes)
  }
}

/** Such a route, open to everybody, as an OpenAPI operation. */
export function fixedOperation(
  operationId: string,
  summary: string,
  description: string,
  content: Node,
  ...headers: Header[]
): Node {
  const also = ['ETag', 'Cache-Control', ...headers] as const
  return {
    operationId,
    summary,
    tags: ['operations'],
    security: [],
    parameters: [ifNoneMatch],
    responses: {
      '200': { description, headers: headed(...also), content },
      '304': { description: 'Not changed since the given ETag', headers: headed(...also) },
      ...openProblems(),
    },
  }
}
