// What the image has is all that its programs import: files that .dockerignore lets in, and packages that are installed
// there, as tools and the client's are not.

import { globSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { expect, test } from 'vitest'
import { readModule } from '../imports.ts'

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const programs = [
  'server/main.ts',
  ...['backup', 'restore', 'doctor', 'pull-models'].map((name) => `scripts/${name}.ts`),
]

/** Every file that is let in, from the root: a line without `!` takes out what one before it let in. */
function letIn(): Set<string> {
  const files = new Set<string>()
  for (const line of read('.dockerignore').split('\n')) {
    if (line === '' || line.startsWith('#') || line === '*') continue
    const pattern = line.replace('!', '')
    for (const path of globSync([pattern, `${pattern}/**`], { cwd: root })) {
      if (line.startsWith('!')) files.add(path)
      else files.delete(path)
    }
  }
  return files
}

/** The files and packages that a program comes to need. */
function needed(path: string, files = new Set<string>(), packages = new Set<string>()) {
  if (files.has(path)) return { files, packages }
  files.add(path)
  for (const { specifier = '' } of path.endsWith('.ts') ? readModule(read(path)).imports : []) {
    if (specifier.startsWith('.')) needed(posix.join(posix.dirname(path), specifier), files, packages)
    else if (!specifier.startsWith('node:')) packages.add(/^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? '')
  }
  return { files, packages }
}

test.each(programs)('%s needs nothing that is not in the image', (program) => {
  const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> }
  const { files, packages } = needed(program)
  const inside = letIn()
  expect(inside.has(program)).toBe(true)
  expect([...files].filter((path) => !inside.has(path))).toEqual([])
  expect([...packages].filter((name) => !(name in dependencies))).toEqual([])
})

test('no code is in the image that none of its programs needs', () => {
  const files = new Set<string>()
  for (const program of programs) needed(program, files)
  expect([...letIn()].filter((path) => path.endsWith('.ts') && !files.has(path))).toEqual([])
})
