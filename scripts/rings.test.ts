import { describe, expect, test } from 'vitest'
import { violations } from './rings.ts'

const check = (files: Record<string, string>) => violations(new Map(Object.entries(files)))

describe('a file of the server', () => {
  test('may import lower rings, its own room, packages and data', () => {
    const text = [
      `import { z } from 'zod'`,
      `import { readFileSync } from 'node:fs'`,
      `import version from '../../package.json' with { type: 'json' }`,
      `import { a } from '../job/state.ts'`,
      `import { b } from '../queue/queue.ts'`,
      `import { c } from './results.ts'`,
    ].join('\n')
    expect(check({ 'server/worker/worker.ts': text })).toEqual([])
    expect(check({ 'server/queue.ts': `import './queue/outbox.ts'` })).toEqual([])
  })

  test('may not import upwards, not even a type', () => {
    expect(check({ 'server/job/state.ts': `\nimport type { Store } from '../store/store.ts'` })).toEqual([
      'server/job/state.ts:2: imports server/store/store.ts: upwards, from ring 0 to ring 1',
    ])
    expect(check({ 'server/http/proxy.ts': `export { app } from '../app.ts'` })).toHaveLength(1)
    expect(check({ 'server/store/store.ts': `const q = await import('../queue.ts')` })).toHaveLength(1)
  })

  test('may not import sideways', () => {
    expect(check({ 'server/store/store.ts': `import { Target } from '../ollama/target.ts'` })).toEqual([
      'server/store/store.ts:1: imports server/ollama/target.ts: sideways, both are in ring 1',
    ])
    expect(check({ 'server/job/state.ts': `import { Clock } from '../clock.ts'` })).toHaveLength(1)
    expect(check({ 'server/metrics.ts': `import './config.ts'` })).toHaveLength(1)
  })

  test('may not import scripts, clients, tests or what cannot be told', () => {
    const wrong = [`import '../scripts/demo.ts'`, `import '../client/typescript/a.ts'`, `import './x.test.ts'`]
    for (const text of [...wrong, 'await import(name)']) expect(check({ 'server/main.ts': text })).toHaveLength(1)
  })

  test('must be in a room that has a ring', () => {
    expect(check({ 'server/misc/thing.ts': '' })).toEqual([
      'server/misc/thing.ts:1: "misc" has no ring: give it one in scripts/rings.ts',
    ])
  })
})

describe('a test', () => {
  test('may import anything at or below its ring', () => {
    const text = `import '../ollama/fake/fake.ts'\nimport '../clock.ts'`
    expect(check({ 'server/store/store.test.ts': text })).toEqual([])
    expect(check({ 'server/job/state.test.ts': `import '../clock.ts'` })).toEqual([])
    expect(check({ 'server/store/store.test.ts': `import '../queue.ts'` })).toHaveLength(1)
  })

  test('of the whole, of a script or of a client may import the whole server', () => {
    const text = `import '../server/app.ts'\nimport '../server/store/store.ts'`
    expect(check({ 'scripts/demo.test.ts': text, 'client/x.test.ts': text })).toEqual([])
    expect(check({ 'server/kill.test.ts': `import './app.ts'\nimport './main.ts'` })).toEqual([])
  })
})

test('a script may use the documents, the app and the fake only; the benchmark the settings and the claim too', () => {
  const allowed = `import '../server/http/openapi.ts'\nimport '../server/app.ts'\nimport '../server/ollama/fake/fake.ts'`
  expect(check({ 'scripts/demo.ts': allowed, 'scripts/rings.ts': `import './imports.ts'` })).toEqual([])
  expect(check({ 'scripts/bench/main.ts': `import '../../server/store/store.ts'` })).toEqual([
    'scripts/bench/main.ts:1: imports server/store/store.ts: scripts may use http/openapi, app, job/runners and ollama/fake only',
  ])
  const bench = `import '../../server/config.ts'\nimport '../../server/store/jobs.ts'`
  expect(check({ 'scripts/bench/claimant.ts': bench })).toEqual([])
  expect(check({ 'scripts/demo/daemon.ts': bench })).toHaveLength(2)
})

test('the storm and the story may use the settings and the clock too', () => {
  const storm = `import '../../server/config.ts'\nimport { systemClock } from '../../server/clock.ts'`
  expect(check({ 'scripts/storm/child.ts': storm, 'scripts/story/child.ts': storm })).toEqual([])
  expect(check({ 'scripts/storm/disk.ts': `import '../../server/store/store.ts'` })).toHaveLength(1)
})

test('what is done to foreman from beside it may use its settings, its store and the guard of its receivers', () => {
  const text = `import '../../server/config.ts'\nimport '../../server/store/database.ts'\nimport '../../server/webhooks/guard.ts'`
  expect(check({ 'scripts/keep/copy.ts': text, 'scripts/doctor/disk.ts': text })).toEqual([])
  expect(check({ 'scripts/backup.ts': `import '../server/store/folder.ts'` })).toEqual([])
  expect(check({ 'scripts/keep/copy.ts': `import '../../server/store/store.ts'` })).toHaveLength(1)
  expect(check({ 'scripts/models/list.ts': `import '../../server/config.ts'` })).toHaveLength(1)
})

describe('a client', () => {
  const from = (text: string) => check({ 'client/typescript/src/connect.ts': text })

  test('may import the type of the procedures and its own files', () => {
    expect(from(`import type { AppRouter } from '../../../server/http/router.ts'\nimport './wait.ts'`)).toEqual([])
  })

  test('may import nothing else of the server', () => {
    expect(from(`import { AppRouter } from '../../../server/http/router.ts'`)).toHaveLength(1)
    expect(from(`import type { AppRouter, Job } from '../../../server/http/router.ts'`)).toHaveLength(1)
    expect(from(`import type { Job } from '../../../server/job/schema.ts'`)).toHaveLength(1)
    expect(from(`import '../../python/x.ts'`)).toHaveLength(1)
  })
})

describe('names and lengths', () => {
  test('a name that says nothing is refused, in files and folders', () => {
    expect(check({ 'server/job/utils.ts': '' })).toEqual(['server/job/utils.ts:1: "utils" is no noun'])
    expect(check({ 'server/http/helpers/page.ts': '', 'scripts/types.test.ts': '' })).toHaveLength(2)
    expect(check({ 'server/job/index.ts': '' })).toHaveLength(1)
    expect(check({ 'client/typescript/src/index.ts': '', 'client/typescript/index.ts': '' })).toEqual([])
  })

  test('250 lines are enough for a file that a person wrote and that is no test', () => {
    const lines = (count: number) => '\n'.repeat(count)
    expect(check({ 'server/main.ts': lines(250), 'server/main.test.ts': lines(900) })).toEqual([])
    expect(check({ 'server/main.ts': lines(251) })).toEqual(['server/main.ts:251: 251 lines, 250 at most'])
    expect(check({ 'client/typescript/api.ts': `// @generated${lines(900)}` })).toEqual([])
  })

  test('a default export is refused', () => {
    expect(check({ 'server/app.ts': '\nexport default 1' })).toEqual([
      'server/app.ts:2: default export: give it a name',
    ])
  })
})
