// Those who are told: receivers of webhooks and of artifacts, each with a mood of its own, which write down all that
// reaches them whole. None of them refuses one delivery for ever, so that the schedule of tries can end within the storm.

import { hash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'
import type { Dice } from '../simulate/dice.ts'

/** One webhook that arrived whole. */
export interface Receipt {
  id: string
  job: string
  /** The state it tells of. */
  state: string
  sequence: number
  timestamp: string
  /** SHA-256 of the bytes. */
  digest: string
  /** Whether the answer was 2xx. */
  accepted: boolean
  /** What was wrong with the request itself, if anything. */
  wrong?: string
}

/** One artifact that arrived whole. */
export interface Upload {
  /** The order it belongs to, and its name. */
  order: number
  name: string
  sha256: string
  accepted: boolean
  wrong?: string
}

/** Deliveries that one receiver refuses before it takes one: the third try is half a minute later, the fourth two. */
const refusals = 2

const moods = ['steady', 'moody', 'dawdling'] as const

export class Receivers {
  readonly receipts: Receipt[] = []
  readonly uploads: Upload[] = []
  /** Refused or cut on purpose. */
  refused = 0
  #webhook: Webhook
  #dice: Dice
  #calm = false
  #refusals = new Map<string, number>()
  #servers: Server[] = []
  #ports: number[] = []

  constructor(secret: string, dice: Dice) {
    this.#webhook = new Webhook(secret)
    this.#dice = dice
  }

  async listen(): Promise<void> {
    for (const mood of moods) this.#ports.push(await this.#open((req, res) => this.#told(mood, req, res)))
    this.#ports.push(await this.#open((req, res) => this.#handed(req, res)))
  }

  /** Addresses of the receivers of webhooks. */
  get urls(): string[] {
    return moods.map((mood, i) => `http://127.0.0.1:${this.#ports[i]}/${mood}`)
  }

  /** Where the artifacts of an order are put. */
  uploadUrl(order: number): string {
    return `http://127.0.0.1:${this.#ports.at(-1)}/${order}/{name}`
  }

  /** From now on everything is taken. */
  calm(): void {
    this.#calm = true
  }

  close(): void {
    for (const server of this.#servers) {
      server.close()
      server.closeAllConnections()
    }
  }

  async #open(handle: (req: IncomingMessage, res: ServerResponse) => Promise<void>): Promise<number> {
    const server = createServer((req, res) => void handle(req, res).catch(() => res.destroy()))
    this.#servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return (server.address() as AddressInfo).port
  }

  async #told(mood: (typeof moods)[number], req: IncomingMessage, res: ServerResponse): Promise<void> {
    const body = await buffer(req)
    const receipt = this.#read(req, body)
    this.receipts.push(receipt)
    const refuses = mood !== 'steady' && this.#refuses(receipt.id)
    if (mood === 'dawdling' && this.#dice.next() < 0.5)
      await new Promise((resolve) => setTimeout(resolve, this.#dice.between(0, 200)))
    receipt.accepted = this.#answer(res, refuses)
  }

  async #handed(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const [, order = '', name = ''] = (req.url ?? '').split('/')
    const refuses = this.#refuses(`${order}/${name}`)
    // Cut while it is sent: nothing has arrived.
    if (refuses && this.#dice.next() < 0.3) return void req.destroy()
    const bytes = await buffer(req)
    const upload: Upload = {
      order: Number(order),
      name: decodeURIComponent(name),
      sha256: hash('sha256', bytes, 'hex'),
      accepted: false,
    }
    const { 'content-digest': digest, 'content-length': length, 'content-type': type } = req.headers
    const expected = `sha-256=:${hash('sha256', bytes, 'base64')}:`
    if (req.method !== 'PUT' || digest !== expected || Number(length) !== bytes.length || !type)
      upload.wrong = `${req.method} with digest ${digest}, length ${length}, type ${type} for ${bytes.length} bytes of ${expected}`
    this.uploads.push(upload)
    upload.accepted = this.#answer(res, refuses)
  }

  #read(req: IncomingMessage, body: Buffer): Receipt {
    const receipt: Receipt = {
      id: String(req.headers['webhook-id']),
      job: '',
      state: '',
      sequence: 0,
      timestamp: '',
      digest: hash('sha256', body, 'hex'),
      accepted: false,
    }
    try {
      const told = this.#webhook.verify(body, req.headers as Record<string, string>) as {
        type: string
        timestamp: string
        data: { id: string; state: string; sequence: number }
      }
      const { id, state, sequence } = told.data
      Object.assign(receipt, { job: id, state, sequence, timestamp: told.timestamp })
      if (told.type !== `job.${state}`) receipt.wrong = `${told.type} of a job that is ${state}`
    } catch (error) {
      receipt.wrong = (error as Error).message
    }
    return receipt
  }

  #refuses(what: string): boolean {
    const before = this.#refusals.get(what) ?? 0
    if (this.#calm || before >= refusals || this.#dice.next() < 0.7) return false
    this.#refusals.set(what, before + 1)
    this.refused++
    return true
  }

  /** Answers, and says whether that was yes. */
  #answer(res: ServerResponse, refuses: boolean): boolean {
    if (!refuses) {
      res.writeHead(this.#dice.pick([200, 202, 204])).end()
      return true
    }
    switch (this.#dice.whole(0, 3)) {
      case 0:
        res.destroy()
        break
      case 1:
        res.writeHead(503, { 'retry-after': '1' }).end('busy')
        break
      case 2:
        // Half an answer.
        res.writeHead(500, { 'content-length': '100' })
        res.write('no', () => res.destroy())
        break
      default:
        res.writeHead(500).end('no')
    }
    return false
  }
}
