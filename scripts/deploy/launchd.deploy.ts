// deploy/foreman.plist and what docs/mac.md shows, as far as that goes without a Mac: the plist is one, says what is
// said everywhere else, and the loop that keeps a Mac awake does so while a model is loaded.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig } from '../../server/config.ts'
import { startFake } from '../../server/ollama/fake/fake.ts'
import { root, snippetsIn, textOf } from '../page.harness.ts'
import { runProgram } from '../real/cache.ts'

const path = join(root, 'deploy', 'foreman.plist')
const page = textOf('docs', 'mac.md').replaceAll(/^ {2}/gm, '')
const shown = (words: string) => snippetsIn(page, 'sh').find((text) => text.includes(words)) ?? ''

/** The property list as Python's own reader has it. */
async function read(xml: string): Promise<Record<string, unknown>> {
  const program = 'import json, plistlib, sys; print(json.dumps(plistlib.loads(sys.argv[1].encode())))'
  return JSON.parse(await runProgram('python3', ['-c', program, xml])) as Record<string, unknown>
}

test('the plist starts what npm start does, keeps it running, and lets it end', async () => {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: { start: string } }
  const [, started = ''] = /exec node (.*)$/.exec(scripts.start) ?? []
  const plist = await read(textOf('deploy', 'foreman.plist'))
  const { stopGrace } = loadConfig({}, () => '')
  expect(plist).toMatchObject({
    Label: 'foreman',
    ProgramArguments: ['/opt/foreman/node_modules/.bin/node', ...started.split(' ')],
    WorkingDirectory: '/opt/foreman',
    RunAtLoad: true,
    KeepAlive: true,
    Umask: 0o077,
  })
  expect(plist.ExitTimeOut).toBeGreaterThan(stopGrace / 1000 + 20)
})

test('the line of the page that installs it puts a user in', async () => {
  const line = /^sed .* \|/m
    .exec(shown('launchctl bootstrap'))?.[0]
    .replace(' |', '')
    .replace('deploy/foreman.plist', path)
  const plist = await read(await runProgram('sh', ['-ec', line ?? 'false']))
  expect(plist.UserName).toBe((await runProgram('id', ['-un'])).trim())
})

test.each([
  ['keeps a Mac awake while a model is loaded', true, 'caffeinate -i -t 60'],
  ['lets it sleep when none is', false, 'sleep 20'],
])('the loop of the page %s', async (_, loaded, does) => {
  const folder = mkdtempSync(join(tmpdir(), 'foreman-mac-'))
  const fake = await startFake({ models: ['alpha'] })
  try {
    // Whatever it does first ends it.
    for (const name of ['caffeinate', 'sleep']) {
      const program = join(folder, name)
      writeFileSync(program, `#!/bin/sh\necho "${name} $*"\nkill $PPID\n`)
      chmodSync(program, 0o755)
    }
    if (loaded)
      await fetch(`${fake.url}/api/generate`, {
        method: 'POST',
        body: JSON.stringify({ model: 'alpha', stream: false }),
      })
    const script = join(folder, 'loop')
    writeFileSync(script, shown('caffeinate').replace('http://127.0.0.1:11434', fake.url))
    const env = { PATH: `${folder}:${process.env.PATH}` }
    const said = await runProgram('sh', ['-c', `sh '${script}' || true`], env)
    expect(said.trim()).toBe(does)
  } finally {
    await fake.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
