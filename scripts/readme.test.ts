// What the README shows, run as it stands there: its curl calls and its TypeScript against a foreman in front of the
// simulated Ollama, its settings against the daemon's own check. Only addresses and ids are put in.
import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hasCurl, root, setStage, shownAt, snippetsIn, textOf, type Stage } from './page.harness.ts'

const run = promisify(execFile)
const readme = textOf('README.md')
const snippets = (language: string) => snippetsIn(readme, language)
const curls = snippets('sh').filter((text) => text.startsWith('curl'))
const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FOREMAN_')))

let stage: Stage
let folder: string

beforeAll(async () => {
  stage = await setStage({ models: ['llama3.2'], tokens: 5 })
  folder = stage.folder
  // A project that has the client as its package, built as the end of `npm ci` builds it.
  await run('npm', ['run', '--silent', 'prepare'], { cwd: root })
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(join(root, 'client/typescript'), join(folder, 'node_modules/foreman-client'))
}, 120_000)

afterAll(() => stage?.close())

/** Puts the address of the foreman of this test in the place of the one that is shown. */
function here(text: string): string {
  expect(text).toContain(shownAt)
  return text.replaceAll(shownAt, stage.url)
}

async function curl(text: string): Promise<string> {
  const { stdout } = await run('sh', ['-c', here(text).replace(/^curl/, "curl -sS --fail --noproxy '*'")], {
    env: clean,
  })
  return stdout
}

test('there are three curl calls: through the proxy, a job that is waited for, and its answer', () => {
  expect(curls).toHaveLength(3)
})

test.skipIf(!hasCurl)('the curl call of a person streams an answer through the proxy', async () => {
  const lines = (await curl(curls[0] as string)).trim().split('\n')
  const last = JSON.parse(lines.at(-1) as string) as { done: boolean }
  expect(lines.length).toBeGreaterThan(2)
  expect(last.done).toBe(true)
})

test.skipIf(!hasCurl)(
  'the curl call of a program posts a job and waits, and its answer is where the next one looks',
  async () => {
    type Said = { response: { done: boolean; message: { content: string } } }
    const job = JSON.parse(await curl(curls[1] as string)) as Said & { id: string; state: string }
    expect(job.state).toBe('done')
    expect(job.response.message.content).not.toBe('')
    expect(curls[2]).toContain('job_…')
    const looked = await curl((curls[2] as string).replace('job_…', job.id))
    const { response } = JSON.parse(looked) as Said
    expect(response).toEqual(job.response)
    expect(response.done).toBe(true)
  },
)

test('the TypeScript runs and prints an answer and the end of a job', async () => {
  const [code] = snippets('ts')
  expect(code).toContain("from 'foreman-client'")
  const file = join(folder, 'snippet.ts')
  writeFileSync(file, here(code as string))
  const { stdout } = await run(process.execPath, [file], { env: clean })
  const [content, end] = stdout.trim().split('\n')
  expect(content).not.toBe('')
  expect(end).toBe('done 5')
})

test('the TypeScript has no type error', async () => {
  const typed = join(folder, 'typed')
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      typeRoots: [join(root, 'node_modules/@types')],
    },
    include: [],
    files: ['typed.ts'],
  }
  writeFileSync(`${typed}.ts`, snippets('ts')[0] as string)
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const { stdout } = await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder]).catch(
    (error: { stdout: string }) => error,
  )
  expect(stdout).toBe('')
})

test('the example of settings passes the check that is shown beside it', async () => {
  expect(readme).toContain('cp .env.example .env')
  expect(readme).toContain('npm start -- --check')
  const place = mkdtempSync(join(folder, 'settings-'))
  copyFileSync(join(root, '.env.example'), join(place, '.env'))
  const { stdout } = await run(process.execPath, [join(root, 'server/main.ts'), '--check'], { cwd: place, env: clean })
  expect(stdout).toMatch(/settings are fine/)
})
