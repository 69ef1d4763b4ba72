// The shape of the house, checked over every file: who may import whom, which names say nothing, how long a file may
// be. `npm run rings` prints each violation as `file:line: what`, or one line when there is none.
import { globSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { readModule, type Import } from './imports.ts'

/** A room is a file or a folder of server/; it may import rooms of lower rings and itself, nothing else. */
const rings: Readonly<Record<string, number>> = {
  job: 0,
  clock: 0,
  setting: 0,
  store: 1,
  ollama: 1,
  metrics: 1,
  config: 1,
  queue: 2,
  people: 2,
  ledger: 2,
  worker: 3,
  webhooks: 3,
  http: 4,
  status: 4,
  door: 5,
  app: 6,
  main: 7,
}

/** What scripts may use of the server. */
const forScripts = /^server\/(?:http\/openapi|app|job\/runners|ollama\/fake(?:\/.+)?)\.ts$/

/** What the benchmark may use besides: the settings an app is built from, the claim's own statement and the law, to time them. */
const forBench = /^server\/(?:config|store\/jobs|job\/.+)\.ts$/

/** What the simulation drives: the law, and the parts that keep what it depends on. */
const forSimulation = /^server\/(?:clock|job\/.+|people\/.+|ollama\/capacity|worker\/turns)\.ts$/

/** What the storm and the story start foreman with: its settings, and a clock of their own. */
const forStorm = /^server\/(?:clock|config)\.ts$/

/** What is done to foreman from beside it: its settings, where its data lies and how that is locked, whom it may call. */
const forOperation = /^server\/(?:config|setting\/address|store\/(?:database|folder)|webhooks\/guard)\.ts$/
const operation = /^scripts\/(?:(?:keep|doctor)\/.+|backup|restore|doctor)\.ts$/

/** The one thing a client may know of the server: the type of its procedures. */
const forClients = { file: 'server/http/router.ts', types: '{ AppRouter }' }

const namesThatSayNothing = /^(?:utils?|helpers?|common|types|constants|interfaces|index)$/
const packageEntry = /^client\/[^/]+\/(?:src\/)?index\.ts$/
const longest = 250

/** Checks a tree given as path → text, paths from the root with `/`. Answers `path:line: what` per violation. */
export function violations(tree: ReadonlyMap<string, string>): string[] {
  return [...tree].flatMap(([path, text]) => {
    const at = (line: number, what: string) => `${path}:${line}: ${what}`
    const test = isTest(path)
    const module = readModule(text)
    const found = module.defaultExports.map((line) => at(line, 'default export: give it a name'))
    for (const part of path.split('/').slice(1)) {
      const name = part.replace(/\..*$/, '')
      if (namesThatSayNothing.test(name) && !packageEntry.test(path)) found.push(at(1, `"${name}" is no noun`))
    }
    const lines = text.split('\n').length - 1
    if (lines > longest && !test && !isGenerated(text))
      found.push(at(longest + 1, `${lines} lines, ${longest} at most`))
    if (path.startsWith('server/') && !test && ringOf(path) === undefined) {
      found.push(at(1, `"${roomOf(path)}" has no ring: give it one in scripts/rings.ts`))
    }
    for (const one of module.imports) {
      const wrong = wrongImport(path, one)
      if (wrong) found.push(at(one.line, wrong))
    }
    return found
  })
}

/** Why the file may not have this import; undefined when it may. Packages and data files are not looked at. */
function wrongImport(path: string, { specifier, types }: Import): string | undefined {
  const test = isTest(path)
  if (specifier === undefined) return test ? undefined : 'a computed import cannot be checked'
  if (!specifier.startsWith('.') || !specifier.endsWith('.ts')) return undefined
  const target = posix.join(posix.dirname(path), specifier)
  const inServer = target.startsWith('server/')
  if (path.startsWith('server/')) {
    if (!inServer) return `imports ${target}: the server knows nothing outside itself`
    return wrongInServer(path, target, test)
  }
  if (test) return undefined
  if (path.startsWith('scripts/')) {
    if (!inServer || forScripts.test(target)) return undefined
    if (path.startsWith('scripts/bench/') && forBench.test(target)) return undefined
    if (/^scripts\/(?:storm|story)\//.test(path) && forStorm.test(target)) return undefined
    if (path.startsWith('scripts/simulate/') && forSimulation.test(target)) return undefined
    if (operation.test(path) && forOperation.test(target)) return undefined
    return `imports ${target}: scripts may use http/openapi, app, job/runners and ollama/fake only`
  }
  const own = path.split('/').slice(0, 2).join('/')
  if (target.startsWith(`${own}/`)) return undefined
  if (target === forClients.file && types === forClients.types) return undefined
  return `imports ${target}: a client may only \`import type ${forClients.types}\` from ${forClients.file}`
}

function wrongInServer(path: string, target: string, test: boolean): string | undefined {
  if (!test && isTest(target)) return `imports ${target}: a test`
  if (roomOf(path) === roomOf(target)) return undefined
  // A test that is no room's own may see the whole server. A room without a ring is reported once, at its own file.
  const from = ringOf(path) ?? Infinity
  const to = ringOf(target) ?? -Infinity
  if (to < from || (test && to === from)) return undefined
  return to === from
    ? `imports ${target}: sideways, both are in ring ${from}`
    : `imports ${target}: upwards, from ring ${from} to ring ${to}`
}

/** `server/queue.ts`, `server/queue.test.ts` and everything in `server/queue/` are the room `queue`. */
function roomOf(path: string): string {
  return path.split('/')[1]?.replace(/\..*$/, '') ?? ''
}

function ringOf(path: string): number | undefined {
  return rings[roomOf(path)]
}

/** Tests beside the file, those that need a real Ollama, those that call client programs, and those of the deployment. */
function isTest(path: string): boolean {
  return /\.(?:test|real|compat|deploy)\.ts$/.test(path)
}

function isGenerated(text: string): boolean {
  return text.slice(0, 500).includes('@generated')
}

if (import.meta.main) {
  const root = posix.join(import.meta.dirname, '..')
  const paths = globSync('{server,client,scripts}/**/*.ts', {
    cwd: root,
    exclude: (path) => /(?:^|\/)(?:node_modules|dist)(?:\/|$)/.test(path),
  })
  const tree = new Map(paths.sort().map((path) => [path, readFileSync(posix.join(root, path), 'utf8')]))
  const found = violations(tree)
  const summary =
    found.length === 0 ? `rings: ${tree.size} files, nothing out of place` : `rings: ${found.length} violations`
  process.stdout.write([...found, summary, ''].join('\n'))
  process.exitCode = found.length === 0 ? 0 : 1
}
