// What foreman tells a receiver, verified as Standard Webhooks has it.

import { Webhook } from 'standardwebhooks'
import type { Job } from './api.ts'
import { ForemanError } from './error.ts'

/**
 * What foreman has to tell. A receiver may be told twice, and of a later state before an earlier one: `id` is the same on
 * every try, and `data.sequence`, of two calls about one job, larger in the newer.
 */
export interface WebhookCall {
  id: string
  type: `job.${Job['state']}`
  /** When that state was reached, RFC 3339. */
  timestamp: string
  /** The job as it was then. */
  data: Job
}

/** As fetch has them, or Node. */
export type WebhookHeaders = Headers | Record<string, string | string[] | undefined>

export interface Webhooks {
  /**
   * Reads a call from the body as it came, its headers, and the secret that foreman signs with. Throws `unverified` for
   * whatever is to be refused: another's signature, or one that is more than five minutes off.
   */
  unwrap(body: string | Uint8Array, headers: WebhookHeaders, secret: string): WebhookCall
}

export const webhooks: Webhooks = {
  unwrap(body, headers, secret) {
    const text = typeof body === 'string' ? body : new TextDecoder('utf-8', { ignoreBOM: true }).decode(body)
    try {
      const named = new Headers()
      for (const [name, value] of headers instanceof Headers ? headers : Object.entries(headers))
        if (typeof value === 'string' && /^webhook-/i.test(name)) named.set(name, value)
      const told = new Webhook(secret).verify(text, Object.fromEntries(named)) as Omit<WebhookCall, 'id'>
      return { ...told, id: named.get('webhook-id') ?? '' }
    } catch (cause) {
      throw new ForemanError('unverified', (cause as Error).message, { cause })
    }
  },
}
