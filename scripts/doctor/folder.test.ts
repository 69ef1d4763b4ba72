import { chmodSync, chownSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { openForeman } from '../../server/app.harness.ts'
import { temporaryFolder } from '../../server/app.stage.ts'
import { newestIn } from '../../server/store/database.ts'
import { examineDisk, freeSpace, kindOf, pace } from './disk.ts'
import { examineFolder, standingFolder } from './folder.ts'
import type { Finding } from './finding.ts'

const uid = process.getuid?.()
const brief = (findings: Finding[]) => findings.map(({ what, verdict }) => `${verdict} ${what}`)

test("a folder of foreman's own is well, with what is in it", async () => {
  const { folder } = await openForeman()
  const findings = examineFolder(folder, uid)
  expect(brief(findings)).toEqual(['ok data folder', 'ok database'])
  expect(findings[1]?.said).toMatch(new RegExp(`^0 jobs, [\\d.]+ MB, schema ${newestIn()}$`))
})

test('a folder that is open to others, or none, is told', () => {
  const folder = temporaryFolder()
  chmodSync(folder, 0o755)
  expect(brief(examineFolder(folder, uid))).toEqual(['warn data folder', 'ok database'])
  writeFileSync(join(folder, 'file'), '')
  expect(brief(examineFolder(join(folder, 'file'), uid))).toEqual(['fail data folder'])
  symlinkSync('round', join(folder, 'round'))
  expect(examineFolder(join(folder, 'round'), uid)[0]?.said).toMatch(/^it cannot be looked into: ELOOP/)
  expect(standingFolder(join(folder, 'a', 'b'))).toBe(folder)
})

test('a folder of another user cannot be used', () => {
  const folder = temporaryFolder()
  expect(examineFolder(folder, 4711)[0]?.said).toMatch(/belongs to user \d+, and this is user 4711/)
})

test.skipIf(uid !== 0)('a file that the superuser has left in the folder of another is told by its name', async () => {
  const { folder } = await openForeman()
  chownSync(folder, 1000, 1000)
  chownSync(join(folder, 'foreman.db'), 1000, 1000)
  const [finding] = examineFolder(folder, uid)
  expect(finding).toMatchObject({ verdict: 'fail', said: expect.stringContaining('foreman.lock') })
  expect(finding?.said).not.toMatch(/foreman\.db[ ,]/)
})

test('a database of another schema, or a damaged one, is told', () => {
  const folder = temporaryFolder()
  const path = join(folder, 'foreman.db')
  const db = new Database(path)
  db.exec('CREATE TABLE job (id)')
  db.pragma('user_version = 1')
  expect(examineFolder(folder, uid)[1]?.said).toMatch(
    new RegExp(`schema 1, brought to ${newestIn()} at the next start$`),
  )
  db.pragma(`user_version = ${newestIn() + 1}`)
  db.close()
  expect(examineFolder(folder, uid)[1]).toMatchObject({
    verdict: 'fail',
    said: expect.stringContaining('newer foreman'),
  })
  writeFileSync(path, 'x'.repeat(5000))
  expect(examineFolder(folder, uid)[1]).toMatchObject({ verdict: 'fail', said: expect.stringContaining('is damaged') })
})

test("a disk is measured by commits of foreman's own, and nothing is left of them", () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, '.foreman-doctor-killed'))
  writeFileSync(join(folder, '.foreman-doctor-killed', 'foreman.db'), '')
  const findings = examineDisk(folder, 1_000_000).filter(({ what }) => what !== 'file system')
  expect(brief(findings)).toEqual(['ok free space', expect.stringMatching(/^(ok|warn) commits$/)])
  expect(readdirSync(folder)).toEqual([])
  writeFileSync(join(folder, 'file'), '')
  expect(brief(examineDisk(join(folder, 'file'), 1)).at(-1)).toBe('fail commits')
})

test.each([
  [0.5, 'ok', '0.50 ms each, 12 ms at most: 2000 submits a second'],
  [40, 'warn', '40 ms each, 12 ms at most: 25 submits a second'],
])('commits of %d ms are %s', (median, verdict, said) => {
  expect(pace(median, 12)).toMatchObject({ verdict, said: expect.stringContaining(said) })
})

test.each([
  [5e9, 'ok', '4.7 GB'],
  [5e8, 'warn', '477 MB: jobs are refused when it is used up'],
  [3e6, 'fail', '2.9 MB, and a job may need 128 MB (twice FOREMAN_BODY_MAX)'],
])('%d free bytes are %s, where a job may need 128 MB: %s', (free, verdict, said) => {
  expect(freeSpace(free, 64 * 2 ** 20)).toMatchObject({ verdict, said })
})

test.each([
  [0xef53, []],
  [0x01021994, ['warn file system']],
  [0x794c7630, ['warn file system']],
  [0x6969, ['fail file system']],
])('a file system of the type %d is %j', (type, found) => {
  expect(brief(kindOf(type, 'linux'))).toEqual(found)
  expect(kindOf(type, 'darwin')).toEqual([])
})
