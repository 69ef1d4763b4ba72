// Ten thousand deliveries may wait, and each wake asks what is due: no statement of the outbox may read what it is not
// asked for.
import type Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { Deliveries } from './deliveries.ts'
import { look, openStore, temporaryFolder } from './store.harness.ts'
import { Tries } from './tries.ts'

/** Every statement that the outbox prepares, and how SQLite would run it. */
function plans(): Map<string, string[]> {
  const folder = temporaryFolder()
  openStore({ folder })
  const db = look(folder)
  const found = new Map<string, string[]>()
  const prepare = (sql: string) => {
    const values = sql.includes('@') ? undefined : Array.from(sql.matchAll(/\?/g), () => null)
    const steps = values ? db.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).all(...values) : []
    found.set(
      sql.replaceAll(/\s+/g, ' '),
      steps.map(({ detail }) => detail),
    )
    return db.prepare(sql)
  }
  const recording = { prepare } as unknown as Database.Database
  void new Deliveries(recording)
  void new Tries(recording)
  return found
}

test('only what is asked once at the start, or for a scrape, reads the index of all that waits', () => {
  const reading = (kind: RegExp) => [...plans()].filter(([, steps]) => steps.some((step) => kind.test(step)))
  const all = reading(/^SCAN/)
  expect(all.map(([sql]) => sql)).toEqual([
    "SELECT count(*) AS n FROM delivery WHERE state = 'pending'",
    "SELECT DISTINCT host FROM delivery WHERE state = 'pending'",
    "UPDATE delivery SET due = ? WHERE state = 'pending' AND due > ?",
  ])
  for (const [, steps] of all)
    expect(steps).toEqual([expect.stringMatching(/USING (COVERING )?INDEX delivery_of_host$/)])
  // Nothing is put in order that is not read in it.
  expect(reading(/TEMP B-TREE/)).toEqual([])
})

test('what is due first at a host is one step into the index, without the rows', () => {
  const [, steps] = [...plans()].find(([sql]) => sql.includes('AND host = ?')) ?? []
  expect(steps).toEqual(['SEARCH delivery USING COVERING INDEX delivery_of_host (host=?)'])
})
