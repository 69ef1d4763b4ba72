// One storm: the target, the receivers and the callers, which live through all of it, around a foreman that does not.

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { startFake, type Fake } from '../../server/ollama/fake/fake.ts'
import { Dice } from '../simulate/dice.ts'
import { Access } from './access.ts'
import { Callers } from './callers.ts'
import { openOn, readDisk } from './disk.ts'
import { Orders } from './orders.ts'
import { Points, type Aim } from './points.ts'
import { Receivers } from './receivers.ts'
import { Troubles } from './troubles.ts'
import { verdict } from './verdict.ts'
import { Victim } from './victim.ts'

export interface StormOptions {
  /** Of foreman's data. */
  folder: string
  seed: number
  say: (line: string) => void
}

/** A life ends at random within this time of its start as a process, or of the moment from which it listens. */
const early_ms = 400
const life_ms = 800
/** How long a life may go on, once it listens, towards the point it is to die at. */
const aimed_ms = 2000
/** How long everything may take to come to its end. */
const drain_ms = 180_000
const token = 'token-of-the-storm'

export class Storm {
  /** What was wrong already while it went on. */
  readonly faults: string[] = []
  readonly #options: StormOptions
  readonly #dice: Dice
  readonly #fake: Fake
  readonly #receivers: Receivers
  readonly #orders: Orders
  readonly #callers: Callers
  readonly #troubles: Troubles
  readonly #access = new Access(token)
  readonly #points = new Points()
  readonly #settings: Record<string, string>
  #kills = { random: 0, aimed: 0 }
  #victim: Victim | undefined

  static async open(options: StormOptions): Promise<Storm> {
    const dice = new Dice(options.seed)
    const secret = `whsec_${randomBytes(32).toString('base64')}`
    const receivers = new Receivers(secret, dice)
    await receivers.listen()
    const models = ['alpha', 'beta', { name: 'embedder', capabilities: ['embedding' as const] }]
    const fake = await startFake({ models, loadMs: 20, tokenMs: 2 })
    return new Storm(options, dice, fake, receivers, secret)
  }

  private constructor(options: StormOptions, dice: Dice, fake: Fake, receivers: Receivers, secret: string) {
    this.#options = options
    this.#dice = dice
    this.#fake = fake
    this.#receivers = receivers
    this.#orders = new Orders(dice, receivers.urls, (order) => receivers.uploadUrl(order))
    const onWrong = (what: string) => void this.faults.push(what)
    this.#callers = new Callers({ access: this.#access, orders: this.#orders, dice, onWrong })
    this.#troubles = new Troubles(fake, dice)
    this.#settings = {
      TARGET: fake.url,
      DATA: options.folder,
      LISTEN: '127.0.0.1:0',
      TOKEN: token,
      WEBHOOK_SECRET: secret,
      WEBHOOK_URL: receivers.urls[0]!,
      WEBHOOK_ALLOW: '127.0.0.0/8',
      // In the child's time, which is twenty times as fast.
      JOB_TIMEOUT: '15s',
    }
  }

  /** Kills foreman so often. */
  async rage(kills: number): Promise<void> {
    this.#callers.start()
    this.#troubles.start()
    for (let i = 1; i <= kills; i++) {
      const aim = i % 3 === 0 ? undefined : this.#points.next(this.#dice)
      const victim = this.#start(aim)
      let over = false
      void victim.ended.then(() => (over = true))
      const early = !aim && this.#dice.next() < 0.25
      const within = aim ? aimed_ms : this.#dice.between(0, early ? early_ms : life_ms)
      if (!early) await victim.listening
      await Promise.race([victim.ended, sleep(within)])
      const died = over
      const { code, signal } = await victim.end('SIGKILL')
      if (signal !== 'SIGKILL') this.faults.push(`foreman ended by itself with ${code ?? signal}`)
      if (died && aim) this.#points.died(aim)
      this.#kills[died ? 'aimed' : 'random']++
      if (i % 100 === 0)
        this.#options.say(`${i} kills, ${this.#orders.all.length} orders, ${this.#receivers.receipts.length} webhooks`)
    }
  }

  /** Lets everything come to its end, and foreman stop as it should. Throws when that takes too long. */
  async drain(): Promise<void> {
    await this.#troubles.stop()
    this.#receivers.calm()
    const victim = this.#start()
    await this.#callers.stop()
    const end = performance.now() + drain_ms
    for (;;) {
      const open = openOn(this.#options.folder)
      if (open.jobs + open.deliveries === 0) break
      if (performance.now() > end) throw new Error(`not over in time: ${open.jobs} jobs, ${open.deliveries} deliveries`)
      await sleep(200)
    }
    const { code, signal } = await victim.end('SIGTERM')
    if (code !== 0) this.faults.push(`foreman ended with ${code ?? signal} when it was asked to stop`)
  }

  async close(): Promise<void> {
    await this.#victim?.end('SIGKILL')
    this.#receivers.close()
    await this.#fake.close()
  }

  /** Everything that is not as it must be. */
  judge(): string[] {
    const { receipts, uploads } = this.#receivers
    return [
      ...this.faults,
      ...verdict({ orders: this.#orders.all, receipts, uploads, disk: readDisk(this.#options.folder) }),
    ]
  }

  summary(): string[] {
    const { receipts, uploads, refused } = this.#receivers
    const disk = readDisk(this.#options.folder)
    const { known, reached } = this.#points.counts
    const states = Map.groupBy(disk.jobs, ({ state }) => state)
    const ended = [...states].map(([state, jobs]) => `${jobs.length} ${state}`).join(', ')
    const acknowledged = this.#orders.all.filter(({ ids }) => ids.size > 0).length
    const erased = this.#orders.all.filter(({ erased }) => erased).length
    const events = new Set(receipts.map(({ id }) => id)).size
    return [
      `killed at random ${this.#kills.random} times, at a point of a commit ${this.#kills.aimed} times, at ${reached} of ${known} points,`,
      `  before/inside/after: ${this.#points.deaths.join(', ')}`,
      `jobs: ${acknowledged} acknowledged; ${ended}; ${erased} erased`,
      `webhooks: ${events} events told in ${receipts.length} requests, ${uploads.length} artifacts put, ${refused} refused on purpose`,
    ]
  }

  #start(aim?: Aim): Victim {
    const victim = new Victim({
      settings: this.#settings,
      aim,
      onListening: (url) => (this.#access.url = url),
      onPassed: (point) => this.#points.passed(point),
      onError: (line) => void this.faults.push(`foreman's log: ${line}`),
    })
    void victim.ended.then(() => (this.#access.url = undefined))
    this.#victim = victim
    return victim
  }
}
