// The programs: they hand over summaries to be made, one by one, in batches and as deferred calls, and come again with
// whatever was not taken.

import type { Foreman } from 'foreman-client'
import type { Dice } from '../simulate/dice.ts'
import type { Access, Answer, Call } from '../storm/access.ts'
import type { Input } from '../storm/orders.ts'
import type { Chronicle, Errand } from './chronicle.ts'
import type { Hours } from './hours.ts'
import { models } from './mac.ts'
import type { Receiver } from './receiver.ts'

export interface ProgramsOptions {
  hours: Hours
  chronicle: Chronicle
  dice: Dice
  access: Access
  receiver: Receiver
  client: Foreman
}

/** What is unusual about an errand. */
interface Wish {
  model?: string
  /** It must start within so many milliseconds. */
  within?: number
  /** The code it is to fail with. */
  fails?: string
}

const byDefault = ['done', 'failed', 'canceled']
const all = ['queued', 'loading', 'working', ...byDefault]
const batch = 20
const again_ms = 30_000

export class Programs {
  readonly #options: ProgramsOptions

  constructor(options: ProgramsOptions) {
    this.#options = options
  }

  /** So many at once: in batches, deferred calls and submits, over all models. Resolves when all are taken. */
  async hand(count: number): Promise<void> {
    const { dice } = this.#options
    for (let left = count; left > 0;) {
      const what = dice.next()
      if (what < 0.2 && left >= batch) {
        await this.#batch(Array.from({ length: batch }, () => this.#errand()))
        left -= batch
        continue
      }
      await (what < 0.4 ? this.#defer(this.#errand(true)) : this.one())
      left--
    }
  }

  async one(wish: Wish = {}): Promise<string> {
    const errand = this.#errand(false, wish)
    const answer = await this.#post('/jobs', { body: errand.input })
    const id = String(answer.json.id)
    errand.ids.add(id)
    return id
  }

  /** One whose caller waits for it by the client, whoever restarts meanwhile. */
  async awaited(): Promise<void> {
    const { client, chronicle } = this.#options
    const id = await this.one()
    const { state } = await client.jobs.wait(id)
    chronicle.asked('waits over restarts')
    if (state !== 'done') chronicle.wrong.push(`who waited for ${id} was told that it is ${state}`)
  }

  /** One whose caller follows it, from its start to its end. */
  async followed(): Promise<void> {
    const { client, chronicle } = this.#options
    const id = await this.one()
    chronicle.asked('followers')
    let last = ''
    for await (const event of client.jobs.events(id)) if (event.event === 'end') last = event.state
    if (last !== 'done') chronicle.wrong.push(`who followed ${id} heard ${last || 'no end'}`)
  }

  async #batch(errands: Errand[]): Promise<void> {
    const answer = await this.#post('/jobs/batch', { body: { jobs: errands.map(({ input }) => input) } })
    const data = answer.json.data as { id: string }[]
    for (const [i, errand] of errands.entries()) errand.ids.add(data[i]!.id)
  }

  async #defer({ input, ids }: Errand): Promise<void> {
    const { request, labels, idempotency_key: key = '' } = input
    const headers = { prefer: 'respond-async', 'idempotency-key': key, 'x-foreman-labels': `n=${labels.n}` }
    const answer = await this.#post(request.endpoint, { body: request.body, headers })
    ids.add(String(answer.json.id))
  }

  /** A deferred one has no receiver of its own: the default one is told, and it is handed to nobody. */
  #errand(deferred = false, { model, within, fails }: Wish = {}): Errand {
    const { chronicle, dice, receiver, hours } = this.#options
    const n = chronicle.errands.length
    const chosen = model ?? dice.pick(models)
    const input: Input & { start_by?: string } = {
      request: this.#request(chosen, `summary ${n}`),
      labels: { n: String(n) },
      idempotency_key: `key-${n}`,
    }
    const errand: Errand = { n, input, ids: new Set(), events: byDefault, deliver: false, model: chosen }
    if (fails !== undefined) errand.fails = fails
    if (within !== undefined) input.start_by = new Date(hours.now + within).toISOString()
    chronicle.errands.push(errand)
    if (deferred) return errand
    const events = dice.pick([undefined, ['done'], ['working', 'done', 'failed'], all])
    input.webhook = { url: receiver.url, events, include: dice.next() < 0.3 ? ['response'] : undefined }
    errand.events = events ?? byDefault
    errand.deliver = dice.next() < 0.25
    if (errand.deliver) input.deliver = { url: receiver.uploadUrl(n) }
    return errand
  }

  #request(model: string, content: string): Input['request'] {
    const messages = [{ role: 'user', content }]
    return this.#options.dice.pick([
      { endpoint: '/api/chat', body: { model, messages } },
      { endpoint: '/api/generate', body: { model, prompt: content } },
      { endpoint: '/v1/chat/completions', body: { model, messages } },
    ])
  }

  /** Comes again until it is taken. Throws when that can never be. */
  async #post(path: string, call: Call): Promise<Answer> {
    const { access, chronicle, hours } = this.#options
    for (;;) {
      const answer = await access.call('POST', path, call)
      chronicle.asked('submits')
      if (answer?.status === 202) return answer
      if (answer) {
        chronicle.refusals.push({ at: hours.now, status: answer.status, text: answer.text })
        if (answer.status < 500) throw new Error(`${path} was answered ${answer.status}: ${answer.text}`)
      }
      await hours.pause(again_ms)
    }
  }
}
