// For tests of the command line, and of the scripts that an operator calls: a command as a process of its own, from its
// sources, with pipes for its streams.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Writable } from 'node:stream'

export interface CommandOptions {
  /** What is started, the command line unless given. */
  program?: readonly [string, string]
  cwd?: string
  /** Beside an environment without settings of foreman's, and without a wish for colours. */
  env?: Record<string, string>
  /** Its standard input; empty unless given. */
  input?: string
  /** On a terminal of 24 lines and 100 columns, which writes everything to `stdout`. Needs Python. */
  terminal?: boolean
}

export interface Ended {
  stdout: string
  stderr: string
  code: number | null
}

export const commandLine = [
  process.execPath,
  join(import.meta.dirname, '../client/typescript/src/cli/main.ts'),
] as const

export const hasTerminal = spawnSync('python3', ['-c', 'import pty']).status === 0

/** Runs its arguments on a terminal of their own, and ends as they do. */
const onTerminal = `
import fcntl, os, pty, struct, sys, termios
size = struct.pack("HHHH", 24, 100, 0, 0)
command = [sys.executable, "-c", "import fcntl, os, sys, termios; fcntl.ioctl(1, termios.TIOCSWINSZ, bytes.fromhex(sys.argv[1])); os.execv(sys.argv[2], sys.argv[2:])", size.hex()]
sys.exit(os.waitstatus_to_exitcode(pty.spawn(command + sys.argv[1:])))
`

/** What `npm start` keeps there too: each of many processes would compile the same code. */
const compiled = join(import.meta.dirname, '..', 'node_modules', '.cache', 'foreman')

/** What a command is given of the environment of the tests. */
export function environment(env: Record<string, string> = {}): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(([name]) => !/^(?:FOREMAN_|NO_COLOR$|FORCE_COLOR$)/.test(name))
  return { ...Object.fromEntries(kept), NODE_COMPILE_CACHE: compiled, ...env }
}

export class Command {
  stdout = ''
  stderr = ''
  readonly ended: Promise<Ended>
  readonly #child: ChildProcess
  /** Of the terminal. */
  readonly #keys: Writable | undefined
  readonly #heard = new Set<() => void>()

  constructor(args: readonly string[], options: CommandOptions = {}) {
    const { program = commandLine, cwd, env, input = '', terminal = false } = options
    const [file, ...rest] = [...(terminal ? (['python3', '-c', onTerminal] as const) : []), ...program, ...args]
    const child = spawn(file, rest, { cwd, env: environment(env), stdio: 'pipe' })
    this.#child = child
    const hear = (stream: 'stdout' | 'stderr') => (bytes: Buffer) => {
      this[stream] += bytes.toString()
      for (const heard of this.#heard) heard()
    }
    child.stdout.on('data', hear('stdout'))
    child.stderr.on('data', hear('stderr'))
    child.stdin.on('error', () => undefined)
    if (terminal) this.#keys = child.stdin
    else child.stdin.end(input)
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => resolve({ stdout: this.stdout, stderr: this.stderr, code }))
    })
  }

  /** Resolves when it has written that; throws when it ends without. */
  async until(pattern: RegExp): Promise<void> {
    const said = new Promise<void>((resolve) => {
      const heard = () => {
        if (pattern.test(this.stdout) || pattern.test(this.stderr)) resolve()
      }
      this.#heard.add(heard)
      heard()
    })
    const over = this.ended.then(({ stdout, stderr, code }) => {
      if (pattern.test(stdout) || pattern.test(stderr)) return
      throw new Error(`it ended with ${code}, and had not written ${pattern}: ${stdout}${stderr}`)
    })
    await Promise.race([said, over])
  }

  /** Ctrl-C. */
  interrupt(): void {
    if (this.#keys) this.#keys.write('\u0003')
    else this.#child.kill('SIGINT')
  }
}

/** A script of this folder, its name without `.ts`, to its end. */
export function runScript(
  name: string,
  args: readonly string[],
  options?: Omit<CommandOptions, 'program'>,
): Promise<Ended> {
  return new Command(args, { ...options, program: [process.execPath, join(import.meta.dirname, `${name}.ts`)] }).ended
}

/** The values of lines of JSON. */
export function valuesOf<T = Record<string, unknown>>(text: string): T[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T)
}

/** A foreman played by hand. */
export async function played(answer: RequestListener): Promise<{ url: string; close: () => void }> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}
