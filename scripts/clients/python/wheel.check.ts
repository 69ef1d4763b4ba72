// The client as its user has it: built, installed into an environment with nothing in it, and called as the pages say.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { setStage, shownAt, snippetsIn, type Stage } from '../../page.harness.ts'
import { runProgram } from '../../real/cache.ts'
import { client, python } from './layers.ts'

const folder = mkdtempSync(join(tmpdir(), 'foreman-wheel-'))
const installed = join(folder, 'bin', 'python')
const env = { ...process.env, NO_PROXY: '127.0.0.1' }
let stage: Stage

beforeAll(async () => {
  stage = await setStage({ models: ['llama3.2'], reply: () => 'Because.' })
  // The build's own tool is among what was installed: nothing is fetched for it.
  await runProgram(python.program('python'), ['-m', 'build', '-q', '--no-isolation', '--outdir', folder, client])
  const wheel = readdirSync(folder).find((name) => name.endsWith('.whl')) ?? 'no wheel'
  await runProgram('python3', ['-m', 'venv', folder])
  await runProgram(installed, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', join(folder, wheel)])
})

afterAll(async () => {
  await stage?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** What a snippet prints. */
function shown(snippet = ''): Promise<string> {
  expect(snippet).toContain(shownAt)
  const path = join(folder, 'snippet.py')
  writeFileSync(path, snippet.replaceAll(shownAt, stage.url))
  return runProgram(installed, [path], env)
}

test('the wheel says that it is typed, and holds the generated layer', async () => {
  const code = 'import foreman_client.generated.models, pathlib; print(pathlib.Path(foreman_client.__file__).parent)'
  const at = (await runProgram(installed, ['-c', code])).trim()
  expect(readdirSync(at)).toContain('py.typed')
})

test('the first call of its README takes less than ten lines and has an answer', async () => {
  const [snippet = ''] = snippetsIn(readFileSync(join(client, 'README.md'), 'utf8'), 'py')
  expect(snippet.trim().split('\n').length).toBeLessThan(10)
  expect(await shown(snippet)).toBe('Because.\n')
})
