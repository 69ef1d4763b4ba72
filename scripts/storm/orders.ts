// What callers have asked for, and what they were promised: the other half of what the database must say at the end.

import type { Dice } from '../simulate/dice.ts'

/** One job, as its caller remembers it. Its number is its label `n`. */
export interface Order {
  n: number
  input: Input
  /** The ids that a 202 named; with a key never more than one. */
  ids: Set<string>
  /** The states its caller is told of. */
  events: readonly string[]
  /** Whether its artifacts are put somewhere. */
  deliver: boolean
  /** The state events of a job that was erased, as they were before. */
  erased?: { sequence: number; state: string }[]
}

/** A submit. */
export interface Input {
  request: { endpoint: string; body: object }
  labels: { n: string }
  idempotency_key?: string
  webhook?: { url: string; events?: readonly string[]; include?: readonly string[] }
  deliver?: { url: string }
}

const states = ['queued', 'loading', 'working', 'done', 'failed', 'canceled']
const byDefault = ['done', 'failed', 'canceled']

export class Orders {
  readonly all: Order[] = []
  #dice: Dice
  #urls: readonly string[]
  #uploadUrl: (order: number) => string

  constructor(dice: Dice, urls: readonly string[], uploadUrl: (order: number) => string) {
    this.#dice = dice
    this.#urls = urls
    this.#uploadUrl = uploadUrl
  }

  /** A new one. Without a key, a caller who got no answer does not know whether there is a job, and gives up. */
  make(keyed: boolean): Order {
    const dice = this.#dice
    const order = this.#order()
    const { n, input } = order
    if (keyed) input.idempotency_key = `key-${n}`
    // Without a webhook the default receiver is told.
    if (dice.next() < 0.8) {
      const events = dice.pick([undefined, states, ['done'], ['queued', 'done', 'failed']])
      input.webhook = { url: dice.pick(this.#urls), events, include: dice.next() < 0.3 ? ['response'] : undefined }
      order.events = events ?? byDefault
    }
    order.deliver = dice.next() < 0.25
    if (order.deliver) input.deliver = { url: this.#uploadUrl(n) }
    return order
  }

  /** A new one that is no submit: a call of its endpoint, which the caller lets foreman defer. */
  defer(): Order {
    const order = this.#order()
    order.input.idempotency_key = `key-${order.n}`
    return order
  }

  #order(): Order {
    const n = this.all.length
    const input: Input = { request: this.#request(n), labels: { n: String(n) } }
    const order: Order = { n, input, ids: new Set(), events: byDefault, deliver: false }
    this.all.push(order)
    return order
  }

  #request(n: number): Input['request'] {
    const dice = this.#dice
    // The larger ones are stored over several commits.
    const content = dice.next() < 0.05 ? 'x'.repeat(dice.pick([1_200_000, 5_000_000])) : `job ${n}`
    const model = dice.pick(['alpha', 'alpha', 'beta', 'nobody'])
    const messages = [{ role: 'user', content }]
    const chat = { model: model === 'nobody' && dice.next() < 0.7 ? 'alpha' : model, messages }
    const kind = dice.next()
    if (kind < 0.7) return { endpoint: '/api/chat', body: chat }
    if (kind < 0.85) return { endpoint: '/v1/chat/completions', body: chat }
    return { endpoint: '/api/embed', body: { model: 'embedder', input: `job ${n}` } }
  }
}
