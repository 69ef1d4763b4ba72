// A child process of the benchmark: started with the witness in it, asked by name, ended. What a child does is its own
// file; nothing is measured here.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Message } from './answers.ts'
import type { Usage } from './witness.ts'

export interface ChildOptions {
  /** Flags of Node itself. */
  flags?: readonly string[]
  /** FOREMAN_* variables; those of the caller's environment are never passed on. */
  settings?: Readonly<Record<string, string>>
  /** Arguments of its own. */
  args?: readonly string[]
  /** A command that runs the child, such as a tracer. */
  under?: readonly string[]
  /** Folder that gets a processor profile when the child ends. */
  profile?: string
}

const witness = join(import.meta.dirname, 'witness.ts')
const root = join(import.meta.dirname, '..', '..')
const endsWithin_ms = 5_000

export class Child {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>()
  #asked = 0
  #said = ''
  /** Where it listens; 0 until it has said so. */
  port = 0

  /** `file` from the root of the project, with `/`. */
  constructor(file: string, { settings = {}, args = [], under = [], flags = [], profile }: ChildOptions = {}) {
    const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('FOREMAN_'))
    const prof = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
    const node = [process.execPath, ...flags, ...prof, '--import', witness, join(root, file), ...args]
    const [command, ...rest] = [...under, ...node] as [string, ...string[]]
    this.#process = spawn(command, rest, {
      env: { ...Object.fromEntries(kept), NODE_ENV: 'production', ...settings },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
    })
    this.#process.stderr?.on('data', (bytes: Buffer) => (this.#said = (this.#said + bytes.toString()).slice(-4_000)))
    this.#process.on('message', (message) => this.#hear(message as Message))
    this.#process.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${file} ended: ${this.#said}`))
      this.#waiting.clear()
    })
  }

  /** Resolves when it has told its port. */
  async listening(): Promise<this> {
    await this.ask('usage')
    while (this.port === 0 && this.#process.exitCode === null) await once(this.#process, 'message')
    return this
  }

  /** Asks and waits, `within_ms` at most; an error over there is one here. */
  ask<T>(ask: string, input: unknown = null, within_ms = 60_000): Promise<T> {
    const id = ++this.#asked
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer to "${ask}" in ${within_ms} ms`)), within_ms)
      const settle =
        <V>(how: (value: V) => void) =>
        (value: V) => {
          clearTimeout(timer)
          this.#waiting.delete(id)
          how(value)
        }
      this.#waiting.set(id, { resolve: settle(resolve), reject: settle(reject) })
      if (this.running) this.#process.send({ id, ask, input })
      else this.#waiting.get(id)?.reject(new Error(`it has ended: ${this.#said}`))
    })
  }

  usage(): Promise<Usage> {
    return this.ask('usage')
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null && this.#process.connected
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const ended = once(this.#process, 'exit')
    const kill = setTimeout(() => this.#process.kill('SIGKILL'), endsWithin_ms)
    this.ask('exit').catch(() => undefined)
    await ended
    clearTimeout(kill)
  }

  #hear(message: Message): void {
    if ('ready' in message) this.port = message.ready
    else if ('error' in message) this.#waiting.get(message.id)?.reject(new Error(message.error))
    else this.#waiting.get(message.id)?.resolve(message.value as never)
  }
}
