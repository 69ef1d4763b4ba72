// What docs/responses.md shows for the shell, run as it stands there against a foreman in front of the simulated Ollama.
// Only the address is put in.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { hasCurl, setStage, shownAt, snippetsIn, textOf } from './page.harness.ts'

const page = textOf('docs', 'responses.md')

test.skipIf(!hasCurl)('a background response by hand is asked for until it is completed, and deleted', async () => {
  const stage = await setStage({ models: ['llama3.2'] })
  onTestFinished(() => stage.close())
  const [text = ''] = snippetsIn(page, 'sh')
  expect(text).toContain(shownAt)
  const here = text.replace(shownAt, stage.url).replaceAll('curl', "curl -sS --noproxy '*'")
  const { stdout } = await promisify(execFile)('sh', ['-ec', here])
  const [response, deleted] = stdout.trim().split(/\n|(?<=\})(?=\{)/)
  expect(JSON.parse(response ?? '')).toMatchObject({ status: 'completed', metadata: { feed: '42' }, background: true })
  expect(JSON.parse(deleted ?? '')).toMatchObject({ object: 'response', deleted: true })
})
