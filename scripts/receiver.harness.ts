// For tests of the receivers that docs/webhooks.md shows: a receiver as a process of its own, what is said to it, and what
// it makes of that; and a receiver that only keeps what it is told, as proof of what foreman sent.

import { spawn } from 'node:child_process'
import { on, once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { Webhook } from 'standardwebhooks'
import { freePort } from './demo/daemon.ts'
import { snippetsIn, textOf } from './page.harness.ts'

/** One call as it comes to a receiver. */
export interface Told {
  headers: Record<string, string>
  body: string
}

/** Where the page has the receivers of webhooks and of artifacts. */
export const ports = { webhooks: 9000, artifacts: 9001 }

/** The snippet of a language that listens on a port; the test fails where the page has none. */
export function receiverIn(language: string, port = ports.webhooks): string {
  const code = snippetsIn(textOf('docs', 'webhooks.md'), language).find((text) => text.includes(`${port}`))
  if (!code) throw new Error(`docs/webhooks.md shows no receiver in ${language} at ${port}`)
  return code
}

export interface ReceiverOptions {
  /** The program and its arguments, once its code has the port in it. */
  command: (port: number) => Promise<string[]>
  /** Where it runs, and leaves what it keeps. */
  folder: string
  secret: string
}

export class Receiver {
  readonly url: string
  #child
  #lines: AsyncIterator<string>

  private constructor(url: string, child: ReturnType<typeof spawn>) {
    this.url = url
    this.#child = child
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  }

  /** Resolves when it listens. */
  static async start({ command, folder, secret }: ReceiverOptions): Promise<Receiver> {
    const port = await freePort()
    const [program = '', ...args] = await command(port)
    const env = { ...process.env, WEBHOOK_SECRET: secret }
    const child = spawn(program, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] })
    const listens = () => {
      const socket = connect(port, '127.0.0.1')
      const heard = once(socket, 'connect').then(
        () => true,
        () => false,
      )
      return heard.finally(() => socket.destroy())
    }
    while (!(await listens())) {
      if (child.exitCode !== null) throw new Error(`${program} ended`)
      await setTimeout(25)
    }
    return new Receiver(`http://127.0.0.1:${port}/hook`, child)
  }

  /** The status that it answers. */
  async tell({ headers, body }: Told): Promise<number> {
    return (await fetch(this.url, { method: 'POST', headers, body })).status
  }

  /** The next line that it says when it works. */
  async works(): Promise<string> {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error('the receiver ended')
    return value
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return
    this.#child.kill()
    await once(this.#child, 'exit')
  }
}

/** A receiver that takes what it is told and keeps it as it came. */
export class Ear {
  readonly #server = createServer(async (request, answer) => {
    const body = await text(request)
    answer.writeHead(204).end()
    const headers = Object.entries(request.headers).filter(([name]) => name.startsWith('webhook-'))
    this.#server.emit('told', { headers: Object.fromEntries(headers), body })
  }).listen(0, '127.0.0.1')
  readonly #told = on(this.#server, 'told') as AsyncIterator<[Told]>

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`
  }

  /** The next call. */
  async hears(): Promise<Told> {
    return (await this.#told.next()).value[0] as Told
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

/** A call signed by the reference library, as foreman is to sign; `at` in milliseconds. */
export function signed(secret: string, id: string, data: object, at = Date.now()): Told {
  const body = JSON.stringify({ type: 'job.done', timestamp: new Date(at).toISOString(), data })
  const signature = new Webhook(secret).sign(id, new Date(at), body)
  const timestamp = String(Math.floor(at / 1000))
  return {
    headers: { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature },
    body,
  }
}
