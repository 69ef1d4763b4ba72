// The packages that the image is made of: the same for every processor, nothing to compile, nothing with a known hole.

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'foreman-packages-'))
/** As ELF heads write them. */
const machines = { x64: 0x3e, arm64: 0xb7 }
type Processor = keyof typeof machines

/** Installs as the Dockerfile does, for a Linux of that processor. */
async function install(processor: Processor): Promise<string> {
  const place = join(folder, processor)
  for (const path of ['package.json', 'package-lock.json', 'client/typescript/package.json']) {
    mkdirSync(dirname(join(place, path)), { recursive: true })
    cpSync(join(root, path), join(place, path))
  }
  const [command] = /^RUN npm ci (.+)$/m.exec(readFileSync(join(root, 'Dockerfile'), 'utf8'))?.slice(1) ?? []
  expect(command).toContain('--ignore-scripts')
  const processors = ['--os', 'linux', '--cpu', processor]
  await run('npm', ['ci', ...(command as string).split(' '), ...processors], { cwd: place })
  return join(place, 'node_modules')
}

/** Every file of a tree with a digest of what is in it. */
function contents(tree: string): Record<string, string> {
  const files = globSync('**', { cwd: tree, withFileTypes: true }).filter((entry) => entry.isFile())
  const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')
  const paths = files.map((entry) => join(entry.parentPath, entry.name))
  return Object.fromEntries(paths.sort().map((path) => [path.slice(tree.length), digest(path)]))
}

const trees = {} as Record<Processor, string>

beforeAll(async () => {
  for (const processor of Object.keys(machines) as Processor[]) trees[processor] = await install(processor)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the packages of an image for arm64 are, byte for byte, those of one for x64', () => {
  const files = contents(trees.x64)
  expect(Object.keys(files).length).toBeGreaterThan(1_000)
  expect(contents(trees.arm64)).toEqual(files)
})

test.each(Object.keys(machines) as Processor[])('SQLite is among them ready for %s', (processor) => {
  const path = join(trees.arm64, 'better-sqlite3/prebuilds', `linux-${processor}.node`)
  const head = readFileSync(path).subarray(0, 20)
  expect(head.subarray(0, 4).toString('latin1')).toBe('\x7fELF')
  expect(head.readUInt16LE(18)).toBe(machines[processor])
})

test('none of them is known to have a hole that is high or critical', async ({ skip }) => {
  const args = ['audit', '--omit=dev', '--omit=optional', '--audit-level=high', '--json']
  const said = await run('npm', args, { cwd: dirname(trees.x64) }).catch((error: { stdout: string }) => error)
  const report = JSON.parse(said.stdout) as {
    message?: string
    metadata?: { vulnerabilities: Record<string, number> }
  }
  // A mirror of the registry may have no advisories: then nobody knows, and it is not said that there is none.
  if (!report.metadata) skip(`the registry answers no audit: ${report.message}`)
  expect(report.metadata?.vulnerabilities).toMatchObject({ high: 0, critical: 0 })
})
