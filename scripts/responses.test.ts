// What docs/responses.md shows for the shell, run as it stands there against a foreman in front of the simulated Ollama.
// Only the address is put in.

import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pino from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { startApp } from '../server/app.ts'
import { loadConfig } from '../server/config.ts'
import { startFake } from '../server/ollama/fake/fake.ts'

const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'responses.md'), 'utf8')
const hasCurl = spawnSync('curl', ['--version']).status === 0

test.skipIf(!hasCurl)('a background response by hand is asked for until it is completed, and deleted', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'foreman-responses-'))
  const fake = await startFake({ models: ['llama3.2'] })
  const env = { FOREMAN_TARGET: fake.url, FOREMAN_LISTEN: '127.0.0.1:0', FOREMAN_DATA: folder }
  const config = loadConfig(env, (path) => readFileSync(path, 'utf8'))
  const app = await startApp({ config, log: pino({ level: 'silent' }), owner: process.pid })
  onTestFinished(async () => {
    await app.close()
    await fake.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const text = /^```sh\n([\s\S]*?)^```/m.exec(page)?.[1] ?? ''
  expect(text).toContain('http://127.0.0.1:11435')
  const here = text.replace('http://127.0.0.1:11435', app.url).replaceAll('curl', "curl -sS --noproxy '*'")
  const { stdout } = await promisify(execFile)('sh', ['-ec', here])
  const [response, deleted] = stdout.trim().split(/\n|(?<=\})(?=\{)/)
  expect(JSON.parse(response ?? '')).toMatchObject({ status: 'completed', metadata: { feed: '42' }, background: true })
  expect(JSON.parse(deleted ?? '')).toMatchObject({ object: 'response', deleted: true })
})
