// The Go client: what Go itself finds wrong with it, and each of its tests as one here. They start a foreman process and a
// simulated Ollama of their own, by ../stage.ts.

import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'

/** A line of `go test -json`. */
interface Line {
  Action: string
  Test?: string
  Output?: string
}

const folder = join(import.meta.dirname, '..', '..', '..', 'client', 'go')
const options = { cwd: folder, env: { ...process.env, GOTOOLCHAIN: 'local' }, maxBuffer: 64 * 1024 * 1024 }
const run = promisify(execFile)

/** None where there is no Go, or the tests do not compile: then the test below this fails. */
const names = [
  ...(spawnSync('go', ['test', '-list', '.', './...'], { ...options, encoding: 'utf8' }).stdout ?? '').matchAll(
    /^Test\w+/gm,
  ),
].map(([name]) => name)
let lines: Line[] = []

beforeAll(async () => {
  const { stdout } = await run('go', ['test', '-race', '-count=1', '-json', './...'], options).catch(
    (failed: { stdout?: string }) => ({ stdout: failed.stdout ?? '' }),
  )
  lines = stdout.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Line] : []))
}, 600_000)

test('it compiles, go vet has nothing to say, and gofmt would change nothing', async () => {
  await run('go', ['vet', './...'], options)
  expect((await run('gofmt', ['-l', '.'], options)).stdout).toBe('')
  expect(names.length).toBeGreaterThan(20)
})

test.each(names)('%s', (name) => {
  const own = lines.filter(({ Test }) => Test === name)
  const said = own.map(({ Output = '' }) => Output).join('')
  expect(own.findLast(({ Action }) => ['pass', 'fail', 'skip'].includes(Action))?.Action, said).toBe('pass')
})
