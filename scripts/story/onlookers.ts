// Who looks at foreman all day: Prometheus, a chat client's window that asks what there is, somebody who reads the queue and
// its plan, and the one who writes down of every waiting job why it says it waits.

import type { Access } from '../storm/access.ts'
import type { Chronicle, Sample } from './chronicle.ts'
import type { Hours } from './hours.ts'

export interface OnlookersOptions {
  hours: Hours
  chronicle: Chronicle
  access: Access
  /** How much less often they look than they might. */
  leisure: number
}

interface Shown {
  id: string
  reason?: string
  request: { model: string }
}

const second = 1000
const minute = 60_000

export class Onlookers {
  readonly #options: OnlookersOptions
  /** Loads that draining avoided, by foreman's own count, in its lives before this one and in this one. */
  #avoided = { before: 0, now: 0 }

  constructor(options: OnlookersOptions) {
    this.#options = options
  }

  /** They look for ever. */
  start(): void {
    const { hours, leisure } = this.#options
    const every = (ms: number, look: () => Promise<void>) =>
      hours.meanwhile(
        (async () => {
          for (;;) {
            await hours.pause(ms * leisure)
            await look()
          }
        })(),
      )
    every(15 * second, () => this.#scrape())
    every(30 * second, () => this.#window())
    every(minute, () => this.#read('/queue'))
    every((2 * minute) / leisure, () => this.#sample())
    every(5 * minute, () => this.#read('/queue/plan'))
  }

  get avoided(): number {
    return this.#avoided.before + this.#avoided.now
  }

  async #scrape(): Promise<void> {
    const { chronicle, hours } = this.#options
    const text = await this.#get('/metrics', 'scrapes')
    if (text === undefined) return
    const figure = (name: string) => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1] ?? 0)
    chronicle.memory.push({ at: hours.now, bytes: figure('process_resident_memory_bytes') })
    const avoided = figure('foreman_model_loads_avoided_total')
    // It counts anew in each life.
    if (avoided < this.#avoided.now) this.#avoided.before += this.#avoided.now
    this.#avoided.now = avoided
  }

  async #window(): Promise<void> {
    for (const path of ['/api/tags', '/api/ps', '/v1/models']) await this.#get(path, 'passthrough of a window')
  }

  async #read(path: string): Promise<void> {
    await this.#get(path, 'looks at the queue')
  }

  async #sample(): Promise<void> {
    const { hours, chronicle } = this.#options
    const queue = await this.#get('/queue', 'looks at the queue')
    const waiting: Sample['waiting'][number][] = []
    let next: string | undefined
    do {
      const after: string = next === undefined ? '' : `&cursor=${encodeURIComponent(next)}`
      const page = await this.#get(`/jobs?state=queued&limit=200${after}`, 'lists of jobs')
      if (queue === undefined || page === undefined) return
      const { data, next_cursor } = JSON.parse(page) as { data: Shown[]; next_cursor?: string }
      for (const { id, reason, request } of data) waiting.push({ id, reason, model: request.model })
      next = next_cursor
    } while (next !== undefined)
    const { models } = JSON.parse(queue) as { models: { model: string; running: number }[] }
    const running = models.find((one) => one.running > 0)?.model
    chronicle.samples.push({ at: hours.now, waiting, running })
  }

  /** The text of a good answer. */
  async #get(path: string, what: string): Promise<string | undefined> {
    const { access, chronicle } = this.#options
    const answer = await access.call('GET', path)
    if (answer) chronicle.asked(what)
    return answer?.status === 200 ? answer.text : undefined
  }
}
