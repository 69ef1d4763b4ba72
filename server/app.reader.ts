// For tests of the whole: one reader of an event stream or of lines, who notes what came and how it ended, stops reading
// or leaves when a test says so. No part of the running foreman.

import { request, type ClientRequest, type IncomingMessage } from 'node:http'
import { afterwards } from './app.stage.ts'
import type { Job } from './job/schema.ts'

export interface Told {
  id: string
  event: string
  data: string
}

export class Reader {
  /** Everything as it came. */
  text = ''
  /** `end`: the server said that this is all; `cut`: it did not. Undefined while it goes on. */
  outcome: 'end' | 'cut' | undefined
  readonly ended: Promise<'end' | 'cut'>
  readonly answer: IncomingMessage
  #request: ClientRequest
  #hear = () => {}

  /** Resolves once the head of the answer is there. */
  static async open(url: string, headers: Record<string, string> = {}): Promise<Reader> {
    const asked = request(url, { headers, agent: false }).end()
    const answer = await new Promise<IncomingMessage>((resolve, reject) =>
      asked.on('response', resolve).on('error', reject),
    )
    const reader = new Reader(asked, answer)
    afterwards(async () => reader.leave())
    return reader
  }

  private constructor(asked: ClientRequest, answer: IncomingMessage) {
    this.#request = asked
    this.answer = answer
    answer.setEncoding('utf8').on('data', (part: string) => {
      this.text += part
      this.#hear()
    })
    this.ended = new Promise((resolve) => {
      const over = (outcome: 'end' | 'cut') => {
        this.outcome ??= outcome
        this.#hear()
        resolve(this.outcome)
      }
      answer.on('end', () => over('end')).on('error', () => over('cut'))
    })
  }

  /** Events that have come whole, comments and ids without an event left out. */
  get events(): Told[] {
    const blocks = this.text.split('\n\n').slice(0, -1)
    return blocks.map(parse).filter(({ data }) => data !== '')
  }

  /** The id that a browser would send. */
  get lastId(): string {
    const blocks = this.text.split('\n\n').slice(0, -1)
    return blocks.map(parse).findLast(({ id }) => id !== '')?.id ?? ''
  }

  /** The states that were told of, and the other events by their names. */
  get names(): string[] {
    return this.events.map(({ event, data }) => (event === 'state' ? (JSON.parse(data) as Job).state : event))
  }

  get outputs(): string[] {
    return this.events.filter(({ event }) => event === 'output').map(({ data }) => data)
  }

  /** Resolves as soon as it holds. Throws when the stream ends before. */
  async until(holds: (reader: this) => boolean): Promise<void> {
    while (!holds(this)) {
      if (this.outcome) throw new Error(`it ended (${this.outcome}) with ${this.text.slice(-500)}`)
      await new Promise<void>((resolve) => (this.#hear = resolve))
    }
  }

  /** Resolves when an event of this name, or a state, was told so many times. */
  told(name: string, times = 1): Promise<void> {
    return this.until(({ names }) => names.filter((one) => one === name).length >= times)
  }

  /** Stops taking anything. */
  stall(): void {
    this.answer.pause()
  }

  leave(): void {
    this.#request.destroy()
  }
}

function parse(block: string): Told {
  const told: Told = { id: '', event: '', data: '' }
  const data: string[] = []
  for (const line of block.split('\n')) {
    const [, name = '', value = ''] = /^(\w*): ?(.*)$/.exec(line) ?? []
    if (name === 'data') data.push(value)
    else if (name === 'id' || name === 'event') told[name] = value
  }
  return { ...told, data: data.join('\n') }
}
