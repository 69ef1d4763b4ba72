// An error over tRPC: the envelope of tRPC around the problem that REST would have answered, with the same status.
// Procedures get it through tRPC itself; what is refused before tRPC is asked (the gate, the size of a body, a path
// where nothing is) gets it here.

import { TRPC_ERROR_CODES_BY_KEY } from '@trpc/server/rpc'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { problemHeaders, problemOf, type Problem } from './problem.ts'

/** Whether errors of this path go out as tRPC's. */
export function isTrpc(path: string): boolean {
  return path === '/trpc' || path.startsWith('/trpc/')
}

/** Answers with the envelope of `error`. Unknown errors go whole to `onInternal`. */
export function sendTrpcError(
  reply: FastifyReply,
  error: unknown,
  request: FastifyRequest,
  onInternal?: (error: unknown) => void,
): FastifyReply {
  const path = request.url.split('?', 1)[0]!
  const problem = problemOf(error, path)
  if (problem.code === 'internal') onInternal?.(error)
  return reply
    .code(problem.status)
    .headers(problemHeaders(problem))
    .header('content-type', 'application/json; charset=utf-8')
    .send(JSON.stringify({ error: shapeOf(problem, path.slice('/trpc/'.length)) }))
}

/** What tRPC calls the shape of an error. */
export function shapeOf(problem: Problem, path: string | undefined) {
  const key = keyOf(problem)
  const data = { code: key, httpStatus: problem.status, path, problem }
  return { message: problem.detail, code: TRPC_ERROR_CODES_BY_KEY[key], data }
}

const keys: Record<number, keyof typeof TRPC_ERROR_CODES_BY_KEY> = {
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_SUPPORTED',
  409: 'CONFLICT',
  410: 'NOT_FOUND',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  422: 'UNPROCESSABLE_CONTENT',
  503: 'SERVICE_UNAVAILABLE',
}

function keyOf({ status }: Problem): keyof typeof TRPC_ERROR_CODES_BY_KEY {
  return keys[status] ?? (status >= 500 ? 'INTERNAL_SERVER_ERROR' : 'BAD_REQUEST')
}
