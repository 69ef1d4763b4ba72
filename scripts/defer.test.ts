// What docs/defer.md shows with curl, run as it stands there against a foreman in front of the simulated Ollama. Only the
// address is put in. The snippets of the SDKs are run by `npm run compat`.

import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApp, type App } from '../server/app.ts'
import { loadConfig } from '../server/config.ts'
import { endpoints } from '../server/job/submit.ts'
import { startFake, type Fake } from '../server/ollama/fake/fake.ts'

const run = promisify(execFile)
const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'defer.md'), 'utf8')
const snippets = [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, text]) => text as string)
const hasCurl = spawnSync('curl', ['--version']).status === 0

let folder: string
let fake: Fake
let app: App

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'foreman-defer-'))
  fake = await startFake({ models: ['llama3.2'] })
  const env = { FOREMAN_TARGET: fake.url, FOREMAN_LISTEN: '127.0.0.1:0', FOREMAN_DATA: join(folder, 'data') }
  const config = loadConfig(env, (path) => readFileSync(path, 'utf8'))
  app = await startApp({ config, log: pino({ level: 'silent' }), owner: process.pid })
})

afterAll(async () => {
  await app?.close()
  await fake?.close()
  rmSync(folder, { recursive: true, force: true })
})

async function shell(text = ''): Promise<string> {
  expect(text).toContain('http://127.0.0.1:11435/')
  const here = text.replaceAll('http://127.0.0.1:11435', app.url).replaceAll('curl -sS', "curl -sS --noproxy '*'")
  return (await run('sh', ['-ec', here], { cwd: folder })).stdout
}

test('the page names every route that can', () => {
  for (const endpoint of endpoints) expect(page).toContain(`\`${endpoint}\``)
})

test.skipIf(!hasCurl)('a call that is handed over is a job with its labels', async () => {
  const said = await shell(snippets[0])
  expect(said).toMatch(/^HTTP\/1\.1 202 /)
  const location = /^Location: (\S+)\r$/m.exec(said)?.[1] ?? ''
  const job = (await (await fetch(location)).json()) as { labels: object }
  expect(job.labels).toEqual({ feed: '42' })
})

test.skipIf(!hasCurl)(
  'the loop ends with the answer of the route, and is about one job however often it is run',
  async () => {
    const answers = [await shell(snippets[1]), await shell(snippets[1])]
    expect(answers[1]).toBe(answers[0])
    const { message } = JSON.parse(answers[0] ?? '') as { message: { content: string } }
    expect(message.content).not.toBe('')
    const { data } = (await (await fetch(`${app.url}/jobs`)).json()) as { data: { labels: { feed?: string } }[] }
    expect(data.filter(({ labels }) => labels.feed === undefined)).toHaveLength(1)
  },
)
