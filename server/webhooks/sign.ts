// The signature of a webhook, as Standard Webhooks wants it: one a secret, so that a receiver may know either of two
// while the secret is changed.

import { Webhook } from 'standardwebhooks'

export class Signer {
  #webhooks: readonly Webhook[]

  /** Secrets with their prefix `whsec_`. */
  constructor(secrets: readonly string[]) {
    this.#webhooks = secrets.map((secret) => new Webhook(secret))
  }

  /** Whether it can sign: nothing is ever sent unsigned. */
  get able(): boolean {
    return this.#webhooks.length > 0
  }

  /** The headers that make `body` a message; `wall` is the time of this try, in milliseconds. */
  headers(id: string, wall: number, body: Buffer): Record<string, string> {
    const at = new Date(wall)
    return {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(wall / 1000)),
      'webhook-signature': this.#webhooks.map((webhook) => webhook.sign(id, at, body)).join(' '),
    }
  }
}
