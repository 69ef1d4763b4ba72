// The clients as they are published, in a folder: the npm package, and the wheel and the source of the Python one. The Go
// client is its tag.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { PythonEnvironment } from '../python.ts'
import { runProgram } from '../real/cache.ts'

const root = join(import.meta.dirname, '..', '..')

/** What the Python client is built and uploaded with. */
export const python = new PythonEnvironment(join(import.meta.dirname, 'requirements.txt'))

export async function pack(folder: string, say: (line: string) => void): Promise<void> {
  const to = resolve(folder)
  mkdirSync(to, { recursive: true })
  await packNpm(to)
  await python.make(say)
  const build = ['-m', 'build', '-q', '--no-isolation', '--outdir', to, join(root, 'client', 'python')]
  await runProgram(python.program('python'), build)
}

/** In the repository it is private, so that nobody publishes it by hand to wherever npm is set up for. */
async function packNpm(to: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'foreman-pack-'))
  try {
    await runProgram('npm', ['pack', '--silent', '--pack-destination', work, join(root, 'client', 'typescript')])
    await runProgram('sh', ['-ec', 'cd "$1" && tar xzf *.tgz', 'sh', work])
    // Without its compiler the client is not built, and packed all the same.
    if (!existsSync(join(work, 'package', 'dist', 'index.js')))
      throw new Error('the client is not built: run npm ci first')
    const path = join(work, 'package', 'package.json')
    const {
      private: _private,
      scripts: _scripts,
      devDependencies: _dev,
      ...manifest
    } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
    writeFileSync(path, `${JSON.stringify(manifest, null, 2)}\n`)
    await runProgram('npm', ['pack', '--silent', '--pack-destination', to, join(work, 'package')])
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
