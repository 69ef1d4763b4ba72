// A restore: what it puts aside, and what it refuses without touching anything.

import Database from 'better-sqlite3'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chownSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { chat, openForeman } from '../../server/app.harness.ts'
import { temporaryFolder } from '../../server/app.stage.ts'
import { newestIn } from '../../server/store/database.ts'
import { runScript } from '../command.harness.ts'
import { stamp } from './place.ts'

const of = (folder: string) => ({ env: { FOREMAN_DATA: folder } })

/** A backup with one job, which is done. */
async function aBackup() {
  const foreman = await openForeman()
  const { id } = await foreman.submit(chat())
  await foreman.ended(id)
  const file = join(temporaryFolder(), 'backup.db')
  await runScript('backup', [file], of(foreman.folder))
  await foreman.close()
  return { id, file, fake: foreman.fake }
}

test('it is refused while a foreman runs, which goes on with what it has', async () => {
  const { file } = await aBackup()
  const foreman = await openForeman()
  const { id } = await foreman.submit(chat())
  const refused = await runScript('restore', [file], of(foreman.folder))
  expect(refused.code).toBe(1)
  expect(refused.stderr).toMatch(/^restore: another foreman \(process \d+\) is using this data folder: .* is locked\n$/)
  expect((await foreman.ended(id)).state).toBe('done')
})

test('what was there is put aside whole, with the log of a foreman that was killed, which the new one does not see', async () => {
  const { id, file, fake } = await aBackup()
  const folder = temporaryFolder()
  const holder = spawn(process.execPath, [join(import.meta.dirname, '../../server/store/holder.child.ts'), folder])
  await once(holder.stdout, 'data')
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  expect(statSync(join(folder, 'foreman.db-wal')).size).toBeGreaterThan(0)

  const restored = await runScript('restore', [file], of(folder))
  expect(restored).toMatchObject({ code: 0, stderr: '' })
  const [, aside = ''] = /what was there is (\S+)\n/.exec(restored.stdout) ?? []
  // With its log in it: two files could not be renamed in one step, and a kill between them would lose one.
  expect(readdirSync(folder)).toEqual([basename(aside), 'foreman.db', 'foreman.lock'])
  const old = new Database(aside)
  expect(old.prepare("SELECT value FROM setting WHERE name = 'holder'").pluck().get()).toBe(String(holder.pid))
  old.close()
  const foreman = await openForeman({ folder, fake })
  expect((await foreman.job(id)).state).toBe('done')
  expect(foreman.rows("SELECT value FROM setting WHERE name = 'holder'")).toEqual([])
})

test('a backup that is damaged, from a newer foreman, or none is refused, and the database stays as it was', async () => {
  const { file } = await aBackup()
  const { folder } = await aFolder()
  const was = readFileSync(join(folder, 'foreman.db'))
  const names = readdirSync(folder).sort()

  const newer = join(temporaryFolder(), 'newer.db')
  writeFileSync(newer, readFileSync(file))
  const db = new Database(newer)
  db.pragma(`user_version = ${newestIn() + 1}`)
  db.close()
  const bytes = readFileSync(file)
  const damaged = join(temporaryFolder(), 'damaged.db')
  writeFileSync(damaged, bytes.fill(7, 8192, 16_384))
  const shut = join(temporaryFolder(), 'shut.db')
  copyFileSync(join(folder, 'foreman.db'), shut)
  mkdirSync(`${shut}-wal`)
  for (const [given, why] of [
    [newer, `is from a newer foreman (schema ${newestIn() + 1}, this one knows ${newestIn()})`],
    [damaged, 'is damaged'],
    [shut, `${shut} cannot be read (unable to open database file); `],
    [join(folder, 'nothing.db'), 'there is no '],
    [join(folder, 'foreman.db'), "is foreman's own, and no backup"],
    [join(folder, 'foreman.restored'), "is foreman's own, and no backup"],
  ] as const) {
    const { code, stdout, stderr } = await runScript('restore', [given], of(folder))
    expect({ code, stdout, lines: stderr.split('\n').length }).toEqual({ code: 1, stdout: '', lines: 2 })
    expect(stderr).toContain(why)
  }
  expect(readdirSync(folder).sort()).toEqual(names)
  expect(readFileSync(join(folder, 'foreman.db'))).toEqual(was)
})

test("a folder with what is not foreman's is refused", async () => {
  const { file } = await aBackup()
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'letter.txt'), '')
  const { code, stderr } = await runScript('restore', [file], of(folder))
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("holds what is not foreman's") })
})

test('on a new machine the backup may lie in the folder that becomes the data folder', async () => {
  const { file } = await aBackup()
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'backups'))
  const carried = join(folder, 'backups', 'a.db')
  copyFileSync(file, carried)
  expect(await runScript('restore', [carried], of(folder))).toMatchObject({ code: 0, stderr: '' })
  expect(readdirSync(folder).sort()).toEqual(['backups', 'foreman.db', 'foreman.lock'])
})

test('what an earlier restore has put aside is never replaced', async () => {
  const { file } = await aBackup()
  const { folder } = await aFolder()
  const was = readFileSync(join(folder, 'foreman.db'))
  const names = Array.from({ length: 120 }, (_, n) => `foreman.before-${stamp(Date.now() + n * 1000)}.db`)
  for (const name of names) writeFileSync(join(folder, name), '')
  const { code, stderr } = await runScript('restore', [file], of(folder))
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(/before-\S+ is there, and is not replaced\n$/),
  })
  expect(readFileSync(join(folder, 'foreman.db'))).toEqual(was)
  expect(readdirSync(folder).sort()).toEqual([...names, 'foreman.db', 'foreman.lock'])
  expect(names.filter((name) => statSync(join(folder, name)).size > 0)).toEqual([])
})

test.skipIf(process.getuid?.() !== 0)('what the superuser restores belongs to whom the folder belongs to', async () => {
  const { file } = await aBackup()
  const { folder } = await aFolder()
  for (const path of ['', ...readdirSync(folder)]) chownSync(join(folder, path), 1000, 1000)
  // That user could put a link there to what is not theirs.
  symlinkSync(file, join(folder, 'foreman.link'))
  await runScript('restore', [file], of(folder))
  const owners = readdirSync(folder).map((name) => lstatSync(join(folder, name)).uid)
  expect(new Set(owners)).toEqual(new Set([1000]))
  expect(statSync(file).uid).toBe(0)
})

/** The folder of a foreman that has stopped. */
async function aFolder() {
  const foreman = await openForeman()
  await foreman.close()
  return { folder: foreman.folder }
}
