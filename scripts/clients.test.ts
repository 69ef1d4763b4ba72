// What `npm run clients` calls drift. That the committed layers have none is checked by itself, as it needs the generators.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { differences } from './clients.ts'

let made: string
let committed: string

beforeEach(() => {
  made = mkdtempSync(join(tmpdir(), 'foreman-made-'))
  committed = mkdtempSync(join(tmpdir(), 'foreman-committed-'))
  for (const folder of [made, committed]) {
    mkdirSync(join(folder, 'models'))
    writeFileSync(join(folder, 'models', 'job'), 'a job')
  }
})

afterEach(() => {
  for (const folder of [made, committed]) rmSync(folder, { recursive: true })
})

test('a layer that is what its generator makes has not drifted', () => {
  expect(differences(made, committed)).toEqual([])
})

test('a file that was changed, one that is missing and one too many are each told', () => {
  writeFileSync(join(committed, 'models', 'job'), 'a job, by hand')
  writeFileSync(join(made, 'client'), 'new')
  writeFileSync(join(committed, 'leftover'), 'old')
  expect(differences(made, committed)).toEqual(['client', 'leftover', 'models/job'])
})

test('a layer that was never made has drifted in all of its files', () => {
  expect(differences(made, join(committed, 'absent'))).toEqual(['models/job'])
})
