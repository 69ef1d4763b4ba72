// The Mac with the GPU: a simulated Ollama whose work takes time of the story, on a machine that falls asleep when nothing
// is asked of it for a while, and wakes some seconds after a Wake-on-LAN packet, unless its lid is shut.

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { startFake, type Fake } from '../../server/ollama/fake/fake.ts'
import type { Dice } from '../simulate/dice.ts'
import type { Chronicle, Work } from './chronicle.ts'
import type { Hours } from './hours.ts'

export const models = ['llama3.2:3b', 'qwen3:4b', 'gemma3:1b'] as const

/** The longest of each, in milliseconds: what the longest wait of a person is reckoned from. */
export const longest = { job: 40_000, load: 25_000, wake: 15_000 }

const minute = 60_000
const idle_ms = 20 * minute

export class Mac {
  readonly #hours: Hours
  readonly #chronicle: Chronicle
  readonly #dice: Dice
  readonly #socket = createSocket('udp4')
  #fake: Fake | undefined
  #lidShut = false
  /** Ends the cause that the target is away for. */
  #back: ((at: number) => void) | undefined
  #waking = false
  #busyAt: number

  constructor(hours: Hours, chronicle: Chronicle, dice: Dice) {
    this.#hours = hours
    this.#chronicle = chronicle
    this.#dice = dice
    this.#busyAt = hours.now
  }

  async start(): Promise<void> {
    const dice = this.#dice
    this.#socket.on('message', () => this.#heard())
    this.#socket.bind(0, '127.0.0.1')
    await once(this.#socket, 'listening')
    this.#fake = await startFake({
      models: [...models],
      clock: this.#hours.clock,
      tokens: 40,
      loadMs: (model) => this.#work('load', model, model, dice.between(0.6, 1) * longest.load),
      promptMs: (text) => {
        const [label = '', what] = /(summary|question) \d+/.exec(text) ?? []
        const job = what === 'summary'
        const ms = job ? dice.between(0.4, 1) * longest.job : dice.between(2_000, 6_000)
        return this.#work(job ? 'job' : 'person', this.fake.served.at(-1)!, label, ms)
      },
    })
    this.#doze()
  }

  get fake(): Fake {
    return this.#fake!
  }

  /** Where it listens for packets. */
  get port(): number {
    return this.#socket.address().port
  }

  get asleep(): boolean {
    return this.#back !== undefined
  }

  sleep(): void {
    if (this.asleep) return
    this.fake.sleep()
    this.#back = this.#chronicle.begin('asleep', this.#hours.now)
  }

  wake(): void {
    if (!this.#back) return
    this.#back(this.#hours.now)
    this.#back = undefined
    this.#busyAt = this.#hours.now
    this.fake.wake()
  }

  /** Sleeps, in the middle of whatever it does, and hears no packet. */
  shut(): void {
    this.#lidShut = true
    this.sleep()
  }

  open(): void {
    this.#lidShut = false
    this.wake()
  }

  /** Ollama quits for so long. */
  async restart(ms: number): Promise<void> {
    this.wake()
    const back = this.#chronicle.begin('down', this.#hours.now)
    await this.fake.refuse()
    await this.#hours.pause(ms)
    await this.fake.listen()
    back(this.#hours.now)
    this.#busyAt = this.#hours.now
  }

  async close(): Promise<void> {
    this.#socket.close()
    await this.#fake?.close()
  }

  #heard(): void {
    this.#chronicle.packets.push(this.#hours.now)
    if (!this.asleep || this.#lidShut || this.#waking) return
    this.#waking = true
    void this.#hours.pause(longest.wake).then(() => {
      this.#waking = false
      if (!this.#lidShut) this.wake()
    })
  }

  #work(what: Work['what'], model: string, label: string, ms: number): Promise<void> {
    const one: Work = { what, model, label, from: this.#hours.now, to: Infinity }
    this.#chronicle.works.push(one)
    return this.#hours.pause(ms).then(() => void (one.to = this.#hours.now))
  }

  /** Falls asleep by itself. */
  #doze(): void {
    const { clock, now } = this.#hours
    const works = this.#chronicle.works
    if (this.fake.inFlight > 0) this.#busyAt = now
    else this.#busyAt = Math.max(this.#busyAt, ...works.slice(-1).map(({ to }) => (to === Infinity ? now : to)))
    if (now - this.#busyAt >= idle_ms) this.sleep()
    clock.at(clock.now() + minute, () => this.#doze())
  }
}
