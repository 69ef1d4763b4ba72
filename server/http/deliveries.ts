// The procedures about deliveries: what a job owes and owed to receivers, and having one of that sent again.

import { z } from 'zod'
import { Delivery, DeliveryList } from '../job/delivery.ts'
import { procedure, router } from './trpc.ts'

export const deliveries = router({
  list: procedure
    .meta({
      openapi: {
        method: 'GET',
        path: '/jobs/{id}/deliveries',
        operationId: 'listDeliveries',
        summary: 'What receivers are told and sent of a job, and what became of it',
        description: 'Webhooks and pushed artifacts in the order in which they arose, each with every try.',
        tags: ['deliveries'],
      },
      problems: [404, 410, 422],
    })
    .input(z.strictObject({ id: z.string().meta({ description: 'Id of a job.' }) }))
    .output(DeliveryList)
    .query(({ input, ctx: { api } }) => ({ data: api.deliveries.ofJob(api.queue.find(input.id)) })),

  redeliver: procedure
    .meta({
      openapi: {
        method: 'POST',
        path: '/deliveries/{id}/redeliver',
        operationId: 'redeliver',
        summary: 'Send a delivery again, whatever became of it',
        description:
          'As soon as its host has room, with the same bytes and the same `webhook-id`; its schedule begins anew. One that still waits does so no longer.',
        tags: ['deliveries'],
      },
      status: 202,
      problems: [404, 410, 422, 507],
    })
    .input(z.strictObject({ id: z.string().meta({ description: 'Id of a delivery.' }) }))
    .output(Delivery)
    .mutation(({ input, ctx: { api } }) => api.deliveries.redeliver(input.id)),
})
