// Who is told and handed everything: one server that verifies what comes by the time of the story, refuses a few of it for
// once, and is out now and then. Writes down all that reaches it whole.

import { hash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'
import type { Dice } from '../simulate/dice.ts'
import type { Chronicle, Told } from './chronicle.ts'
import type { Hours } from './hours.ts'

/** As the libraries have it. */
const tolerance_ms = 300_000
const refusedShare = 0.03

export class Receiver {
  readonly #hours: Hours
  readonly #chronicle: Chronicle
  readonly #dice: Dice
  readonly #webhook: Webhook
  readonly #refused = new Set<string>()
  #server: Server | undefined
  #port = 0

  constructor(hours: Hours, chronicle: Chronicle, dice: Dice, secret: string) {
    this.#hours = hours
    this.#chronicle = chronicle
    this.#dice = dice
    this.#webhook = new Webhook(secret)
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hook`
  }

  /** Where the artifacts of an errand are put. */
  uploadUrl(n: number): string {
    return `http://127.0.0.1:${this.#port}/put/${n}/{name}`
  }

  /** What was refused for once. */
  get refused(): number {
    return this.#refused.size
  }

  async listen(): Promise<void> {
    const server = createServer((req, res) => void this.#take(req, res).catch(() => res.destroy()))
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
  }

  close(): void {
    this.#server?.close()
    this.#server?.closeAllConnections()
  }

  /** Nobody listens there for so long. */
  async out(ms: number): Promise<void> {
    const back = this.#chronicle.begin('out', this.#hours.now)
    this.close()
    await this.#hours.pause(ms)
    await this.listen()
    back(this.#hours.now)
  }

  async #take(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const body = await buffer(req)
    const [, kind = '', n = '', name = ''] = (req.url ?? '').split('/')
    const one = kind === 'put' ? this.#handed(req, body, Number(n), decodeURIComponent(name)) : this.#told(req, body)
    const which = 'id' in one ? one.id : `${n}/${name}`
    one.accepted = this.#refused.has(which) || this.#dice.next() >= refusedShare
    if (!one.accepted) this.#refused.add(which)
    res.writeHead(one.accepted ? 204 : 503).end()
  }

  #handed(req: IncomingMessage, body: Buffer, order: number, name: string) {
    const { 'content-digest': digest } = req.headers
    const sha256 = hash('sha256', body, 'hex')
    const right = req.method === 'PUT' && digest === `sha-256=:${hash('sha256', body, 'base64')}:`
    const upload = { order, name, sha256, accepted: false, ...(right ? {} : { wrong: `${req.method} of ${digest}` }) }
    this.#chronicle.uploads.push(upload)
    return upload
  }

  #told({ headers }: IncomingMessage, body: Buffer): Told {
    const id = String(headers['webhook-id'])
    const told: Told = {
      id,
      job: '',
      state: '',
      sequence: 0,
      timestamp: '',
      digest: hash('sha256', body, 'hex'),
      accepted: false,
      at: this.#hours.now,
    }
    const sent = Number(headers['webhook-timestamp']) * 1000
    const signature = this.#webhook.sign(id, new Date(sent), body.toString())
    // The library's own `verify` goes by the clock of this machine.
    if (headers['webhook-signature'] !== signature) told.wrong = `${id} is not signed`
    else if (Math.abs(sent - told.at) > tolerance_ms) told.wrong = `${id} was sent at ${headers['webhook-timestamp']}`
    const { type, timestamp, data } = JSON.parse(body.toString()) as Body
    Object.assign(told, { job: data.id, state: data.state, sequence: data.sequence, timestamp })
    if (type !== `job.${data.state}`) told.wrong = `${type} of a job that is ${data.state}`
    this.#chronicle.receipts.push(told)
    return told
  }
}

interface Body {
  type: string
  timestamp: string
  data: { id: string; state: string; sequence: number }
}
