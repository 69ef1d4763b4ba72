// What a receiver of webhooks is told, as it stands in the documents: one shape for every event. The bytes are frozen
// with the transition that they tell of (queue/outbox.ts); their signing and sending is not the business of the law.

import { z } from 'zod'
import { Job } from './schema.ts'
import { webhookEvents } from './submit.ts'

/** The type of an event, as bodies have it: `job.done`. */
export const webhookType = (event: (typeof webhookEvents)[number]) => `job.${event}` as const

export const WebhookBody = z
  .object({
    type: z.string().meta({ description: `One of ${webhookEvents.map(webhookType).join(', ')}.` }),
    timestamp: z.iso.datetime().meta({ description: 'When the state was reached; the same on every try.' }),
    data: Job,
  })
  .meta({
    id: 'WebhookBody',
    description:
      'The job as it was then, without what is only known live. It has its `response` if that was asked for, the job is done, and the answer has at most 64 kB.',
  })
export type WebhookBody = z.infer<typeof WebhookBody>
