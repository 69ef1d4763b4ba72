// What docs/attach.md shows, run as it stands there against a foreman in front of the simulated Ollama. Only addresses
// and ids are put in.

import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApp, type App } from '../server/app.ts'
import { loadConfig } from '../server/config.ts'
import { startFake, type Fake } from '../server/ollama/fake/fake.ts'

const run = promisify(execFile)
const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'attach.md'), 'utf8')
const snippets = (language: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, text]) => text as string)
const hasCurl = spawnSync('curl', ['--version']).status === 0

let folder: string
let fake: Fake
let app: App
let id: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'foreman-attach-'))
  fake = await startFake({ models: ['m'], tokens: 20 })
  const env = { FOREMAN_TARGET: fake.url, FOREMAN_LISTEN: '127.0.0.1:0', FOREMAN_DATA: folder }
  const config = loadConfig(env, (path) => readFileSync(path, 'utf8'))
  app = await startApp({ config, log: pino({ level: 'silent' }), owner: process.pid })
  const body = JSON.stringify({
    request: { endpoint: '/api/chat', body: { model: 'm', messages: [{ role: 'user', content: 'x' }] } },
  })
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${app.url}/jobs`, { method: 'POST', headers, body })
  id = ((await answer.json()) as { id: string }).id
})

afterAll(async () => {
  await app?.close()
  await fake?.close()
  rmSync(folder, { recursive: true, force: true })
})

function here(text: string): string {
  expect(text).toContain('http://127.0.0.1:11435/jobs/job_…')
  return text.replaceAll('http://127.0.0.1:11435', app.url).replaceAll('job_…', id)
}

async function shell(text: string | undefined): Promise<string> {
  const { stdout } = await run('sh', ['-ec', here(text ?? '').replaceAll('curl', "curl -sS --noproxy '*'")])
  return stdout
}

test.skipIf(!hasCurl)('the loop around wait ends with the job', async () => {
  await shell(snippets('sh')[0])
  const { state } = (await (await fetch(`${app.url}/jobs/${id}`)).json()) as { state: string }
  expect(state).toBe('done')
})

test('the reader in JavaScript has the whole text, and leaves', async () => {
  const file = join(folder, 'follow.mjs')
  writeFileSync(file, here(snippets('js')[0] ?? ''))
  const { stdout } = await run(process.execPath, ['--experimental-eventsource', file])
  const { response } = (await (await fetch(`${app.url}/jobs/${id}?include=response`)).json()) as {
    response: { message: { content: string } }
  }
  expect(stdout.trim()).toBe(`done ${response.message.content}`)
})

test.skipIf(!hasCurl)('curl goes on after a line, and reads the lines themselves', async () => {
  const [, after = '', stream = ''] = snippets('sh')
  const told = await shell(after)
  expect(told.match(/^event: output$/gm)).toHaveLength(4)
  expect(told).toContain('event: end')
  expect((await shell(stream)).trim().split('\n')).toHaveLength(21)
})
