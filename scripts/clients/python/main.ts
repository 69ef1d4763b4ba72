// `npm run test:python`: the checks of the Python client, each a test of its own. What it needs is installed first, into the cache;
// then scripts/clients/python/*.check.ts goes to vitest, whose arguments these are. When Python is not to be had, they fail.
import { parseCLI, startVitest } from 'vitest/node'
import { python } from './layers.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)

await python.make(say).catch((error: unknown) => say(`no Python: ${(error as Error).message}`))
const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)])
await startVitest('test', filter, {
  watch: false,
  config: false,
  include: ['scripts/clients/python/*.check.ts'],
  testTimeout: 120_000,
  hookTimeout: 120_000,
  ...options,
})
