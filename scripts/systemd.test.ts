// The commands that docs/systemd.md shows, run as they stand there, on the data folder of a foreman that is another user's. Only
// the paths are others, and there is no systemd.

import { execFile } from 'node:child_process'
import { chownSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { environment } from './command.harness.ts'
import { root, setStage, snippetsIn, textOf, type Stage } from './page.harness.ts'

const run = promisify(execFile)
const [, , commands = '', restore = ''] = snippetsIn(textOf('docs', 'systemd.md'), 'sh')
const superuser = process.getuid?.() === 0
const token = 'token-of-the-unit'

let stage: Stage
let data: string

beforeAll(async () => {
  stage = await setStage({ models: ['llama3.2'] }, { FOREMAN_TOKEN: token })
  data = join(stage.folder, 'data')
  const etc = join(stage.folder, 'etc')
  mkdirSync(etc)
  writeFileSync(join(etc, 'token'), token)
  writeFileSync(
    join(etc, 'foreman.env'),
    `FOREMAN_TARGET=${stage.fake.url}\nFOREMAN_LISTEN=${new URL(stage.url).host}\n`,
  )
})

afterAll(() => stage?.close())

/** All of a block in one shell, where systemctl does nothing. */
async function shell(block: string): Promise<string> {
  const here = block
    .replaceAll('/opt/foreman', root)
    .replaceAll('/var/lib/foreman', data)
    .replaceAll('/etc/foreman', join(stage.folder, 'etc'))
    .replaceAll('/var/backups/foreman', join(stage.folder, 'backups'))
  const { stdout } = await run('sh', ['-ec', `systemctl() { :; }\n${here}`], { cwd: root, env: environment() })
  return stdout
}

test('the doctor and the backup go by the settings of the unit, and a restore leaves every file to whom the folder belongs', async () => {
  const written = await shell(commands)
  expect(written).not.toMatch(/^fail/m)
  expect(written).toContain(`foreman: ready at ${stage.url}`)
  expect(written).toContain('before-the-holidays.db: 0 jobs')

  await stage.daemon.stop()
  const owner = superuser ? 65_534 : process.getuid!()
  if (superuser) for (const name of ['', ...readdirSync(data)]) chownSync(join(data, name), owner, owner)
  // The function is of the same shell; the backup's name is taken.
  const [functions = ''] = commands.split(/^(?=with_settings scripts)/m)
  const late = 'with_settings scripts/backup.ts /var/backups/foreman/stopped.db\n'
  expect(await shell(functions + late + restore)).toMatch(
    /stopped\.db: 0 jobs[^]*; what was there is \S+foreman\.before-/,
  )
  expect(new Set(readdirSync(data).map((name) => lstatSync(join(data, name)).uid))).toEqual(new Set([owner]))
})
