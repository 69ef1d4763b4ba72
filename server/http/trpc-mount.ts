// The same procedures over tRPC, under /trpc.

import { fastifyTRPCPlugin, type FastifyTRPCPluginOptions } from '@trpc/server/adapters/fastify'
import type { FastifyInstance } from 'fastify'
import { appRouter, type AppRouter } from './router.ts'
import type { Api } from './trpc.ts'

export interface TrpcMountOptions {
  api: Api
  /** Most bytes of a request. */
  bodyMax: number
  onInternal?: (error: unknown) => void
}

/** To be called in a scope of its own: the plugin reads JSON as text in its scope. */
export function mountTrpc(app: FastifyInstance, { api, bodyMax, onInternal }: TrpcMountOptions): void {
  app.addHook('onRoute', (route) => {
    route.bodyLimit = bodyMax
  })
  void app.register(fastifyTRPCPlugin, {
    prefix: '/trpc',
    trpcOptions: {
      router: appRouter,
      allowBatching: false,
      createContext: ({ info }) => ({ api, signal: info.signal }),
      onError: ({ error }) => {
        if (error.code === 'INTERNAL_SERVER_ERROR') onInternal?.(error.cause ?? error)
      },
    },
  } satisfies FastifyTRPCPluginOptions<AppRouter>)
}
