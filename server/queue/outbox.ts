// Which deliveries a transition owes, as rows for its own transaction. Sending them is the work of webhooks/.

import { randomUUIDv7 } from 'node:crypto'
import type { WebhookEvent } from '../job/submit.ts'
import { webhookType } from '../job/webhook.ts'
import type { Job } from '../job/schema.ts'
import type { EventRow } from '../store/events.ts'
import type { JobRow } from '../store/jobs.ts'
import type { NewDelivery } from '../store/deliveries.ts'
import { time } from './view.ts'

/** What a job asked to be told, as it is stored with it. */
export interface StoredWebhook {
  url: string
  events: WebhookEvent[]
  include: 'response'[]
}

export interface StoredDeliver {
  url?: string
  urls?: Record<string, string>
}

export const defaultEvents: WebhookEvent[] = ['done', 'failed', 'canceled']

/** A response larger than this is fetched, not sent along. */
const includedBytes = 64 * 1024

/** The rows that `event` of `row` owes. `job` is the thin view at this moment, `response` the answer of a done job. */
export function owed(row: JobRow, event: EventRow, job: Job, response?: Buffer): NewDelivery[] {
  const base = { job: row.seq, event: event.seq, due: event.steady, created_at: event.at }
  const deliveries: NewDelivery[] = []
  const webhook = row.webhook === null ? null : (JSON.parse(row.webhook) as StoredWebhook)
  if (webhook?.events.includes(event.state)) {
    const body = frozen(event, job, webhook.include.includes('response') ? response : undefined)
    deliveries.push({ ...base, id: messageId(), kind: 'webhook', url: webhook.url, body, artifact: null })
  }
  const deliver = row.deliver === null || event.state !== 'done' ? null : (JSON.parse(row.deliver) as StoredDeliver)
  for (const { name } of deliver ? job.artifacts : []) {
    const url = deliver?.urls?.[name] ?? deliver?.url?.replaceAll(/\{name\}|%7Bname%7D/g, encodeURIComponent(name))
    if (url) deliveries.push({ ...base, id: messageId(), kind: 'artifact', url, body: null, artifact: name })
  }
  return deliveries
}

/** The same bytes on every try: frozen at commit. The response is spliced in as it is, numbers exact. */
function frozen(event: EventRow, job: Job, response: Buffer | undefined): Buffer {
  const data = JSON.stringify(job)
  const parts = [`{"type":"${webhookType(event.state)}","timestamp":"${time(event.at)}","data":`]
  if (response && response.length <= includedBytes)
    parts.push(data.slice(0, -1), ',"response":', response.toString(), '}}')
  else parts.push(data, '}')
  return Buffer.from(parts.join(''))
}

function messageId(): string {
  return `msg_${randomUUIDv7()}`
}
