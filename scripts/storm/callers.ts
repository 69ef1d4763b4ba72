// The callers: they submit one by one, in batches and as deferred calls, cancel, retry, erase, ask for deliveries again,
// pause and resume, all the time and whatever happens to foreman meanwhile.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Dice } from '../simulate/dice.ts'
import type { Access, Answer } from './access.ts'
import type { Order, Orders } from './orders.ts'

export interface CallersOptions {
  access: Access
  orders: Orders
  dice: Dice
  /** An answer that nobody should get. */
  onWrong: (what: string) => void
}

interface Shown {
  id: string
  labels: { n?: string }
}

const submitters = 4
/** Waiting jobs at which submitters hold back. */
const enough = 30

export class Callers {
  readonly #options: CallersOptions
  #over = false
  #all: Promise<void>[] = []

  constructor(options: CallersOptions) {
    this.#options = options
  }

  start(): void {
    this.#all = [...Array.from({ length: submitters }, () => this.#submitting()), this.#acting()]
  }

  /** Resolves when the last of them has had its answer. */
  async stop(): Promise<void> {
    this.#over = true
    await Promise.all(this.#all)
    await this.#options.access.insist('POST', '/queue/resume')
  }

  async #submitting(): Promise<void> {
    const { access, orders, dice } = this.#options
    while (!this.#over) {
      const queue = await access.insist('GET', '/queue')
      const { queued = 0 } = (queue.json.states ?? {}) as Record<string, number>
      const what = dice.next()
      if (queued > enough) await sleep(50)
      else if (what < 0.15) await this.#batch(Array.from({ length: dice.whole(2, 6) }, () => orders.make(true)))
      else if (what < 0.25) await this.#unkeyed(orders.make(false))
      else if (what < 0.35) await this.#deferred(orders.defer())
      else await this.#one(orders.make(true))
      await sleep(dice.between(0, 40))
    }
  }

  async #one(order: Order): Promise<void> {
    const { access } = this.#options
    const answer = await access.insist('POST', '/jobs', { body: order.input })
    if (this.#expect(answer, [202], 'a submit')) order.ids.add(String(answer.json.id))
  }

  async #deferred({ input, ids }: Order): Promise<void> {
    const { request, labels, idempotency_key: key = '' } = input
    const headers = { prefer: 'respond-async', 'idempotency-key': key, 'x-foreman-labels': `n=${labels.n}` }
    const answer = await this.#options.access.insist('POST', request.endpoint, { body: request.body, headers })
    if (this.#expect(answer, [202], 'a deferred call')) ids.add(String(answer.json.id))
  }

  async #unkeyed(order: Order): Promise<void> {
    const answer = await this.#options.access.call('POST', '/jobs', { body: order.input })
    if (answer && this.#expect(answer, [202], 'a submit')) order.ids.add(String(answer.json.id))
  }

  async #batch(batch: Order[]): Promise<void> {
    const answer = await this.#options.access.insist('POST', '/jobs/batch', {
      body: { jobs: batch.map(({ input }) => input) },
    })
    if (!this.#expect(answer, [202], 'a batch')) return
    const data = answer.json.data as Shown[]
    batch.forEach((order, i) => order.ids.add(data[i]!.id))
  }

  async #acting(): Promise<void> {
    const { access, dice } = this.#options
    const acts = [
      ...Array.from({ length: 3 }, () => () => this.#cancel()),
      ...Array.from({ length: 3 }, () => () => this.#retry()),
      () => this.#erase(),
      () => this.#pause(),
      () => this.#redeliver(),
    ]
    while (!this.#over) {
      await dice.pick(acts)()
      await sleep(dice.between(0, 100))
    }
    await access.insist('POST', '/queue/resume')
  }

  async #cancel(): Promise<void> {
    const shown = await this.#some('state=queued&state=loading&state=working')
    if (!shown) return
    const answer = await this.#options.access.insist('POST', `/jobs/${shown.id}/cancel`)
    this.#expect(answer, [200, 409], 'a cancel')
  }

  async #retry(): Promise<void> {
    const shown = await this.#some('state=failed&state=canceled')
    if (!shown) return
    const answer = await this.#options.access.insist('POST', `/jobs/${shown.id}/retry`)
    this.#expect(answer, [202, 409], 'a retry')
  }

  /** Nobody else changes a job that has ended, so its history is what it was when it is erased. */
  async #erase(): Promise<void> {
    const { access, orders } = this.#options
    const shown = await this.#some('state=done&state=failed&state=canceled')
    const order = orders.all[Number(shown?.labels.n)]
    if (!shown || !order) return
    const history = await access.insist('GET', `/jobs/${shown.id}/events`)
    if (!history.text.includes('event: end')) return
    const answer = await access.insist('DELETE', `/jobs/${shown.id}`)
    if (this.#expect(answer, [204, 410], 'a delete')) order.erased = statesIn(history.text)
  }

  /** Asks for something once more that was told, or is about to be. */
  async #redeliver(): Promise<void> {
    const { access, dice } = this.#options
    const shown = await this.#some('state=done&state=failed&state=canceled')
    if (!shown) return
    const owed = (await access.insist('GET', `/jobs/${shown.id}/deliveries`)).json.data as { id: string }[] | undefined
    if (!owed?.length) return
    const answer = await access.insist('POST', `/deliveries/${dice.pick(owed).id}/redeliver`)
    this.#expect(answer, [202], 'a redeliver')
  }

  async #pause(): Promise<void> {
    const { access, dice } = this.#options
    this.#expect(await access.insist('POST', '/queue/pause'), [200], 'a pause')
    await sleep(dice.between(0, 100))
    this.#expect(await access.insist('POST', '/queue/resume'), [200], 'a resume')
  }

  async #some(query: string): Promise<Shown | undefined> {
    const { access, dice } = this.#options
    const answer = await access.insist('GET', `/jobs?${query}&limit=20`)
    const data = answer.json.data as Shown[] | undefined
    return data?.length ? dice.pick(data) : undefined
  }

  #expect({ status, text }: Answer, expected: readonly number[], what: string): boolean {
    if (expected.includes(status)) return true
    this.#options.onWrong(`${what} was answered ${status}: ${text}`)
    return false
  }
}

/** The state events of a job's event stream. */
function statesIn(stream: string): { sequence: number; state: string }[] {
  return [...stream.matchAll(/^id: (\d+)-0\nevent: state\ndata: (.*)$/gm)].map(([, sequence, data = '']) => ({
    sequence: Number(sequence),
    state: (JSON.parse(data) as { state: string }).state,
  }))
}
