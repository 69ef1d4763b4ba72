// A project outside the repository that has installed the client as it is packed, beside what a user of it would have.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runProgram } from '../../real/cache.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const client = join(root, 'client', 'typescript')

export interface Project {
  folder: string
  /** Paths in the package. */
  packed: string[]
  remove(): void
}

/** Throws when the packages are not to be had. `others` are packages with their versions. */
export async function makeProject(others: string[]): Promise<Project> {
  const folder = mkdtempSync(join(tmpdir(), 'foreman-project-'))
  const pack = await runProgram('npm', ['pack', client, '--json', '--silent', '--pack-destination', folder])
  const [packed] = Object.values(JSON.parse(pack.slice(pack.search(/^[[{]/m))) as Packed[])
  if (!packed) throw new Error('nothing was packed')
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  const flags = ['--prefix', folder, '--no-audit', '--no-fund', '--prefer-offline']
  await runProgram('npm', ['install', ...flags, join(folder, packed.filename), ...others])
  const remove = () => rmSync(folder, { recursive: true, force: true })
  return { folder, packed: packed.files.map(({ path }) => path), remove }
}

interface Packed {
  filename: string
  files: { path: string }[]
}

/** The compiler of the client's own build, with its version. */
export function compiler(): string {
  const manifest = JSON.parse(readFileSync(join(client, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>
  }
  return `typescript@${manifest.devDependencies.typescript}`
}
