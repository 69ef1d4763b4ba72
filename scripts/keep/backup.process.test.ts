// A backup of a foreman that works, and what a restore makes of it.

import Database from 'better-sqlite3'
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { chat, openForeman, type Foreman } from '../../server/app.harness.ts'
import { temporaryFolder } from '../../server/app.stage.ts'
import { Command, runScript } from '../command.harness.ts'
import { syncFolder } from './copy.ts'

const of = (folder: string) => ({ env: { FOREMAN_DATA: folder } })
const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)

/** Jobs one after the other, several at a time, until it is told to stop. Answers the ids that were acknowledged. */
function load(foreman: Foreman, model: string) {
  const acknowledged: string[] = []
  const ending = new AbortController()
  const caller = async () => {
    while (!ending.signal.aborted) acknowledged.push((await foreman.submit(chat(model, `${acknowledged.length}`))).id)
  }
  const callers = Promise.all([caller(), caller(), caller()])
  const stop = () => {
    ending.abort()
    return callers
  }
  return { acknowledged, stop }
}

test('a backup under load has every job that was acknowledged before it began, and foreman goes on from it', async () => {
  const foreman = await openForeman()
  const done = await foreman.submit(chat('alpha'))
  await foreman.ended(done.id)
  const { response } = await foreman.job(done.id, '?include=response')
  const { acknowledged, stop } = load(foreman, 'alpha')
  while (acknowledged.length < 40) await foreman.submit(chat('alpha'))
  const before = [...acknowledged]
  const backup = join(temporaryFolder(), 'a.db')
  const made = await runScript('backup', [backup], of(foreman.folder))
  expect(made).toMatchObject({ code: 0, stderr: '' })
  expect(made.stdout).toMatch(/^\S+a\.db: \d+ jobs \(.*\d+ done.*\), schema \d+, [\d.]+ MB\n$/)
  await stop()
  await foreman.close()

  const folder = join(temporaryFolder(), 'new')
  const restored = await runScript('restore', [backup], of(folder))
  expect(restored).toMatchObject({ code: 0, stderr: '' })
  expect(mode(join(folder, 'foreman.db'))).toBe('600')
  const second = await openForeman({ folder, fake: foreman.fake })
  const states = await Promise.all(before.map(async (id) => (await second.ended(id)).state))
  expect(new Set(states)).toEqual(new Set(['done']))
  expect((await second.job(done.id, '?include=response')).response).toEqual(response)
})

test('a job that ran while the backup was made is queued again by the foreman that starts on it', async () => {
  const gate = Promise.withResolvers<void>()
  const foreman = await openForeman({ fake: { models: ['alpha'], tokenMs: gate.promise } })
  const { id } = await foreman.submit(chat('alpha'))
  await foreman.reached(id, 'working')
  const backup = join(temporaryFolder(), 'a.db')
  const { stdout } = await runScript('backup', [backup], of(foreman.folder))
  expect(stdout).toContain('1 job (1 working)')
  gate.resolve()
  await foreman.ended(id)
  await foreman.close()

  const folder = temporaryFolder()
  await runScript('restore', [backup], of(folder))
  const second = await openForeman({ folder, fake: foreman.fake })
  expect(second.app.recovered).toBe(1)
  expect((await second.ended(id)).state).toBe('done')
})

test('a backup is closed to others, has one file, and replaces none that is there', async () => {
  const foreman = await openForeman()
  const folder = temporaryFolder()
  const backup = join(folder, 'a.db')
  await runScript('backup', [backup], of(foreman.folder))
  expect(readdirSync(folder)).toEqual(['a.db'])
  expect(mode(backup)).toBe('600')
  const again = await runScript('backup', [backup], of(foreman.folder))
  expect(again).toEqual({ code: 1, stdout: '', stderr: `backup: ${backup} is there, and is not replaced\n` })
})

test('in a folder it is called after the moment, and only as many of the latest are kept as are asked for', async () => {
  const { folder: data } = await openForeman()
  const folder = temporaryFolder()
  const older = ['foreman-20250101T000000Z.db', 'foreman-20250102T000000Z.db', 'foreman-20250103T000000Z.db']
  for (const name of [...older, 'notes.txt']) writeFileSync(join(folder, name), '')
  const { stdout } = await runScript('backup', [folder, '--keep', '2'], of(data))
  expect(stdout).toContain('; erased 2 older')
  const left = readdirSync(folder).sort()
  expect(left).toEqual([
    'foreman-20250103T000000Z.db',
    expect.stringMatching(/^foreman-\d{8}T\d{6}Z\.db$/),
    'notes.txt',
  ])
})

test('the one just made stays, even where others were called after a clock that was wrong, and what was cut off goes with the old', async () => {
  const { folder: data } = await openForeman()
  const folder = temporaryFolder()
  const ahead = ['foreman-20990101T000000Z.db', 'foreman-20990102T000000Z.db', 'foreman-20990103T000000Z.db.partial']
  const behind = ['foreman-20250101T000000Z.db.partial', 'foreman-20250102T000000Z.db']
  for (const name of [...ahead, ...behind]) writeFileSync(join(folder, name), '')
  const { stdout } = await runScript('backup', [folder, '--keep', '2'], of(data))
  expect(stdout).toContain('; erased 3 older')
  const [, made = ''] = /([^/]+\.db): /.exec(stdout) ?? []
  expect(readdirSync(folder).sort()).toEqual([made, ...ahead.slice(1)])
  const other = temporaryFolder()
  writeFileSync(join(other, ahead[0]!), '')
  await runScript('backup', [other, '--keep', '1'], of(data))
  expect(readdirSync(other)).toEqual([expect.not.stringContaining('2099')])
})

test('what cannot be backed up is said in a line, and leaves nothing', async () => {
  const data = temporaryFolder()
  const folder = temporaryFolder()
  const backup = join(folder, 'a.db')
  expect(await runScript('backup', [backup], of(data))).toMatchObject({
    code: 1,
    stderr: `backup: there is no ${join(data, 'foreman.db')}: FOREMAN_DATA says where it is\n`,
  })
  new Database(join(data, 'foreman.db')).exec('CREATE TABLE t (x); PRAGMA user_version = 1').close()
  expect(await runScript('backup', [join(folder, 'none', 'a.db')], of((await openForeman()).folder))).toEqual({
    code: 1,
    stdout: '',
    stderr: `backup: there is no folder ${join(folder, 'none')}\n`,
  })
  const other = await runScript('backup', [backup], of(data))
  expect(other.stderr).toContain("is no database of foreman's")
  writeFileSync(join(data, 'foreman.db'), 'x'.repeat(8192))
  const damaged = await runScript('backup', [backup], of(data))
  expect(damaged).toMatchObject({ code: 1, stderr: expect.stringContaining('is damaged') })
  expect(readdirSync(folder)).toEqual([])
})

test('a disk that is full is said, and the half of a backup is gone', async () => {
  const { folder: data } = await openForeman()
  const folder = temporaryFolder()
  const backup = join(folder, 'a.db')
  const limited = [
    'ulimit -f 100 && exec "$@"',
    'sh',
    process.execPath,
    join(import.meta.dirname, '../backup.ts'),
    backup,
  ]
  const { code, stderr } = await new Command(limited, { program: ['sh', '-c'], ...of(data) }).ended
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/a\.db cannot be written \(.+\)\n$/) })
  expect(readdirSync(folder)).toEqual([])
})

test.skipIf(process.platform !== 'linux')(
  'a folder that cannot be synced, as on some shares, is no reason to fail',
  () => {
    // One of the kernel's that refuses it.
    expect(() => syncFolder('/proc/self')).not.toThrow()
    expect(() => syncFolder('/proc/none')).toThrow('ENOENT')
  },
)

test('what is asked for in a wrong way is code 2', async () => {
  const folder = temporaryFolder()
  const wrong = [[], ['a', 'b'], ['a', '--keep', '0'], ['a', '--keap', '1'], [join(folder, 'a.db'), '--keep', '2']]
  for (const args of wrong) {
    mkdirSync(join(folder, 'data'), { recursive: true })
    writeFileSync(join(folder, 'data', 'foreman.db'), '')
    const { code, stderr } = await runScript('backup', args, { cwd: folder })
    expect({ args, code, usage: stderr.includes('usage: npm run backup') }).toEqual({ args, code: 2, usage: true })
  }
  expect(existsSync(join(folder, 'a.db'))).toBe(false)
})
