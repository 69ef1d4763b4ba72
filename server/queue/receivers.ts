// Whom a submission wants called: what is refused about them before anything is stored, and the webhook as it is stored
// with the job. What is owed to them later is in outbox.ts.

import { ForemanError, type Fault } from '../job/error.ts'
import type { SubmitJob } from '../job/submit.ts'
import { defaultEvents, type StoredWebhook } from './outbox.ts'

export interface ReceiverTerms {
  /** Whether webhooks can be signed; without a secret they are refused at submit. */
  webhooks: boolean
  /** Receiver of jobs that name none. */
  webhookUrl?: string
  /** Why nobody at this URL is ever called; undefined when somebody may be. */
  receiverRefused: (url: string) => string | undefined
}

/** Throws `invalid_request` for a receiver who cannot be called. `pointer` is the submission's own inside the request. */
export function checkReceivers(input: SubmitJob, pointer: string, { webhooks, receiverRefused }: ReceiverTerms): void {
  if (input.webhook && !webhooks) {
    throw new ForemanError('invalid_request', 'webhooks cannot be signed: FOREMAN_WEBHOOK_SECRET is not set', {
      errors: [{ pointer: `${pointer}/webhook`, detail: 'no signing secret is configured' }],
    })
  }
  const errors = named(input).flatMap(({ at, url }): Fault[] => {
    const detail = receiverRefused(url)
    return detail === undefined ? [] : [{ pointer: pointer + at, detail }]
  })
  if (errors[0]) throw new ForemanError('invalid_request', `${errors[0].pointer}: ${errors[0].detail}`, { errors })
}

/** The webhook of a job as its row has it; null when nobody is to be told. */
export function storedWebhook({ webhook }: SubmitJob, { webhookUrl }: ReceiverTerms): string | null {
  const url = webhook?.url ?? webhookUrl
  if (!url) return null
  const stored: StoredWebhook = { url, events: webhook?.events ?? defaultEvents, include: webhook?.include ?? [] }
  return JSON.stringify(stored)
}

/** Every URL in a submission, and its place in there. */
function named({ webhook, deliver }: SubmitJob): { at: string; url: string }[] {
  const found = Object.entries(deliver?.urls ?? {}).map(([name, url]) => {
    return { at: `/deliver/urls/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, url }
  })
  if (deliver?.url !== undefined) found.unshift({ at: '/deliver/url', url: deliver.url })
  if (webhook) found.unshift({ at: '/webhook/url', url: webhook.url })
  return found
}
