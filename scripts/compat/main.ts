// `npm run compat`: client programs, as their makers ship them, against a foreman in front of the simulated Ollama. Those in
// Python and most for Node are installed first, into the cache, and what is in Go is built, receivers of webhooks too. Then scripts/compat/*.compat.ts goes to vitest, whose arguments these are: `-t ollama-python` for one program.
// Programs that are not to be had fail their rows. `--all` brings in those that take long to install; the run writes the rows of
// docs/compatibility.md, with `--check` it only compares them.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseCLI, startVitest } from 'vitest/node'
import { receiverIn } from '../receiver.harness.ts'
import { buildGo } from './go.ts'
import { installNode } from './node.ts'
import { buildOllamaGo } from './ollama-go.ts'
import { python, slowPython } from './python.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Slow programs too. */
    all: boolean
    /** The page is compared, not written. */
    check: boolean
  }
}

const own = { all: '--all', check: '--check' }
const given = process.argv.slice(2)
const say = (line: string) => process.stdout.write(`${line}\n`)

for (const environment of given.includes(own.all) ? [python, slowPython] : [python]) {
  await environment.make(say).catch((error: unknown) => say(`no Python clients: ${(error as Error).message}`))
}
await installNode(say).catch((error: unknown) => say(`no clients for Node: ${(error as Error).message}`))
const folder = mkdtempSync(join(tmpdir(), 'foreman-go-'))
const noGo = (error: unknown) => say(`no Go: ${(error as Error).message}`)
await buildGo(receiverIn('go'), folder).catch(noGo)
await buildOllamaGo(folder).catch(noGo)
rmSync(folder, { recursive: true })
const { filter, options } = parseCLI(['vitest', 'run', ...given.filter((one) => !Object.values(own).includes(one))])
await startVitest('test', filter, {
  watch: false,
  config: false,
  include: ['scripts/compat/*.compat.ts'],
  testTimeout: 60_000,
  hookTimeout: 60_000,
  provide: { all: given.includes(own.all), check: given.includes(own.check) },
  ...options,
})
