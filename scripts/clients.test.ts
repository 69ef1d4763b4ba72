// What `npm run clients` calls drift, and what is written by hand in the clients and has to be as it is here. That the generated
// layers have no drift is checked by itself, as it needs the generators.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { codes } from '../server/job/error.ts'
import { differences } from './clients.ts'
import { carried, modulePath } from './clients/go/module.ts'

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

test('what Python compiled is no drift', () => {
  mkdirSync(join(committed, '__pycache__'))
  writeFileSync(join(committed, '__pycache__', 'job.pyc'), 'bytes')
  expect(differences(made, committed)).toEqual([])
})

test('a layer that was never made has drifted in all of its files', () => {
  expect(differences(made, join(committed, 'absent'))).toEqual(['models/job'])
})

test('the path of the Go module is carried into imports and examples, and no other path is touched', () => {
  const path = modulePath('module git.example.org/me/foreman/client/go\n\ngo 1.24.0\n')
  const text = 'import foreman "example.com/foreman/client/go"; import "example.com/foreman/client/go/api"'
  expect(carried(text, path)).toBe(
    'import foreman "git.example.org/me/foreman/client/go"; import "git.example.org/me/foreman/client/go/api"',
  )
  const others = '[client/go](../client/go) =../foreman/client/go https://example.com/client/gopher client/go/go.mod'
  expect(carried(others, path)).toBe(others)
  expect(() => modulePath('module foreman\n')).toThrow('host.name')
})

const client = join(import.meta.dirname, '..', 'client')

test("Go's codes are foreman's, and those that only a client sees", () => {
  const text = readFileSync(join(client, 'go', 'error.go'), 'utf8')
  const listed = [...text.matchAll(/^\tErr\w+ +Code = "(\w+)"$/gm)].map(([, code]) => code)
  expect(listed).toEqual([...codes, 'unreachable', 'canceled'])
})

test("TypeScript's codes are foreman's, and those that only a client sees", () => {
  const text = readFileSync(join(client, 'typescript', 'src', 'error.ts'), 'utf8')
  const listed = [...text.matchAll(/^ {2}\| '(\w+)'$/gm)].map(([, code]) => code)
  expect(listed).toEqual([...codes, 'unreachable', 'canceled', 'restarted', 'unverified'])
})

test('the signed calls that clients verify in their tests are signed by the reference library', () => {
  const { id, timestamp, body, calls } = JSON.parse(
    readFileSync(join(client, 'go', 'webhook', 'testdata', 'calls.json'), 'utf8'),
  ) as {
    id: string
    timestamp: string
    body: string
    calls: { name: string; signed_by: string[]; signatures: string }[]
  }
  const at = new Date(Number(timestamp) * 1000)
  for (const { name, signed_by, signatures } of calls)
    expect(signatures, name).toBe(signed_by.map((secret) => new Webhook(secret).sign(id, at, body)).join(' '))
  expect(calls).toHaveLength(3)
})
