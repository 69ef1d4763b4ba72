// The documents held to the code: links, the index of decisions, the lifecycle diagram, the rings, the dependencies, the
// commands and the settings that do nothing yet. What the README shows is run in readme.test.ts.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { reasons } from '../server/job/schedule.ts'
import { table } from '../server/setting/table.ts'
import {
  freeRequeuesCounted,
  interruptionsAllowed,
  isTerminal,
  states,
  transitions,
  type Happening,
} from '../server/job/state.ts'

const root = join(import.meta.dirname, '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const pages = globSync('**/*.md', {
  cwd: root,
  exclude: (path) => /(^|\/)(node_modules|dist|data|\.cache|\.git)$/.test(path),
})
type Versions = Record<string, string>
const manifest = JSON.parse(read('package.json')) as {
  scripts: Record<string, string>
  dependencies: Versions
  devDependencies: Versions
  optionalDependencies: Versions
}
const client = JSON.parse(read('client/typescript/package.json')) as {
  dependencies: Versions
  devDependencies: Versions
}

/** The text without its fenced blocks. */
const prose = (text: string) => text.replaceAll(/^```[\s\S]*?^```/gm, '')

test('every relative link in a Markdown file leads somewhere', () => {
  expect(pages).toContain('README.md')
  const broken = pages.flatMap((page) =>
    [...prose(read(page)).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link]) => (link as string).replace(/#.*$/, ''))
      .filter((link) => link !== '' && !/^[a-z]+:/.test(link) && !existsSync(join(root, dirname(page), link)))
      .map((link) => `${page}: ${link}`),
  )
  expect(broken).toEqual([])
})

const decisions = globSync('docs/adr/[0-9]*.md', { cwd: root }).sort()

test('the index of decisions lists every file with its number and its title', () => {
  const titles = decisions.map((path) => /^# (\d+)\. (.+)$/m.exec(read(path)) ?? [])
  const listed = [...read('docs/adr/README.md').matchAll(/^\| (\d+) \| \[(.+)\]\((.+)\) \|/gm)]
  const rows = listed.map(([, number, title, file]) => `${number} ${title} docs/adr/${file}`)
  expect(rows).toEqual(decisions.map((path, i) => `${titles[i]?.[1]} ${titles[i]?.[2]} ${path}`))
  expect(decisions.map((path) => Number(path.split('/')[2]?.slice(0, 4)))).toEqual(decisions.map((_, i) => i + 1))
})

test.each(decisions)('%s has a status, its four sections and at most 60 lines', (path) => {
  const text = read(path)
  expect(text).toMatch(/^Status: \w/m)
  expect([...text.matchAll(/^## (.+)$/gm)].map(([, name]) => name)).toEqual([
    'Context',
    'Decision',
    'Evidence',
    'Consequences',
  ])
  expect(text.split('\n').length - 1).toBeLessThanOrEqual(60)
})

test('the lifecycle diagram is the table of transitions', () => {
  const text = read('docs/lifecycle.md')
  const diagram = /```mermaid\nstateDiagram-v2\n([\s\S]*?)```/.exec(text)?.[1] ?? ''
  const drawn = diagram
    .trim()
    .split('\n')
    .map((line) => line.trim())
  const arrows = states.flatMap((from) =>
    Object.entries(transitions[from]).map(([happening, to]) => `${from} --> ${to}: ${happening}`),
  )
  const ends = states.filter(isTerminal).map((state) => `${state} --> [*]: delete`)
  expect(drawn.toSorted()).toEqual(['[*] --> queued: submit', ...arrows, ...ends].toSorted())
})

test('every state, happening, reason to wait and allowance is told in words', () => {
  const text = read('docs/lifecycle.md')
  const happenings = new Set(states.flatMap((from) => Object.keys(transitions[from]) as Happening[]))
  const rows = [...text.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name)
  expect(rows).toEqual(expect.arrayContaining([...states, ...happenings]))
  const waits = [...text.slice(text.indexOf('| `reason` |')).matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)]
  expect(waits.flatMap(([, names]) => names!.match(/\w+/g)).toSorted()).toEqual(['reason', ...reasons].toSorted())
  expect(text).toContain(`More than ${interruptionsAllowed} interruptions`)
  expect(text).toContain(`The ${freeRequeuesCounted}rd \`give_back\` in a row`)
})

test('the rings in the documents are the rings that are checked', () => {
  const source = /const rings[^{]*\{([^}]*)\}/.exec(read('scripts/rings.ts'))?.[1] ?? ''
  const checked = [...source.matchAll(/(\w+): (\d+),/g)].map(([, room, ring]) => `${ring} ${room}`)
  const drawn = [...read('docs/architecture.md').matchAll(/^\| (\d) \| ((?:`\w+` ?)+) \|/gm)].flatMap(
    ([, ring, rooms]) => [...(rooms as string).matchAll(/\w+/g)].map(([room]) => `${ring} ${room}`),
  )
  expect(checked.length).toBeGreaterThan(10)
  expect(drawn.toSorted()).toEqual(checked.toSorted())
})

test('every dependency is decided, with the licence it has', () => {
  const rows = [...read('docs/adr/0014-dependencies.md').matchAll(/^\| ([\w@/., -]+) \| ([\w.-]+) \| .+ \|$/gm)]
  const decided = new Map(
    rows.flatMap(([, names, licence]) => (names as string).split(', ').map((name) => [name, licence])),
  )
  decided.delete('package')
  const { dependencies, devDependencies, optionalDependencies } = manifest
  expect([...decided.keys()].toSorted()).toEqual(
    Object.keys({
      ...client.dependencies,
      ...client.devDependencies,
      ...dependencies,
      ...devDependencies,
      ...optionalDependencies,
    }).toSorted(),
  )
  for (const [name, licence] of decided) {
    const installed = ['node_modules', 'client/typescript/node_modules']
      .map((folder) => join(folder, name as string, 'package.json'))
      .find((path) => existsSync(join(root, path)))
    // Only one of the Node packages is installed, the one for this machine.
    if (installed === undefined && (name as string) in optionalDependencies) continue
    if (installed === undefined) throw new Error(`${name} is not installed`)
    expect(`${name} ${(JSON.parse(read(installed)) as { license: string }).license}`).toBe(`${name} ${licence}`)
  }
})

test('every npm command in the documents exists, and what it starts', () => {
  const named = pages.flatMap((page) =>
    [...read(page).matchAll(/\bnpm (?:run ([\w:-]+)|(start|test)\b)/g)].map(([, run, own]) => run ?? own),
  )
  expect(named).toContain('demo')
  expect(Object.keys(manifest.scripts)).toEqual(expect.arrayContaining([...new Set(named)]))
  for (const command of Object.values(manifest.scripts)) {
    const [, file] = /\bnode (?:--\w+ )?(\S+\.ts)/.exec(command) ?? []
    if (file) expect(existsSync(join(root, file)), file).toBe(true)
  }
})

test('the changelog names the settings that no part is given, and none that do not exist', () => {
  const code = ['app', 'door', 'main'].map((name) => read(`server/${name}.ts`)).join('')
  const used = new Set([...code.matchAll(/\bconfig\.(\w+)/g)].map(([, key]) => key))
  for (const [, keys] of code.matchAll(/const \{([^}]*)\} = config\b/g))
    for (const [key] of keys!.matchAll(/\w+/g)) used.add(key)
  // Some are rules for the others, and act when the settings are read.
  const rules = /function contradictions\([\s\S]*?const \{([^}]*)\} = values/.exec(read('server/config.ts'))?.[1] ?? ''
  for (const [key] of rules.matchAll(/\w+/g)) used.add(key)
  const idle = Object.entries(table).filter(([key]) => !used.has(key))
  const paragraph = read('CHANGELOG.md')
    .split('\n\n')
    .find((text) => text.startsWith('These settings are read and checked, and nothing acts on them yet'))
  const told = [...(paragraph ?? '').matchAll(/FOREMAN_\w+/g)].map(([name]) => name as string)
  expect(told).toEqual(expect.arrayContaining(idle.map(([, { name }]) => name)))
  expect(Object.values(table).map(({ name }) => name)).toEqual(expect.arrayContaining(told))
})
