// The API, written once: each procedure is served as tRPC and as REST, and stands in the documents by its metadata.

import { z } from 'zod'
import { QueuePlan, QueueStatus, TargetStatus } from '../job/schema.ts'
import { deliveries } from './deliveries.ts'
import { jobs } from './jobs.ts'
import { queueEvents } from './subscriptions.ts'
import { procedure, router, type Context } from './trpc.ts'

/** Planned jobs shown unless more are asked for. */
const plannedShown = 100

const queue = router({
  get: procedure
    .meta({
      openapi: {
        method: 'GET',
        path: '/queue',
        operationId: 'getQueue',
        summary: 'The queue at a glance',
        tags: ['queue'],
      },
      problems: [422],
    })
    .input(z.strictObject({}))
    .output(QueueStatus)
    .query(({ ctx }) => ctx.api.queueStatus()),

  plan: procedure
    .meta({
      openapi: {
        method: 'GET',
        path: '/queue/plan',
        operationId: 'planQueue',
        summary: 'What is expected to run when',
        description:
          'The order in which the first 10,000 waiting jobs will start if nobody of people comes, with the loads that takes. Times are estimates from what was seen, absent from the first job on of which nothing was. Made at most once a second.',
        tags: ['queue'],
      },
      problems: [422],
    })
    .input(z.strictObject({ limit: z.int().min(1).max(10_000).optional() }))
    .output(QueuePlan)
    .query(async ({ input, ctx }) => {
      await ctx.api.planned()
      return ctx.api.queuePlan(input.limit ?? plannedShown)
    }),

  pause: procedure
    .meta({
      openapi: {
        method: 'POST',
        path: '/queue/pause',
        operationId: 'pauseQueue',
        summary: 'Start no further job',
        description: 'Survives a restart; the running job and the passthrough go on.',
        tags: ['queue'],
      },
      problems: [422, 507],
    })
    .input(z.strictObject({}))
    .output(QueueStatus)
    .mutation(({ ctx }) => pause(ctx, true)),

  resume: procedure
    .meta({
      openapi: { method: 'POST', path: '/queue/resume', operationId: 'resumeQueue', summary: 'Go on', tags: ['queue'] },
      problems: [422, 507],
    })
    .input(z.strictObject({}))
    .output(QueueStatus)
    .mutation(({ ctx }) => pause(ctx, false)),

  events: procedure
    .input(z.strictObject({ lastEventId: z.string().optional() }))
    .subscription(({ input, ctx, signal }) => queueEvents(ctx.api, input, signal)),
})

const target = router({
  get: procedure
    .meta({
      openapi: {
        method: 'GET',
        path: '/target',
        operationId: 'getTarget',
        summary: 'The Ollama behind foreman',
        tags: ['target'],
      },
      problems: [422],
    })
    .input(z.strictObject({}))
    .output(TargetStatus)
    .query(({ ctx }) => ctx.api.targetStatus()),
})

export const appRouter = router({ jobs, deliveries, queue, target })
/** The type the typed client is made from. */
export type AppRouter = typeof appRouter

async function pause(ctx: Context, paused: boolean) {
  await ctx.api.queue.pause(paused)
  ctx.api.onPause()
  return ctx.api.queueStatus()
}
