// schemathesis, in a Python of its own beside what the real run keeps: made once for each list of its pinned parts.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder, runProgram } from '../real/cache.ts'

const requirements = join(import.meta.dirname, 'requirements.txt')

/** Path of the program. Needs Python 3.10 or newer and, the first time, the package index that pip is set up for. */
export async function schemathesis(say: (line: string) => void): Promise<string> {
  const digest = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12)
  const folder = join(cacheFolder(), `schemathesis-${digest}`)
  const program = join(folder, 'bin', 'schemathesis')
  const done = join(folder, 'complete')
  if (existsSync(done)) return program
  say('installing schemathesis')
  // Its scripts know where they lie: it is made in its place, and what is half made is made anew.
  await rm(folder, { recursive: true, force: true })
  await runProgram('python3', ['-m', 'venv', folder])
  await runProgram(join(folder, 'bin', 'pip'), ['install', '--quiet', '--requirement', requirements])
  await mkdir(done)
  return program
}
