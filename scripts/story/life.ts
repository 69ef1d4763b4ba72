// One life of foreman: a child process with the flags that `npm start` has, from its start to its end, which goes along
// with the hours of the story and writes a log.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { flags } from '../bench/foreman.ts'
import type { Companion, Pace } from './hours.ts'

/** A line of foreman's log. */
export interface Line {
  /** Epoch milliseconds. */
  at: number
  level: number
  msg: string
  [fact: string]: unknown
}

export interface LifeOptions {
  /** Settings by their names without `FOREMAN_`. */
  settings: Readonly<Record<string, string>>
  /** Epoch milliseconds of its beginning. */
  wall: number
  wakePort: number
  onLine: (line: Line) => void
  /** What Node says when it ends badly. */
  onError: (text: string) => void
}

export interface End {
  code: number | null
  signal: NodeJS.Signals | null
}

/** Of a process that has ended. */
const nowhere: Pace = { left: Infinity, pending: false }

const root = join(import.meta.dirname, '..', '..')

export class Life implements Companion {
  readonly ended: Promise<End>
  #child: ChildProcess
  #over = false
  #step: PromiseWithResolvers<Pace> | undefined

  constructor({ settings, wall, wakePort, onLine, onError }: LifeOptions) {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FOREMAN_')))
    for (const [name, value] of Object.entries(settings)) env[`FOREMAN_${name}`] = value
    env.NODE_COMPILE_CACHE = join(root, 'node_modules', '.cache', 'foreman')
    const args = [...flags, join(import.meta.dirname, 'child.ts'), String(wall), String(wakePort)]
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    this.#child = child
    let rest = ''
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) onLine(parsed(line))
    })
    child.stderr!.setEncoding('utf8').on('data', onError)
    child.on('message', (pace: Pace) => this.#step?.resolve(pace))
    this.ended = once(child, 'close').then(([code, signal]) => {
      this.#over = true
      this.#step?.resolve(nowhere)
      return { code, signal } as End
    })
  }

  advance(ms: number): Promise<Pace> {
    if (this.#over) return Promise.resolve(nowhere)
    this.#step = Promise.withResolvers()
    // It may be ending in this very moment; that it has is told above.
    this.#child.send(ms, () => undefined)
    return this.#step.promise
  }

  /** Sends a signal and waits for the end. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<End> {
    this.#child.kill(signal)
    return this.ended
  }

  /** Whether what it writes to files goes to a full disk from now on. Throws where there is no `prlimit`. */
  fill(full: boolean): void {
    const limit = full ? '0:unlimited' : 'unlimited:unlimited'
    const { status, error } = spawnSync('prlimit', [`--pid=${this.#child.pid}`, `--fsize=${limit}`])
    if (status !== 0) throw error ?? new Error(`prlimit ended with ${status}`)
  }
}

function parsed(text: string): Line {
  const { time, level, msg, ...facts } = JSON.parse(text) as { time: string; level: number; msg: string }
  return { ...facts, at: Date.parse(time), level, msg }
}
