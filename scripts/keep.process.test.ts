// What docs/keep.md shows, run as it stands there, line by line, against a foreman in front of the simulated Ollama. Only the
// folders are others, and what a container is asked to run runs beside it.

import { execFile } from 'node:child_process'
import { globSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { environment } from './command.harness.ts'
import { root, setStage, snippetsIn, textOf, type Stage } from './page.harness.ts'

const run = promisify(execFile)
const page = textOf('docs', 'keep.md')
const [look = '', backup = '', restore = '', beside = '', litestream = '', models = ''] = snippetsIn(page, 'sh')

let stage: Stage
let data: string
let backups: string

beforeAll(async () => {
  stage = await setStage({ models: ['llama3.2'], registry: ['qwen3:4b', 'nomic-embed-text'], tokens: 5 })
  data = join(stage.folder, 'data')
  backups = join(stage.folder, 'backups')
  mkdirSync(backups)
  writeFileSync(join(stage.folder, 'models.txt'), textOf('deploy', 'models.txt'))
})

afterAll(() => stage?.close())

/** Each line of a block by itself; what is written by all of them. */
async function shell(block: string): Promise<string> {
  let written = ''
  for (const line of block.trim().split('\n')) {
    if (line === 'docker compose stop foreman') await stage.daemon.stop()
    else if (line === 'docker compose up -d foreman') await stage.daemon.start()
    // What deploy/compose.yaml has that service call.
    else if (line === 'docker compose run --rm models')
      written += await command('node scripts/pull-models.ts /models.txt')
    else written += await command(line.replace(/^docker compose (exec|run --rm) foreman /, ''))
  }
  return written
}

async function command(line: string): Promise<string> {
  const here = line
    .replaceAll(/(?<= )\/(backups|data)\b/g, `${stage.folder}/$1`)
    .replaceAll(' /models.txt', ` ${stage.folder}/models.txt`)
    .replace(/^node /, `${process.execPath} `)
    .replace('npm run', 'npm run --silent')
  const settings = {
    FOREMAN_DATA: data,
    FOREMAN_LISTEN: new URL(stage.url).host,
    FOREMAN_TARGET: stage.fake.url,
  }
  // No setting of foreman's: the doctor would say so.
  const env = environment(line.includes('pull-models') ? { FOREMAN_URL: stage.url } : settings)
  const { stdout } = await run('sh', ['-ec', here], { cwd: root, env })
  return stdout
}

test('there are six blocks; that of Litestream is run by scripts/deploy/litestream.deploy.ts', () => {
  expect(snippetsIn(page, 'sh')).toHaveLength(6)
  expect(litestream).toContain('litestream restore')
})

test('the doctor finds a foreman that is well, and the page has a row for each thing that it looks at', async () => {
  const written = await shell(look)
  expect(written).not.toMatch(/^fail/m)
  expect(written).toContain(`foreman: ready at ${stage.url}`)
  const sources = globSync('scripts/doctor/*.ts', { cwd: root }).filter((path) => !path.endsWith('.test.ts'))
  const looked = sources.flatMap((path) => [...textOf(path).matchAll(/about\('([^']+)'\)/g)].map(([, what]) => what))
  const rows = [...page.matchAll(/^\| `([^`]+)` \|/gm)].map(([, what]) => what)
  expect(rows.toSorted()).toEqual([...new Set(looked)].toSorted())
})

test('backups are made, and one of them is restored with the job that it has', async () => {
  const body = { model: 'llama3.2', messages: [{ role: 'user', content: 'hello' }] }
  const post = (path: string, value: object) =>
    fetch(stage.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(value),
    })
  const submitted = await post('/jobs?wait=60', { request: { endpoint: '/api/chat', body } })
  const { id, state } = (await submitted.json()) as { id: string; state: string }
  expect(state).toBe('done')
  expect(await shell(backup)).toMatch(/^(\S+\.db: 1 job \(1 done\), schema \d+, [\d.]+ MB\n){3}$/)
  expect(readdirSync(backups).sort()).toEqual([
    'before-the-holidays.db',
    expect.stringMatching(/^foreman-\d{8}T\d{6}Z\.db$/),
  ])

  const late = (await (await post('/jobs', { request: { endpoint: '/api/chat', body } })).json()) as { id: string }
  expect(await shell(restore)).toMatch(/1 job \(1 done\).*; what was there is \S+foreman\.before-\S+\.db\n$/)
  expect((await fetch(`${stage.url}/jobs/${id}`)).status).toBe(200)
  expect((await fetch(`${stage.url}/jobs/${late.id}`)).status).toBe(404)

  await expect(shell(beside)).rejects.toThrow('another foreman')
  await stage.daemon.stop()
  expect(await shell(beside)).toContain('1 job (1 done)')
  await stage.daemon.start()
})

test('the list of models is brought', async () => {
  const written = await shell(models)
  expect(written).toContain('qwen3:4b: pulled, num_ctx set to 8192')
  expect(written.match(/3 of 3 models are there/g)).toHaveLength(2)
})

test('what an older foreman says is in the page as it is said', () => {
  const said = /the database is from a newer foreman \(schema (\d+), this one knows (\d+)\)/.exec(page)
  expect(Number(said?.[1])).toBe(Number(said?.[2]) + 1)
})
