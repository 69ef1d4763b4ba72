// One life of foreman: a child process that is killed from outside or dies at a point of its own, and what it said until then.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Aim } from './points.ts'

export interface VictimOptions {
  /** Settings by their names without `FOREMAN_`. */
  settings: Readonly<Record<string, string>>
  aim?: Aim
  /** It listens. */
  onListening: (url: string) => void
  /** A point that it passed for the first time in this life. */
  onPassed: (point: string) => void
  /** A line of its log, which has only errors, or of what Node says when it ends. */
  onError: (line: string) => void
}

export interface End {
  code: number | null
  signal: NodeJS.Signals | null
}

const root = join(import.meta.dirname, '..', '..')

export class Victim {
  readonly ended: Promise<End>
  /** Resolves when it listens, or has ended without. */
  readonly listening: Promise<unknown>
  #child: ChildProcess

  constructor({ settings, aim, onListening, onPassed, onError }: VictimOptions) {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FOREMAN_')))
    for (const [name, value] of Object.entries(settings)) env[`FOREMAN_${name}`] = value
    env.NODE_COMPILE_CACHE = join(root, 'node_modules', '.cache', 'compiled')
    const args = [join(import.meta.dirname, 'child.ts'), aim?.point ?? 'none', String(aim?.nth ?? 1)]
    const listens = Promise.withResolvers<void>()
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    lines(child.stdout, (line) => {
      const [what, which = ''] = line.split(' ')
      if (what === 'passed') return onPassed(which)
      onListening(which)
      listens.resolve()
    })
    lines(child.stderr, onError)
    this.ended = once(child, 'close').then(([code, signal]) => ({ code, signal }) as End)
    this.listening = Promise.race([listens.promise, this.ended])
  }

  /** Sends a signal and waits for the end. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<End> {
    this.#child.kill(signal)
    return this.ended
  }
}

function lines(stream: NodeJS.ReadableStream, hear: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8').on('data', (text: string) => {
    const whole = (rest + text).split('\n')
    rest = whole.pop() ?? ''
    for (const line of whole) hear(line)
  })
}
