import { statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { look, openStore, rows, temporaryFolder } from './store.harness.ts'

test('a try of the disk goes through the log with as much as a job may need at once, and leaves no row', async () => {
  const folder = temporaryFolder()
  const store = openStore({ folder })
  const log = () => statSync(join(folder, 'foreman.db-wal')).size
  const before = log()
  await store.space.try()
  expect(log() - before).toBeGreaterThan(1024 * 1024)
  expect(rows(look(folder), 'setting')).toBe(0)
})
