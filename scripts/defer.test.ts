// What docs/defer.md shows with curl, run as it stands there against a foreman in front of the simulated Ollama. Only the
// address is put in. The snippets of the SDKs are run by `npm run compat`.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { endpoints } from '../server/job/submit.ts'
import { hasCurl, setStage, shownAt, snippetsIn, textOf, type Stage } from './page.harness.ts'

const run = promisify(execFile)
const page = textOf('docs', 'defer.md')
const snippets = snippetsIn(page, 'sh')

let stage: Stage
beforeAll(async () => {
  stage = await setStage({ models: ['llama3.2'] })
})
afterAll(() => stage?.close())

async function shell(text = ''): Promise<string> {
  expect(text).toContain(`${shownAt}/`)
  const here = text.replaceAll(shownAt, stage.url).replaceAll('curl -sS', "curl -sS --noproxy '*'")
  return (await run('sh', ['-ec', here], { cwd: stage.folder })).stdout
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
    const { data } = (await (await fetch(`${stage.url}/jobs`)).json()) as { data: { labels: { feed?: string } }[] }
    expect(data.filter(({ labels }) => labels.feed === undefined)).toHaveLength(1)
  },
)
