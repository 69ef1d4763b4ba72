// `npm run clients`: makes the generated layer of each client anew, from the API document in openapi/. With --check nothing is
// written, and it says which committed files are not what their generator makes of the document as it is. Names of languages
// choose among the rows: `npm run clients -- --check go`. It also carries the path of the Go module along. The TypeScript client has no such layer: it takes the router's types.

import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { carry } from './clients/go/module.ts'
import { generateApi, generateBlocking, pinned } from './clients/python/layers.ts'
import { runProgram } from './real/cache.ts'

interface Layer {
  language: string
  /** The program that makes it, of one version. */
  generator: string
  /** The folder that it fills, from the root. Nothing in it is written by hand. */
  folder: string
  /** Fills `into`, an empty folder. Throws when the generator is not to be had on this machine. */
  generate(generator: string, into: string): Promise<unknown>
}

const root = join(import.meta.dirname, '..')
const document = join(root, 'openapi', 'openapi.json')

const layers: Layer[] = [
  {
    language: 'go',
    generator: 'github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2',
    folder: 'client/go/api',
    generate: (generator, into) =>
      runProgram('go', [
        'run',
        generator,
        '-config',
        'scripts/clients/go/oapi-codegen.yaml',
        '-o',
        join(into, 'api.go'),
        document,
      ]),
  },
  {
    language: 'python',
    generator: pinned('openapi-python-client'),
    folder: 'client/python/src/foreman_client/generated',
    generate: (_, into) => generateApi(document, into),
  },
  {
    language: 'python',
    generator: pinned('unasync'),
    folder: 'client/python/src/foreman_client/_sync',
    generate: (_, into) => generateBlocking(into),
  },
]

/** Paths of the files that are not the same in two folders. */
export function differences(left: string, right: string): string[] {
  const files = (folder: string) =>
    existsSync(folder)
      ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
          // Where Python keeps what it compiled.
          (path) => !path.includes('__pycache__') && statSync(join(folder, path)).isFile(),
        )
      : []
  const same = (path: string) =>
    [left, right].every((folder) => existsSync(join(folder, path))) &&
    readFileSync(join(left, path)).equals(readFileSync(join(right, path)))
  return [...new Set([...files(left), ...files(right)])].filter((path) => !same(path)).sort()
}

async function make(check: boolean, wanted: string[]): Promise<void> {
  const say = (line: string) => process.stdout.write(`${line}\n`)
  const unknown = wanted.filter((word) => !layers.some(({ language }) => language === word))
  if (unknown.length > 0) throw new Error(`no client is generated for ${unknown.join(', ')}`)
  process.chdir(root)
  for (const path of carry(root, check)) {
    say(`${path}: ${check ? 'names another Go module than client/go/go.mod' : 'written'}`)
    if (check) process.exitCode = 1
  }
  for (const { language, generator, folder, generate } of layers) {
    if (wanted.length > 0 && !wanted.includes(language)) continue
    const made = mkdtempSync(join(tmpdir(), `foreman-${language}-`))
    try {
      await generate(generator, made)
      const differing = differences(made, folder)
      for (const path of differing) say(`${join(folder, path)}: ${check ? 'is not what is generated' : 'written'}`)
      if (differing.length === 0) say(`${folder}: current, by ${generator}`)
      else if (check) process.exitCode = 1
      else {
        rmSync(folder, { recursive: true, force: true })
        cpSync(made, folder, { recursive: true })
      }
    } finally {
      rmSync(made, { recursive: true, force: true })
    }
  }
}

if (import.meta.main) {
  const words = process.argv.slice(2)
  await make(
    words.includes('--check'),
    words.filter((word) => word !== '--check'),
  )
}
