// What docs/attach.md shows, run as it stands there against a foreman in front of the simulated Ollama. Only addresses
// and ids are put in.

import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hasCurl, setStage, shownAt, snippetsIn, textOf, type Stage } from './page.harness.ts'

const run = promisify(execFile)
const page = textOf('docs', 'attach.md')
const snippets = (language: string) => snippetsIn(page, language)

let stage: Stage
let id: string

beforeAll(async () => {
  stage = await setStage({ models: ['m'], tokens: 20 })
  const body = JSON.stringify({
    request: { endpoint: '/api/chat', body: { model: 'm', messages: [{ role: 'user', content: 'x' }] } },
  })
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${stage.url}/jobs`, { method: 'POST', headers, body })
  id = ((await answer.json()) as { id: string }).id
})

afterAll(() => stage?.close())

function here(text: string): string {
  expect(text).toContain(`${shownAt}/jobs/job_`)
  return text.replaceAll(shownAt, stage.url).replaceAll('job_…', id)
}

async function shell(text: string | undefined): Promise<string> {
  const { stdout } = await run('sh', ['-ec', here(text ?? '').replaceAll('curl', "curl -sS --noproxy '*'")])
  return stdout
}

test.skipIf(!hasCurl)('the loop around wait ends with the job', async () => {
  await shell(snippets('sh')[0])
  const { state } = (await (await fetch(`${stage.url}/jobs/${id}`)).json()) as { state: string }
  expect(state).toBe('done')
})

test.skipIf(!hasCurl)('and with one that is deleted meanwhile', async () => {
  const body = JSON.stringify({ request: { endpoint: '/api/chat', body: { model: 'm', messages: [] } } })
  const headers = { 'content-type': 'application/json' }
  const made = await fetch(`${stage.url}/jobs?wait=60`, { method: 'POST', headers, body })
  const gone = ((await made.json()) as { id: string }).id
  expect((await fetch(`${stage.url}/jobs/${gone}`, { method: 'DELETE' })).status).toBe(204)
  await shell(snippets('sh')[0]?.replace('job_…', gone))
})

test('the reader in JavaScript has the whole text, and leaves', async () => {
  const file = join(stage.folder, 'follow.mjs')
  writeFileSync(file, here(snippets('js')[0] ?? ''))
  const { stdout } = await run(process.execPath, ['--experimental-eventsource', file])
  const { response } = (await (await fetch(`${stage.url}/jobs/${id}?include=response`)).json()) as {
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
