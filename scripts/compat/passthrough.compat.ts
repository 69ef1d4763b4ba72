// What every program does without foreman it does through foreman, with a token: the same request reaches the target, the same
// answer the program's user. And docs/compatibility.md says so.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { type Asked, asks, said } from './asks.ts'
import { keepRow, rowNames, rowOf, shownGo } from './page.ts'
import { capabilities } from './program.ts'
import { programs } from './programs.ts'
import { lasting, setStage, type Stage } from './stage.ts'

const token = 'token-of-the-suite'

describe.each(programs.filter(({ slow }) => inject('all') || !slow))('$name', (program) => {
  let stage: Stage
  const same = new Set<Asked>()
  beforeAll(async () => {
    stage = await setStage(program, token)
  })
  afterAll(() => stage?.stop())

  const work = () => stage.fake.requests.filter(({ purpose }) => purpose === 'work')
  const asked = async (capability: Asked, through: 'ask' | 'direct') => {
    const before = work().length
    const outcome = await stage[through](asks[capability])
    const came = () => work().slice(before)
    // The program has not ended, so its connection ends by what it was told to do.
    if (capability === 'abort') await stage.fake.until(() => came().some(({ outcome }) => outcome === 'aborted'))
    return { outcome, requests: came().map(({ method, url, body }) => [method, url, body.toString()]), came }
  }

  const offered: Asked[] = capabilities.filter((capability) => !program.without?.[capability])
  test.each(program.background ? [...offered, 'responses' as const] : offered)(
    '%s is what it is without foreman',
    async (capability) => {
      const direct = await asked(capability, 'direct')
      expect(JSON.stringify(direct.outcome.answers)).toMatch(said[capability])
      expect(direct.outcome.error?.message ?? '').toMatch(capability === 'missing' ? /not found/i : /^$/)
      const through = await asked(capability, 'ask')
      expect(lasting(through.outcome)).toEqual(lasting(direct.outcome))
      expect(through.requests).toEqual(direct.requests)
      expect(JSON.stringify(through.came().map(({ headers }) => headers))).not.toContain(token)
      same.add(capability)
    },
  )

  test('none of it was a job', async () => {
    expect(await stage.jobs()).toEqual([])
  })

  test('docs/compatibility.md has its row', () => {
    keepRow(rowOf(program, stage.version, same), inject('check'))
  })
})

test('docs/compatibility.md has rows of these programs only', () => {
  expect(programs.map(({ name }) => name)).toEqual(expect.arrayContaining(rowNames()))
})

test('the Go it shows is what the Go program is made of', () => {
  const program = readFileSync(join(import.meta.dirname, 'go', 'api', 'main.go'), 'utf8')
  expect(shownGo()).toContain('RoundTrip')
  expect(program).toContain(shownGo())
})
