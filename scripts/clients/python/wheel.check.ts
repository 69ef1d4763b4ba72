// The client as its user has it: built, installed into an environment with nothing in it, and called as its README and
// docs/clients.md say. Only addresses are put in.

import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root, setStage, shownAt, snippetsIn, textOf, type Stage } from '../../page.harness.ts'
import { ports } from '../../receiver.harness.ts'
import { believesSignedOnly } from '../../receiver.suite.ts'
import { runProgram } from '../../real/cache.ts'
import { client, python } from './layers.ts'

const page = textOf('docs', 'clients.md')
const snippets = snippetsIn(page, 'py')
const readme = snippetsIn(textOf('client', 'python', 'README.md'), 'py')
const secret = `whsec_${Buffer.from('a secret that is long enough for it').toString('base64')}`
// A proxy of the machine's is not for loopback.
const token = 'token-of-the-pages'
const env = { ...process.env, NO_PROXY: '127.0.0.1', PYTHONDONTWRITEBYTECODE: '1', FOREMAN_TOKEN: token }
const headers = { authorization: `Bearer ${token}` }

let stage: Stage
let installed: string

beforeAll(async () => {
  stage = await setStage({ models: ['llama3.2'], tokens: 5 }, { FOREMAN_TOKEN: token })
  const folder = join(stage.folder, 'python')
  installed = join(folder, 'bin', 'python')
  // What it is built with is among what was installed: nothing is fetched for it.
  await runProgram(python.program('python'), ['-m', 'build', '-q', '--no-isolation', '--outdir', folder, client])
  const wheel = readdirSync(folder).find((name) => name.endsWith('.whl')) ?? 'no wheel'
  await runProgram('python3', ['-m', 'venv', folder])
  await runProgram(installed, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', join(folder, wheel)])
})

afterAll(() => stage?.close())

/** The program of the page that has these words in it. */
function program(words: string): string {
  const found = snippets.filter((text) => text.includes(words))
  expect(found, words).toHaveLength(1)
  return found[0] as string
}

function written(code: string): string {
  const path = join(mkdtempSync(join(stage.folder, 'shown-')), 'shown.py')
  writeFileSync(path, code.replaceAll(shownAt, stage.url))
  return path
}

const printed = (code: string) => runProgram(installed, [written(code)], env)

test('the wheel says that it is typed', async () => {
  const code = 'import foreman_client, pathlib; print(pathlib.Path(foreman_client.__file__).parent)'
  expect(readdirSync((await printed(code)).trim())).toContain('py.typed')
})

test('the first call takes less than ten lines and prints an answer, on the page as in the README', async () => {
  const first = program("print(answer['message']['content'])")
  expect(readme).toEqual([first])
  expect(first.trim().split('\n').length).toBeLessThan(10)
  expect((await printed(first)).trim().split(' ').length).toBeGreaterThan(1)
})

test('the asynchronous program prints both answers', async () => {
  expect((await printed(program('AsyncForeman'))).trim().split('\n')).toHaveLength(2)
})

test('the one that tells errors apart finds the model missing', async () => {
  expect(await printed(program('nobody'))).toMatch(/^pull it first: model_missing: .* job_\S+\n$/)
})

test('the one that streams prints what a call returns', async () => {
  const body = JSON.stringify({ model: 'llama3.2', prompt: 'Why is the sky blue?', stream: false })
  const answer = await fetch(`${stage.url}/api/generate`, { method: 'POST', headers, body })
  expect(await printed(program('stream=True'))).toBe(((await answer.json()) as { response: string }).response)
})

test('the one that hands over finds the job by its label, follows and prints the artifact', async () => {
  const lines = (await printed(program('jobs.submit'))).trimEnd().split('\n')
  expect(lines[0]).toMatch(/^job_\S+ (queued|loading|working|done)$/)
  expect(lines.slice(1, -1)).toEqual(expect.arrayContaining(['queued', 'working', 'done']))
  expect(lines.at(-1)).not.toBe('done')
})

test('the receiver believes what is signed and refuses what is not', async () => {
  const code = program('webhooks.unwrap')
  const command = async (port: number) => [installed, written(code.replace(`${ports.webhooks}`, `${port}`))]
  const { data } = (await (await fetch(`${stage.url}/jobs`, { headers })).json()) as {
    data: [{ id: string; sequence: number }]
  }
  await believesSignedOnly({ command, folder: stage.folder, secret }, data[0])
})

test('the programs are these, and their types are right', async () => {
  expect(snippets).toHaveLength(6)
  const config = join(client, 'pyproject.toml')
  for (const code of snippets)
    await runProgram(
      python.program('mypy'),
      ['--config-file', config, '--cache-dir', join(stage.folder, 'mypy'), written(code)],
      { ...env, MYPYPATH: join(client, 'src') },
    )
})

test('a checkout is installed as the page says', async () => {
  const command = snippetsIn(page, 'sh').find((text) => text.includes('client/python'))
  const pip = `'${installed}' -m pip --disable-pip-version-check`
  const said = await runProgram('sh', ['-ec', `cd '${root}'; ${(command ?? '').replace('pip', pip)}`], env)
  expect(said).toMatch(/Successfully installed foreman-client/)
})
