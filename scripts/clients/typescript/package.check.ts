// The package in an empty folder: what is in it, that its types say what the server's do, what docs/clients.md shows, and the
// oldest Node that it runs in.

import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root, setStage, shownAt, snippetsIn, textOf, type Stage } from '../../page.harness.ts'
import { ports } from '../../receiver.harness.ts'
import { believesSignedOnly } from '../../receiver.suite.ts'
import { compiler, makeProject, type Project } from './project.ts'

const run = promisify(execFile)
const token = 'token-of-the-pages'
const secret = `whsec_${Buffer.from('a secret that is long enough for it').toString('base64')}`
const env = { ...process.env, FOREMAN_TOKEN: token }
const oldest = `node-${process.platform}-${process.arch}@18.20.8`
const shown = snippetsIn(textOf('docs', 'clients.md'), 'ts')

let project: Project
let stage: Stage

beforeAll(async () => {
  project = await makeProject([compiler(), oldest, '@types/node@26', 'openapi-fetch@0.17.0'])
  stage = await setStage({ models: ['llama3.2'], tokens: 5 }, { FOREMAN_TOKEN: token })
}, 300_000)

afterAll(async () => {
  await stage?.close()
  project?.remove()
})

const here = (code: string) => code.replaceAll(shownAt, stage.url)

function write(name: string, code: string): string {
  const path = join(project.folder, name)
  writeFileSync(path, code)
  return path
}

/** What compilers say of a file with strict settings, all libraries checked: that of the client and that of the repository. */
async function compiled(path: string): Promise<string> {
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--verbatimModuleSyntax']
  const flags = ['--noEmit', ...strict, '--module', 'nodenext', '--target', 'es2022', '--types', 'node', path]
  const options = { cwd: project.folder, env }
  const said = [project.folder, root].map((place) =>
    run(join(place, 'node_modules/.bin/tsc'), flags, options).catch((failed: { stdout: string }) => failed),
  )
  return (await Promise.all(said)).map(({ stdout }) => stdout).join('')
}

/** The TypeScript of the page that has these words in it, as a file that both compilers have nothing to say of. */
async function program(words: string, change = (code: string) => code): Promise<string> {
  const found = shown.filter((code) => code.includes(words))
  expect(found, words).toHaveLength(1)
  const path = write(`shown-${words.replaceAll(/\W/g, '')}.ts`, change(here(found[0] as string)))
  expect(await compiled(path)).toBe('')
  return path
}

const printed = async (path: string) => (await run(process.execPath, [path], { env })).stdout

test('the package is the built files, the generated types, a README and nothing else, and knows nothing of the server', () => {
  expect(
    project.packed.filter((path) => !/^(?:(?:bin|dist)\/[\w/-]+\.js|package\.json|README\.md)$/.test(path)).toSorted(),
  ).toEqual(['dist/index.d.ts', 'dist/server.d.ts', 'rest/paths.d.ts'])
  const text = project.packed
    .map((path) => readFileSync(join(project.folder, 'node_modules/foreman-client', path), 'utf8'))
    .join('')
  expect(text).not.toMatch(/from '(?:zod|fastify|better-sqlite3|undici|(?:\.\.\/)+server)/)
})

test("its types are the server's: what does not exist is told", async () => {
  const asked = `import { Foreman } from 'foreman-client'
const foreman = new Foreman({ url: '' })
const job = await foreman.jobs.get({ id: 'job_1' })
const state: 'queued' | 'loading' | 'working' | 'done' | 'failed' | 'canceled' = job.state
`
  expect(
    await compiled(write('right.ts', `${asked}console.log(state, job.links.self, job.usage?.output_tokens)\n`)),
  ).toBe('')
  const wrong = await compiled(
    write(
      'wrong.ts',
      `${asked}console.log(state === 'idle', job.nothing)
await foreman.jobs.submit({ request: { endpoint: '/api/tags', body: {} } })
for (const part of await foreman.chat({ model: '', messages: [] })) part
`,
    ),
  )
  for (const code of ['TS2367', 'TS2339', 'TS2322', 'TS2488']) expect(wrong.split(code), code).toHaveLength(3)
})

test('the first call takes one install and at most ten lines, and runs in Node 18', async () => {
  const [install = ''] = snippetsIn(textOf('docs', 'clients.md'), 'sh')
  const folder = join(project.folder, 'first')
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  await run('sh', ['-ec', install.replace('../foreman', root)], { cwd: folder, env })
  const [first = ''] = shown
  expect(snippetsIn(textOf('client', 'typescript', 'README.md'), 'ts')).toEqual([first])
  expect(first.trim().split('\n').length).toBeLessThanOrEqual(10)
  writeFileSync(join(folder, 'first.mjs'), here(first))
  writeFileSync(join(folder, 'first.mts'), here(first))
  const { stdout } = await run(join(project.folder, 'node_modules/.bin/node'), [join(folder, 'first.mjs')], { env })
  expect(stdout.trim().split(' ')).toHaveLength(5)
  expect(await printed(join(folder, 'first.mts'))).toBe(stdout)
})

test('the first call, and the one that streams, print the same answer', async () => {
  const whole = await printed(await program("await foreman.chat({ model: 'llama3.2', messages })"))
  expect(whole.trim().split(' ').length).toBeGreaterThan(1)
  expect(await printed(await program('on_restart'))).toBe(whole.trimEnd())
})

test('the one that tells errors apart finds the model missing', async () => {
  expect(await printed(await program('instanceof ForemanError'))).toMatch(/^model_missing: .* job_\S+ undefined\n$/)
})

test('the one that hands over finds the job by its label, follows and prints it', async () => {
  const lines = (await printed(await program('foreman.jobs.submit'))).trimEnd().split('\n')
  expect(lines[0]).toMatch(/^job_\S+ \w+$/)
  expect(lines.slice(1, -1)).toEqual(expect.arrayContaining(['queued', 'working', 'done']))
  expect(lines.at(-1)).not.toBe('done')
})

test('the receiver believes what is signed and refuses what is not', async () => {
  const command = async (port: number) => [
    process.execPath,
    await program('webhooks.unwrap', (code) => code.replace(`${ports.webhooks}`, `${port}`)),
  ]
  const data = { id: 'job_1', state: 'done', sequence: 4 }
  await believesSignedOnly({ command, folder: project.folder, secret }, data)
})

test('who speaks plain REST has its types', async () => {
  expect(await printed(await program('openapi-fetch'))).toBe('done\n')
})

test('every TypeScript of the page is one of these', () => {
  expect(shown).toHaveLength(6)
})

test('the command line runs in Node 18', async () => {
  const node = join(project.folder, 'node_modules/.bin/node')
  const foreman = (...args: string[]) =>
    run(node, [join(project.folder, 'node_modules/.bin/foreman'), ...args], { env: { ...env, FOREMAN_URL: stage.url } })
  expect((await foreman('run', 'llama3.2', 'Why is the sky blue?')).stdout.trim().split(' ')).toHaveLength(5)
  const [id = ''] = (await foreman('list', '--limit', '1')).stdout.match(/job_\S+/) ?? []
  expect((await foreman('watch', id)).stdout).toMatch(/ done llama3.2:latest/)
  expect((await foreman('artifacts', id, '-o', project.folder)).stdout).toContain('output.txt')
  expect((await foreman('status')).stdout).toContain('awake')
})

test('it runs in Node 18', async () => {
  const path = write(
    'old.js',
    `import { Foreman } from 'foreman-client'
const foreman = new Foreman({ url: '${stage.url}', token: '${token}' })
const chat = { model: 'llama3.2', messages: [{ role: 'user', content: 'Why is the sky blue?' }] }
let text = ''
for await (const part of await foreman.chat({ ...chat, stream: true })) text += part.message.content
const { message } = await foreman.chat(chat, { signal: AbortSignal.timeout(60_000) })
console.log(process.version, message.content === text, text !== '')
`,
  )
  const { stdout } = await run(join(project.folder, 'node_modules/.bin/node'), [path], { env })
  expect(stdout).toBe('v18.20.8 true true\n')
})
