// For tests: foreman as a process of its own, the real one or the one that dies on purpose, watched from outside. No
// part of the running foreman.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export interface Outside {
  /** Settings by their names without `FOREMAN_`. */
  settings?: Record<string, string>
  args?: string[]
  /** Working directory, where .env and ./data would be. */
  cwd?: string
  /** Largest file it may write, in blocks of 512 bytes: beyond it the disk is full. */
  fileBlocks?: number
}

/** How a process ended. */
export interface End {
  code: number | null
  signal: NodeJS.Signals | null
}

/** A running process: what it said, and how it ended. */
export class Process {
  readonly child: ChildProcess
  out = ''
  err = ''
  readonly ended: Promise<End>
  #hear = () => {}
  #over = false

  /** Starts a program of server/ with the Node of this test. It is killed when the test is over. */
  constructor(program: 'main.ts' | 'app.child.ts', { settings = {}, args = [], cwd, fileBlocks }: Outside) {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FOREMAN_')))
    for (const [name, value] of Object.entries(settings)) env[`FOREMAN_${name}`] = value
    env.NODE_COMPILE_CACHE = join(import.meta.dirname, '..', 'node_modules', '.cache', 'compiled')
    const command = [process.execPath, join(import.meta.dirname, program), ...args]
    const limited = ['/bin/sh', '-c', `ulimit -f ${fileBlocks ?? 0} && exec "$@"`, 'sh', ...command]
    const [file = '', ...rest] = fileBlocks === undefined ? command : limited
    this.child = spawn(file, rest, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout?.on('data', (part: Buffer) => {
      this.out += part.toString()
      this.#hear()
    })
    this.child.stderr?.on('data', (part: Buffer) => {
      this.err += part.toString()
      this.#hear()
    })
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      this.#over = true
      this.#hear()
      return { code, signal } as End
    })
    onTestFinished(async () => {
      this.child.kill('SIGKILL')
      await this.ended
    })
  }

  /** What matches in its output, as soon as it does. Throws when the process ends without. */
  async said(wanted: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = wanted.exec(this.out)
      if (match) return match
      if (this.#over) throw new Error(`it ended without ${String(wanted)}: ${this.out}${this.err}`)
      await new Promise<void>((resolve) => (this.#hear = resolve))
    }
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<End> {
    this.child.kill(signal)
    return this.ended
  }
}

/** The real daemon, listening on a free port unless told otherwise. */
export async function startMain(outside: Outside): Promise<{ process: Process; url: string }> {
  const process = new Process('main.ts', { ...outside, settings: { LISTEN: '127.0.0.1:0', ...outside.settings } })
  const [, url = ''] = await process.said(/listening on (http:[^"\s]+)/)
  return { process, url }
}
