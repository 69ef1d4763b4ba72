// The shapes that foreman shows of a delivery: something that a receiver is to be told or sent, and each try of that.

import { z } from 'zod'

const time = z.iso.datetime()

export const Attempt = z
  .object({
    at: time,
    status: z.int().optional().meta({ description: 'What the receiver answered.' }),
    reason: z.string().optional().meta({ description: 'Why there was no answer, in words.' }),
    ms: z.int().meta({ description: 'How long it took.' }),
    answer: z.string().optional().meta({ description: 'The beginning of what was answered, 1 kB at most.' }),
  })
  .meta({ id: 'Attempt' })

export const Delivery = z
  .object({
    id: z.string().meta({ description: '`msg_` and a UUIDv7: the `webhook-id` of every try.' }),
    job_id: z.string(),
    kind: z.string().meta({ description: '`webhook` or `artifact`.' }),
    type: z.string().meta({ description: 'What it is about, such as `job.done`.' }),
    artifact: z.string().optional().meta({ description: 'The name of the artifact that is pushed.' }),
    url: z.string().meta({ description: 'Without user and query, where secrets stand.' }),
    state: z.string().meta({ description: '`pending`, `delivered` or `gave_up`.' }),
    created_at: time,
    next_try_at: time.optional().meta({ description: 'While pending.' }),
    ended_at: time.optional().meta({ description: 'When it was delivered or given up.' }),
    attempts: z.array(Attempt).meta({ description: 'Oldest first; the last fifty.' }),
  })
  .meta({ id: 'Delivery' })
export type Delivery = z.infer<typeof Delivery>

export const DeliveryList = z.object({ data: z.array(Delivery) }).meta({ id: 'DeliveryList' })
