// The same procedures over tRPC, under /trpc.

import { fastifyTRPCPlugin, type FastifyTRPCPluginOptions } from '@trpc/server/adapters/fastify'
import type { FastifyError, FastifyInstance } from 'fastify'
import { ForemanError } from '../job/error.ts'
import { Memory } from './body.ts'
import { problemHeaders, problemOf } from './problem.ts'
import { appRouter, type AppRouter } from './router.ts'
import { traceOf } from './trace.ts'
import { sendTrpcError } from './trpc-error.ts'
import type { Api } from './trpc.ts'

export interface TrpcMountOptions {
  api: Api
  /** Most bytes of a request; beyond `largestCall` they go over REST alone. */
  bodyMax: number
  onInternal?: (error: unknown) => void
}

/** tRPC parses its input in one go, which a large one would make everybody wait for. */
const largestCall = 4 * 1024 * 1024

/** Bytes that calls being received may have in all, and how long one may be silent. */
const receivedInAll = 64 * 1024 * 1024
const idleMs = 60_000
const retryAfterS = 1

/** To be called in a scope of its own: the plugin reads JSON as text in its scope. */
export function mountTrpc(app: FastifyInstance, { api, bodyMax, onInternal }: TrpcMountOptions): void {
  const limit = Math.min(bodyMax, largestCall)
  app.addHook('onRoute', (route) => {
    route.bodyLimit = limit
  })
  const memory = new Memory(receivedInAll)
  // The plugin's parser keeps a call whole until it has ended, so room for it is taken before.
  app.addHook('preParsing', (request, reply, _payload, done) => {
    const declared = Number(request.headers['content-length'] ?? (request.headers['transfer-encoding'] ? limit : 0))
    const bytes = Math.min(declared, limit)
    if (!memory.take(bytes)) {
      return done(new ForemanError('queue_full', 'too many requests are being received', { retryAfterS }))
    }
    const { raw } = request
    const silent = () => raw.destroy()
    raw.setTimeout(idleMs, silent)
    raw.once('end', () => raw.off('timeout', silent).setTimeout(0))
    reply.raw.once('close', () => memory.give(bytes))
    done()
  })
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const told = error.statusCode === 413 ? new ForemanError('too_large', tooLarge(limit)) : error
    return sendTrpcError(reply, told, request, onInternal)
  })
  void app.register(fastifyTRPCPlugin, {
    prefix: '/trpc',
    trpcOptions: {
      router: appRouter,
      allowBatching: false,
      createContext: ({ req, info }) => ({ api, signal: info.signal, trace: traceOf(req.headers) }),
      // tRPC has no code for each of foreman's statuses: the problem says which it is.
      responseMeta: ({ errors: [error] }) => {
        if (!error) return {}
        const problem = problemOf(error)
        return { status: problem.status, headers: { ...problemHeaders(problem), 'content-type': 'application/json' } }
      },
      onError: ({ error }) => {
        if (problemOf(error).code === 'internal') onInternal?.(error.cause ?? error)
      },
    },
  } satisfies FastifyTRPCPluginOptions<AppRouter>)
}

function tooLarge(limit: number): string {
  return `over tRPC a request is limited to ${limit} bytes; larger ones go over REST, POST /jobs`
}
