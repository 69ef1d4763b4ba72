// The webhooks as the documents have them (3.1 only): what a receiver is sent, how it is signed, and what its answers
// mean.

import { webhookEvents } from '../job/submit.ts'
import { webhookType } from '../job/webhook.ts'
import { examplesOf, type Node } from './answers.ts'
import { webhookBodies } from './examples.ts'

const header = (name: string, description: string, example: string, required = true): Node => ({
  name,
  in: 'header',
  required,
  schema: { type: 'string' },
  description,
  example,
})

/** Standard Webhooks, and the trace that the job was submitted in. */
const parameters = [
  header(
    'webhook-id',
    'The same on every try: who has seen it has been told.',
    'msg_019ac0de-7b1a-7c3e-9f00-5d2c1a4be6f7',
  ),
  header('webhook-timestamp', 'When this try was made, in seconds since 1970.', '1764107558'),
  header(
    'webhook-signature',
    '`v1,` and in base64 the HMAC-SHA256 of `<webhook-id>.<webhook-timestamp>.<body>`; two, with a space between, while the secret is rotated.',
    'v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=',
  ),
  header(
    'traceparent',
    'As it came with the submit.',
    '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    false,
  ),
  header('tracestate', 'As it came with the submit.', 'vendor=1', false),
]

const responses = {
  '2XX': { description: 'Taken, if within 15 s' },
  '410': { description: 'Nobody is here any more: no more is sent about this job' },
  default: {
    description:
      'Not taken, a redirect as well: it is tried again after 5 s, 30 s, 2 min, 10 min, 30 min, 2 h, 5 h, 10 h and 24 h. `Retry-After` is honoured with 429, 502, 503 and 504.',
  },
}

/** One webhook for each event that a job can ask for. */
export function webhooks(): Node {
  const schema = { $ref: '#/components/schemas/WebhookBody' }
  return Object.fromEntries(
    webhookEvents.map((event) => {
      const post = {
        operationId: `job${event[0]!.toUpperCase()}${event.slice(1)}`,
        summary: `A job is ${event}`,
        tags: ['webhooks'],
        security: [],
        parameters,
        requestBody: {
          required: true,
          content: { 'application/json': { schema, examples: examplesOf({ [event]: webhookBodies[event] }) } },
        },
        responses,
      }
      return [webhookType(event), { post }]
    }),
  )
}
