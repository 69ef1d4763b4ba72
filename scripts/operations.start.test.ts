// What docs/operations.md says of a foreman that does not start: each of its lines is what a foreman says that is brought into
// that trouble, or stands in the code where none can be brought into it here.

import Database from 'better-sqlite3'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openForeman } from '../server/app.harness.ts'
import { Process } from '../server/app.outside.ts'
import { temporaryFolder } from '../server/app.stage.ts'
import { namesIn, rowsOf, sectionOf } from './observe/tables.ts'
import { textOf } from './page.harness.ts'

const told = rowsOf(sectionOf(textOf('docs', 'operations.md'), 'foreman does not start')).map(
  ([cell]) => namesIn(cell)[0]!,
)

/** What is told, with `N` for a number and `…` for anything, as it is said. */
function pattern(words: string): RegExp {
  const escaped = words.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replaceAll(/\bN\b/g, '\\d+').replaceAll(/ ?… ?/g, '.*')}`)
}

test('a foreman that does not start says one of the lines that are told', async () => {
  const foreman = await openForeman()
  const folder = temporaryFolder()
  const data = (name: string) => {
    const path = join(folder, name)
    mkdirSync(path)
    return path
  }
  const newer = data('newer')
  copyFileSync(join(foreman.folder, 'foreman.db'), join(newer, 'foreman.db'))
  const db = new Database(join(newer, 'foreman.db'))
  db.pragma('user_version = 9999')
  db.close()
  const damaged = data('damaged')
  writeFileSync(join(damaged, 'foreman.db'), 'no database, but long enough to be taken for one'.repeat(100))
  const others = data('others')
  writeFileSync(join(others, 'letter.txt'), 'x')
  const troubles: [settings: Record<string, string>, code: number][] = [
    [{ PATIENCE: 'soon', HOLD: 'long' }, 2],
    [{ DATA: foreman.folder }, 1],
    [{ DATA: newer }, 1],
    [{ DATA: damaged }, 1],
    [{ DATA: others }, 1],
    [{ DATA: join(others, 'letter.txt') }, 1],
    [{ DATA: data('own'), LISTEN: new URL(foreman.url).host }, 1],
  ]
  const said = await Promise.all(
    troubles.map(async ([settings, code]) => {
      const process = new Process('main.ts', { settings: { TARGET: foreman.fake.url, ...settings }, cwd: folder })
      expect([settings, (await process.ended).code]).toEqual([settings, code])
      return process.err
    }),
  )
  const heard = said.map((text) => told.filter((words) => pattern(words).test(text)))
  expect(heard.map((lines, i) => (lines.length === 1 ? 'told' : said[i]))).toEqual(said.map(() => 'told'))
  // Neither an old Node nor a network file system can be brought about here.
  const source = textOf('server', 'main.ts') + textOf('server', 'store', 'database.ts')
  const rest = told.filter((words) => !heard.flat().includes(words))
  expect(rest).toHaveLength(2)
  for (const words of rest) for (const part of words.split(/ ?… ?/).filter(Boolean)) expect(source).toContain(part)
}, 60_000)
