// Python with packages of its own, pinned in a requirements file: made once in the cache for each list of them. Its scripts know
// where they lie, so it is made in its place, and what is half made is made anew.

import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder, runProgram } from './real/cache.ts'

export class PythonEnvironment {
  readonly #requirements: string
  readonly #folder: string
  /** Is there when all of it is. */
  readonly #made: string

  /** `requirements`: path of the list. */
  constructor(requirements: string) {
    const digest = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12)
    this.#requirements = requirements
    this.#folder = join(cacheFolder(), `python-${digest}`)
    this.#made = join(this.#folder, 'made')
  }

  get there(): boolean {
    return existsSync(this.#made)
  }

  /** Path of a program in it: `python`, or what a package brings. */
  program(name: string): string {
    return join(this.#folder, 'bin', name)
  }

  /** Makes it if it is not there. Throws when there is no Python, or no way to the package index that pip is set up for. */
  async make(say: (line: string) => void): Promise<void> {
    if (this.there) return
    say(`installing what ${this.#requirements} lists into ${this.#folder}`)
    rmSync(this.#folder, { recursive: true, force: true })
    await runProgram('python3', ['-m', 'venv', this.#folder])
    const quietly = ['-m', 'pip', 'install', '-q', '--disable-pip-version-check']
    await runProgram(this.program('python'), [...quietly, '-r', this.#requirements])
    writeFileSync(this.#made, '')
  }
}
