// `npm run test:real`: foreman against a real Ollama. Gets the server and the models (from the cache if they are there), then
// hands scripts/real/*.real.ts to vitest. These tests stay out of `npm test`, which needs nothing but the clone.
// Arguments are vitest's: a part of a file's name, `-t` a test's name, `--reporter=json --outputFile=…`.
import { parseCLI, startVitest } from 'vitest/node'
import { buildServer, hangingVersion } from './build.ts'
import { cacheFolder } from './cache.ts'
import { importModels } from './models.ts'
import { startOllama } from './ollama.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)

async function prepare(): Promise<void> {
  const cache = cacheFolder()
  await buildServer(cache, say)
  await buildServer(cache, say, hangingVersion)
  const ollama = await startOllama({ cache, name: 'import' })
  try {
    await importModels(ollama.url, cache, say)
  } finally {
    await ollama.stop()
  }
}

async function test(): Promise<void> {
  const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)])
  await startVitest('test', filter, {
    watch: false,
    config: false,
    include: ['scripts/real/*.real.ts'],
    // One server at a time: two would share the cores and spoil each other's timings.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    ...options,
  })
}

try {
  await prepare()
} catch (error) {
  say(`the real Ollama could not be brought up: ${(error as Error).message}`)
  process.exit(1)
}
await test()
