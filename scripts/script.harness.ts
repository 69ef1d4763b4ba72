// For tests of the scripts that an operator calls: one as a process of its own, to its end.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { environment, type Ended } from './command.harness.ts'

export interface ScriptOptions {
  /** Beside an environment without settings of foreman's. */
  env?: Record<string, string>
  cwd?: string
}

/** `name` without `.ts`. */
export function runScript(name: string, args: readonly string[], { env, cwd }: ScriptOptions = {}): Promise<Ended> {
  const child = spawn(process.execPath, [join(import.meta.dirname, `${name}.ts`), ...args], {
    env: environment(env),
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ stdout, stderr, code }))
  })
}
