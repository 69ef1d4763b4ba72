// foreman as a child process of the demonstration: started on a given port and folder, killed and started again.

import { spawn, type ChildProcess } from 'node:child_process'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'

export interface DaemonOptions {
  target: string
  port: number
  folder: string
  /** Further settings, by their whole names. */
  settings?: Record<string, string>
}

const main = join(import.meta.dirname, '..', '..', 'server', 'main.ts')

export class Daemon {
  readonly url: string
  #options: DaemonOptions
  #child: ChildProcess | undefined
  #said = ''

  constructor(options: DaemonOptions) {
    this.#options = options
    this.url = `http://127.0.0.1:${options.port}`
  }

  /** Resolves when it answers. Its own settings only: nothing of the caller's environment is taken for foreman's. */
  async start(): Promise<void> {
    const { target, port, folder, settings } = this.#options
    const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('FOREMAN_'))
    const env = {
      ...Object.fromEntries(kept),
      FOREMAN_TARGET: target,
      // The person chats once: her model is not left alone for a minute after it.
      FOREMAN_HOLD: '1s',
      FOREMAN_LISTEN: `127.0.0.1:${port}`,
      FOREMAN_DATA: folder,
      ...settings,
    }
    const child = spawn(process.execPath, [main], { env, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    const hear = (bytes: Buffer) => (this.#said = (this.#said + bytes.toString()).slice(-4000))
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    for (let tries = 0; child.exitCode === null && tries < 400; tries++) {
      const answer = await fetch(`${this.url}/readyz`).catch(() => undefined)
      if (answer?.ok) return
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    throw new Error(`foreman did not start: ${this.#said}`)
  }

  /** One figure of its metrics page; 0 when it isn't there. */
  async figure(name: string): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text()
    return Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1] ?? 0)
  }

  /** Model loads since it started, by its own count. */
  loads(): Promise<number> {
    return this.figure('foreman_model_loads_total')
  }

  /** SIGKILL: no chance to tidy up. */
  kill(): Promise<void> {
    return this.#end('SIGKILL')
  }

  stop(): Promise<void> {
    return this.#end('SIGTERM')
  }

  #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
    return new Promise((resolve) => {
      child.once('exit', () => resolve())
      child.kill(signal)
    })
  }
}

/** A port nobody listens on at this moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
