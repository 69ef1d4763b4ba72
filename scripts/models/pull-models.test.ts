// The command itself, as a process: its settings, its exit codes, and its bars on a terminal.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openForeman } from '../../server/app.harness.ts'
import { temporaryFolder } from '../../server/app.stage.ts'
import { Command, hasTerminal, played, runScript } from '../command.harness.ts'

const token = 'a-token-of-some-length'

async function aForeman() {
  const foreman = await openForeman({ fake: { models: [], registry: ['small'] }, settings: { TOKEN: token } })
  const folder = temporaryFolder()
  const list = join(folder, 'models.txt')
  writeFileSync(list, 'small  num_ctx=4096\n')
  return { url: foreman.url, folder, list }
}

test('it ends with 0 when all are there; the token may come from a file', async () => {
  const { url, folder, list } = await aForeman()
  const secret = join(folder, 'token')
  writeFileSync(secret, `${token}, and-another-one-of-some-length\n`)
  const env = { FOREMAN_URL: `${url}/`, FOREMAN_TOKEN_FILE: secret }
  const { code, stdout, stderr } = await runScript('pull-models', [list], { env })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/small: pulled, num_ctx set to 4096; 0\.3 MB\n1 of 1 models are there, 0\.3 MB in all\n$/)
})

test('it ends with 1 and a reason for each model that is not there', async () => {
  const { url, list } = await aForeman()
  writeFileSync(list, 'nobody\nsmall\n')
  const { code, stderr } = await runScript('pull-models', [list], { env: { FOREMAN_URL: url, FOREMAN_TOKEN: token } })
  expect({ code, stderr }).toEqual({ code: 1, stderr: 'nobody: pull model manifest: file does not exist\n' })
})

test('a token that is not accepted, or nobody there for as long as one waits, is a line', async () => {
  const { url, list } = await aForeman()
  const refused = await runScript('pull-models', [list], { env: { FOREMAN_URL: url } })
  expect(refused).toMatchObject({
    code: 1,
    stderr: `pull-models: ${url} wants another token: FOREMAN_TOKEN or FOREMAN_TOKEN_FILE\n`,
  })
  const nobody = await runScript('pull-models', [list, '--wait', '0'], { env: { FOREMAN_URL: 'http://127.0.0.1:9' } })
  expect(nobody).toMatchObject({ code: 1, stderr: expect.stringMatching(/^pull-models: no answer from http:.*\n$/) })
})

test('what is asked for in a wrong way is code 2', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'bad.txt'), 'a 8192\n')
  const wrong: [string[], Record<string, string>, RegExp][] = [
    [['bad.txt'], {}, /bad\.txt: line 1: "8192" after a/],
    [['none.txt'], {}, /none\.txt/],
    [['--wait', 'long'], {}, /--wait takes a number of seconds/],
    [['--weit', '1'], {}, /--weit/],
    [[], { FOREMAN_URL: 'ollama:11434' }, /FOREMAN_URL is ollama:11434/],
    [
      [],
      { FOREMAN_URL: 'http://:secret@127.0.0.1:9' },
      /^pull-models: FOREMAN_URL has .* FOREMAN_TOKEN is for that\n$/,
    ],
  ]
  for (const [args, env, why] of wrong) {
    const { code, stderr } = await runScript('pull-models', args, { env, cwd: folder })
    expect({ args, code, stderr }).toEqual({ args, code: 2, stderr: expect.stringMatching(why) })
  }
})

test.skipIf(!hasTerminal)('on a terminal a bar shows how much of a model has come', async () => {
  const { url, list } = await aForeman()
  const env = { FOREMAN_URL: url, FOREMAN_TOKEN: token }
  const { code, stdout } = await runScript('pull-models', [list], { env, terminal: true })
  expect(code).toBe(0)
  expect(stdout).toMatch(/small {2}█+ {2}100% {2}0\.3 MB of 0\.3 MB/)
  expect(stdout).not.toContain('pulling')
  expect(stdout).toContain('1 of 1 models are there')
})

test.skipIf(!hasTerminal)('Ctrl-C ends it, and the terminal has its cursor and its line breaks again', async () => {
  const { folder, list } = await aForeman()
  const half = '{"status":"pulling aa","digest":"sha256:aa","total":1000000,"completed":500000}\n'
  const { url, close } = await played(({ url: path }, answer) => {
    if (path === '/api/pull') answer.write(half)
    else answer.end('{"models":[]}')
  })
  const program = [process.execPath, join(import.meta.dirname, '../pull-models.ts')] as const
  const command = new Command([list], { program, env: { FOREMAN_URL: url }, cwd: folder, terminal: true })
  await command.until(/50%/)
  command.interrupt()
  const { stdout, code } = await command.ended
  close()
  expect(code).toBe(130)
  const last = (shown: string, hidden: string) => stdout.lastIndexOf(shown) > stdout.lastIndexOf(hidden)
  expect([last('\u001b[?25h', '\u001b[?25l'), last('\u001b[?7h', '\u001b[?7l')]).toEqual([true, true])
})
