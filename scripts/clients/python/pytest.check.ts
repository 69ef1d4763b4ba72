// client/python's own tests: pytest runs them once, against a foreman process, and what came of each is told as a test of that
// name. And what its source says of itself: types and form.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runProgram } from '../../real/cache.ts'
import { client, python } from './layers.ts'

interface Result {
  name: string
  ok: boolean
  /** What pytest says of a failure. */
  said: string
}

const folder = mkdtempSync(join(tmpdir(), 'foreman-pytest-'))
const results = join(folder, 'results')
const env = {
  ...process.env,
  PYTEST_RESULTS: results,
  PYTHONDONTWRITEBYTECODE: '1',
  RUFF_NO_CACHE: 'true',
  // A proxy of the machine's is not for loopback.
  NO_PROXY: '127.0.0.1',
}
const run = (program: string, ...args: string[]) =>
  runProgram(python.program(program), args, env).then(
    () => undefined,
    (error: unknown) => error as Error,
  )

const config = join(client, 'pyproject.toml')
const failed = await run('pytest', '-q', '--rootdir', client, '-c', config, join(client, 'tests'))
const told = lines(results)

test('pytest ran, and ended as its tests did', () => {
  if (told.every(({ ok }) => ok) && failed) throw failed
  expect(told).not.toEqual([])
})

for (const { name, ok, said } of told) {
  test(name, () => {
    if (!ok) throw new Error(said)
  })
}

test('every type is said and right', async () => {
  const cache = join(folder, 'mypy')
  expect(
    await run('mypy', '--config-file', config, '--cache-dir', cache, join(client, 'src'), join(client, 'tests')),
  ).toBeUndefined()
})

test('lint and format', async () => {
  expect(await run('ruff', 'check', client)).toBeUndefined()
  expect(await run('ruff', 'format', '--check', client)).toBeUndefined()
  rmSync(folder, { recursive: true })
})

function lines(path: string): Result[] {
  try {
    return readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Result)
  } catch {
    return []
  }
}
