// The same procedures over tRPC, under /trpc. Their bodies are received as over REST: counted, checked while they come,
// and given up when nothing more does.

import { fastifyRequestHandler } from '@trpc/server/adapters/fastify'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ForemanError } from '../job/error.ts'
import { fingerprint } from './fingerprint.ts'
import { readText, type JsonText } from './json-text.ts'
import { problemHeaders, problemOf } from './problem.ts'
import { hasLeft, type Receiving } from './receiving.ts'
import { appRouter } from './router.ts'
import { traceOf } from './trace.ts'
import { sendTrpcError } from './trpc-error.ts'
import type { Api, Context, Meta } from './trpc.ts'

export interface TrpcMountOptions {
  api: Api
  receiving: Receiving
  onInternal?: (error: unknown) => void
}

/** tRPC parses its input in one go, which a large one would make everybody wait for. */
const largestCall = 4 * 1024 * 1024

/** To be called in a scope of its own: the parser of JSON must not leak to other routes. */
export function mountTrpc(app: FastifyInstance, options: TrpcMountOptions): void {
  const limit = Math.min(options.receiving.bodyMax, largestCall)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', (_request, payload, done) => done(null, payload))
  app.setErrorHandler<FastifyError | ForemanError>((error, request, reply) => {
    const told = error.code === 'too_large' ? new ForemanError('too_large', tooLarge(limit)) : error
    return sendTrpcError(reply, told, request, options.onInternal)
  })
  app.all('/trpc/:path', (request, reply) => call(request, reply, options, limit))
}

async function call(
  request: FastifyRequest,
  reply: FastifyReply,
  { api, receiving, onInternal }: TrpcMountOptions,
  limit: number,
): Promise<FastifyReply> {
  const { path } = request.params as { path: string }
  const holders = holdersIn(path)
  const share = receiving.share()
  try {
    const capture = holders ? [holders] : []
    const text = await receiving.read(request, limit, (stream) =>
      readText(stream, { limit, take: share.take, capture }),
    )
    if (text) request.body = Buffer.concat(text.pieces.all).toString()
    const context: Context = { api, trace: traceOf(request.headers) }
    if (text && holders) context.fingerprint = fingerprints(text, holders.length)
    await fastifyRequestHandler({
      req: request,
      res: reply,
      path,
      router: appRouter,
      allowBatching: false,
      createContext: ({ info }) => ({ ...context, signal: info.signal }),
      // tRPC has no code for each of foreman's statuses: the problem says which it is.
      responseMeta: ({ errors: [error] }) => {
        if (!error) return {}
        const problem = problemOf(error)
        return { status: problem.status, headers: { ...problemHeaders(problem), 'content-type': 'application/json' } }
      },
      onError: ({ error }) => {
        if (problemOf(error).code === 'internal') onInternal?.(error.cause ?? error)
      },
    })
    return reply
  } catch (error) {
    if (hasLeft(request)) return reply.hijack()
    throw error
  } finally {
    share.release()
  }
}

/** Where in the input of a procedure that which may carry an idempotency key stands. */
function holdersIn(path: string): string[] | undefined {
  const procedures = appRouter._def.procedures as unknown as Record<string, { _def: { meta?: Meta } }>
  return Object.hasOwn(procedures, path) ? procedures[path]?._def.meta?.verbatim?.slice(0, -2) : undefined
}

/** Digests of the text as it came, so that they are the same as over REST, whatever is left of the numbers. */
function fingerprints(text: JsonText, depth: number): (pointer: string) => Promise<Buffer> {
  const all = text.at(depth)
  return async (pointer) => {
    const range = all.get(pointer)
    return fingerprint(range ? text.pieces.between(range.start, range.end) : text.pieces.all)
  }
}

function tooLarge(limit: number): string {
  return `over tRPC a request is limited to ${limit} bytes; larger ones go over REST, POST /jobs`
}
