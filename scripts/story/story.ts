// The world of one day: the Mac, the receiver, programs, people and onlookers, around a foreman that is started anew now and
// then. What happens when stands in day.ts.

import { randomBytes } from 'node:crypto'
import { Foreman } from 'foreman-client'
import { freePort } from '../demo/daemon.ts'
import { Dice } from '../simulate/dice.ts'
import { Access } from '../storm/access.ts'
import { openOn } from '../storm/disk.ts'
import { readBooks } from './books.ts'
import { Chronicle } from './chronicle.ts'
import { Hours } from './hours.ts'
import { Life, type Line } from './life.ts'
import { Mac } from './mac.ts'
import { Onlookers } from './onlookers.ts'
import { People } from './people.ts'
import { Programs } from './programs.ts'
import { Receiver } from './receiver.ts'
import type { Evidence } from './verdict.ts'

export interface StoryOptions {
  /** Of foreman's data. */
  folder: string
  seed: number
  /** Epoch milliseconds of its beginning. */
  wall: number
  /** How much less often onlookers look than they might. */
  leisure: number
}

const token = 'token-of-the-story'
const minute = 60_000
/** What is left at the end of the day is done by then. */
const late_ms = 180 * minute
/** From foreman's end to its next start. */
const restart_ms = 2_000

export class Story {
  readonly hours: Hours
  readonly chronicle = new Chronicle()
  readonly mac: Mac
  readonly receiver: Receiver
  readonly programs: Programs
  readonly people: People
  readonly #access = new Access(token)
  readonly #onlookers: Onlookers
  readonly #folder: string
  readonly #settings: Record<string, string>
  #life: Life | undefined
  #listening: ((line: Line) => void) | undefined

  static async open(options: StoryOptions): Promise<Story> {
    return new Story(options, await freePort())
  }

  private constructor({ folder, seed, wall, leisure }: StoryOptions, port: number) {
    const hours = new Hours(wall)
    const dice = new Dice(seed)
    const secret = `whsec_${randomBytes(32).toString('base64')}`
    const access = this.#access
    const { chronicle } = this
    this.hours = hours
    this.#folder = folder
    this.#access.url = `http://127.0.0.1:${port}`
    this.mac = new Mac(hours, chronicle, dice)
    this.receiver = new Receiver(hours, chronicle, dice, secret)
    const client = new Foreman({ url: this.#access.url, token })
    this.programs = new Programs({ hours, chronicle, dice, access, client, receiver: this.receiver })
    this.people = new People({ hours, chronicle, dice, access })
    this.#onlookers = new Onlookers({ hours, chronicle, access, leisure })
    this.#settings = {
      DATA: folder,
      LISTEN: `127.0.0.1:${port}`,
      TOKEN: token,
      WEBHOOK_SECRET: secret,
      WEBHOOK_ALLOW: '127.0.0.0/8',
      WAKE_MAC: 'aa:bb:cc:00:01:02',
      WAKE_BROADCAST: '127.0.0.1',
    }
  }

  /** Everybody is there and foreman listens, at the first moment of the day. */
  async begin(): Promise<void> {
    await this.receiver.listen()
    await this.mac.start()
    Object.assign(this.#settings, { TARGET: this.mac.fake.url, WEBHOOK_URL: this.receiver.url })
    this.hours.silent = () => this.mac.asleep
    this.mac.sleep()
    this.hours.meanwhile(this.#start())
    this.#onlookers.start()
  }

  /** SIGTERM, and another process in its place. */
  async redeploy(): Promise<void> {
    const { code, signal } = await this.#restart('SIGTERM')
    if (code !== 0) this.chronicle.wrong.push(`foreman ended with ${code ?? signal} when it was asked to stop`)
  }

  /** SIGKILL, and another process in its place. */
  async kill(): Promise<void> {
    this.chronicle.kills.push(this.hours.now)
    await this.#restart('SIGKILL')
  }

  /** The disk is full for so long. */
  async fill(ms: number): Promise<void> {
    const over = this.chronicle.begin('full', this.hours.now)
    this.#life!.fill(true)
    await this.hours.pause(ms)
    this.#life!.fill(false)
    over(this.hours.now)
  }

  /** Somebody pauses the queue for so long. */
  async pause(ms: number): Promise<void> {
    const over = this.chronicle.begin('paused', this.hours.now)
    await this.#access.call('POST', '/queue/pause')
    await this.hours.pause(ms)
    await this.#access.call('POST', '/queue/resume')
    over(this.hours.now)
  }

  /** Ollama has no room for the next requests of jobs: each of them waits in its backoff. */
  refuse(times: number): void {
    const over = this.chronicle.begin('busy', this.hours.now)
    this.mac.fake.fault({ do: 'busy', times, when: ({ purpose }) => purpose === 'work' })
    void this.hours.pause(15 * minute).then(() => over(this.hours.now))
  }

  /** A job is at work. */
  working(): Promise<void> {
    return this.mac.fake.until(() => this.mac.fake.ledger.running > 0)
  }

  /** Lets everything come to its end, and foreman stop as it should. */
  async end(): Promise<Evidence> {
    const { hours, chronicle } = this
    for (const end = hours.now + late_ms; ;) {
      const next = hours.now + minute
      await hours.pass(() => hours.now >= next)
      const { jobs, deliveries } = openOn(this.#folder)
      if (jobs + deliveries === 0) break
      if (hours.now < end) continue
      chronicle.wrong.push(`not over in time: ${jobs} jobs, ${deliveries} deliveries`)
      break
    }
    const ended = await this.#stopped()
    if (ended.code !== 0) chronicle.wrong.push(`foreman ended with ${ended.code ?? ended.signal} at the end`)
    return { chronicle, books: readBooks(this.#folder), avoided: this.#onlookers.avoided }
  }

  async close(): Promise<void> {
    await this.#life?.end('SIGKILL')
    this.receiver.close()
    await this.mac.close()
  }

  async #restart(signal: 'SIGTERM' | 'SIGKILL') {
    const back = this.chronicle.begin('gone', this.hours.now)
    const ended = await this.#life!.end(signal)
    await this.hours.pause(restart_ms)
    await this.#start()
    back(this.hours.now)
    return ended
  }

  /** Time goes on while it stops. */
  async #stopped() {
    let ended: Awaited<Life['ended']> | undefined
    void this.#life!.end('SIGTERM').then((end) => (ended = end))
    await this.hours.pass(() => ended !== undefined)
    return ended!
  }

  #start(): Promise<void> {
    const { hours, chronicle } = this
    const life = new Life({
      settings: this.#settings,
      wall: hours.now,
      wakePort: this.mac.port,
      onLine: (line) => {
        chronicle.log.push(line)
        this.#listening?.(line)
      },
      onError: (text) => chronicle.wrong.push(`foreman said: ${text}`),
    })
    this.#life = life
    hours.companion = life
    return new Promise((resolve, reject) => {
      this.#listening = ({ msg }) => msg.startsWith('listening on ') && resolve()
      void life.ended.then(({ code, signal }) => reject(new Error(`foreman ended by itself: ${code ?? signal}`)))
    })
  }
}
