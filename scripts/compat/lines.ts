// A program that is called by a script of its own language, which lives as long as the tests do: its first line of output tells
// the version, then it reads one call a line and answers with one outcome a line. The end of its input ends it.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Caller, Outcome } from './program.ts'

/** Throws when it ends before it has told its version. */
export async function startLines(command: string, args: string[] = []): Promise<Caller> {
  // A proxy of the machine's is not for loopback.
  const env = { ...process.env, NO_PROXY: '127.0.0.1' }
  const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'inherit'] })
  const failed = new Promise<never>((_, reject) => child.once('error', reject))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => {
    const { value, done } = await Promise.race([lines.next(), failed])
    if (done) throw new Error(`${[command, ...args].join(' ')} ended`)
    return JSON.parse(value) as unknown
  }
  const { version } = (await next()) as { version: string }
  return {
    version,
    ask: async (ask) => {
      child.stdin.write(`${JSON.stringify(ask)}\n`)
      return (await next()) as Outcome
    },
    stop: () => child.stdin.end(),
  }
}
