// The log as docs/operations.md tells it: every line that foreman can write is in the table, with its level and what is beside
// it, and the table has no others. Most lines are the ledger's, which is made to say all it can; the rest stands in two files.

import { globSync } from 'node:fs'
import pino from 'pino'
import { expect, test } from 'vitest'
import { VirtualClock } from '../server/clock.ts'
import { outcomes } from '../server/job/redelivery.ts'
import { states, transitions } from '../server/job/state.ts'
import { Ledger } from '../server/ledger/ledger.ts'
import type { Metrics } from '../server/metrics/metrics.ts'
import type { JobRow } from '../server/store/jobs.ts'
import { namesIn, rowsOf, sectionOf } from './observe/tables.ts'
import { root, snippetsIn, textOf } from './page.harness.ts'

const page = textOf('docs', 'operations.md')

interface Line {
  levels: Set<string>
  /** What is beside the message. */
  fields: Set<string>
}
type Lines = Map<string, Line>

function note(lines: Lines, msg: string, level: string, fields: string[]): void {
  const line = lines.get(msg) ?? { levels: new Set(), fields: new Set() }
  lines.set(msg, line)
  line.levels.add(level)
  for (const field of fields) line.fields.add(field)
}

/** Makes a ledger say whatever it can. Its methods are called by name, so that a new one is missed here. */
function ledgerSays(): Lines {
  const lines: Lines = new Map()
  const write = (text: string) => {
    const { level, msg, ...fields } = JSON.parse(text) as { level: number; msg: string }
    note(lines, msg, pino.levels.labels[level]!, Object.keys(fields))
  }
  const log = pino({ level: 'trace', base: null, timestamp: false }, { write })
  const clock = new VirtualClock()
  const metrics = new Proxy({}, { get: () => () => undefined }) as Metrics
  const ledger = new Ledger({ log, metrics, clock, oldestPlace: () => Infinity })

  const row = {
    id: 'j',
    seq: 1,
    model: 'm',
    endpoint: '/api/chat',
    attempt: 1,
    queued_at: 0,
    loading_at: 0,
    free_requeues: 0,
  }
  const error = JSON.stringify({ code: 'target_refused', detail: 'no', target_status: 400 })
  const changed = (state: string, happening: string, interruptions: number) => {
    const one = { ...row, state, interruptions, error: state === 'failed' ? error : null }
    ledger.changed(one as unknown as JobRow, happening as Parameters<Ledger['changed']>[1])
  }
  const delivery = { id: 'd', kind: 'webhook' as const, host: 'h', tries: 1 }
  const calls: Record<string, () => void> = {
    changed() {
      changed('queued', 'submit', 0)
      for (const from of states)
        for (const [happening, to] of Object.entries(transitions[from])) changed(to, happening, 1)
      for (const state of ['done', 'failed', 'canceled']) changed(state, 'delete', 1)
    },
    refused: () => ledger.refused(new Error('full')),
    taken() {
      ledger.taken()
      clock.advance(60_000)
    },
    loaded: () => ledger.loaded('k', 1),
    holding() {
      ledger.holding(1, false)
      ledger.holding(1, true)
      ledger.holding(0, false)
    },
    people: () => ledger.people('k'),
    target() {
      for (const state of ['unknown', 'awake', 'asleep', 'down', 'stuck'] as const) ledger.target(state, 'unknown')
    },
    yielding() {
      ledger.yielding(true, null)
      ledger.yielding(false, 'paused')
    },
    claim() {
      ledger.claim('k')
      ledger.claim(null)
    },
    turn: () => ledger.turn('k'),
    turnOver: () => ledger.turnOver({ key: 'k', ms: 1 }),
    paused() {
      ledger.paused(true)
      ledger.paused(false)
    },
    hung() {
      ledger.hung({ key: 'k', ms: 1, unloaded: ['k'] })
      ledger.hung({ unloaded: ['k'], vain: true })
    },
    healed: () => ledger.healed('k'),
    started: () => ledger.started({ ...row, interruptions: 0 } as JobRow, { key: 'k', loads: true }, new Set()),
    tried() {
      ledger.tried({ row: { ...delivery, state: 'delivered' }, job: 'j', outcome: 'delivered', status: 204, ms: 1 })
      for (const outcome of outcomes.filter((one) => one !== 'delivered'))
        for (const state of ['pending', 'gave_up'] as const)
          ledger.tried({ row: { ...delivery, state }, job: 'j', outcome, status: 500, reason: 'r', ms: 1 })
    },
    served: () =>
      ledger.served({
        route: '/api/chat',
        method: 'POST',
        status: 200,
        outcome: 'done',
        ms: 1,
        overheadMs: 0,
        requestId: 'r',
      }),
  }
  expect(Object.keys(calls).toSorted()).toEqual(
    Object.getOwnPropertyNames(Ledger.prototype)
      .filter((name) => name !== 'constructor')
      .toSorted(),
  )
  for (const call of Object.values(calls)) call()
  return lines
}

/** The calls of a logger in a file, as they are written there. */
function written(source: string, lines: Lines): void {
  for (const { 1: level, index, 0: start } of source.matchAll(/\blog\.(debug|info|warn|error|fatal)\(/g)) {
    let depth = 1
    let end = index + start.length
    for (; depth > 0; end++) depth += source[end] === '(' ? 1 : source[end] === ')' ? -1 : 0
    const args = source.slice(index + start.length, end - 1).replaceAll(/\$\{[^}]*\}/g, '…')
    const [, facts, quoted] = /^(?:\{([^}]*)\},\s*)?['`]([^'`]*)['`],?\s*$/.exec(args) ?? []
    if (quoted === undefined) throw new Error(`what does this say: ${args}`)
    note(
      lines,
      quoted,
      level!,
      [...(facts ?? '').matchAll(/(\w+)(?=\s*(?:[:,}]|$))(?::\s*[^,]+)?/g)].map(([, name]) => name!),
    )
  }
}

/** In every comparison: message, levels, what is beside it. */
const flat = (lines: Lines) =>
  [...lines].map(([msg, { levels, fields }]) => [msg, [...levels].toSorted(), [...fields].toSorted()]).toSorted()

test('every line that can be written is told with its level and what is beside it, and no other', () => {
  const lines = ledgerSays()
  for (const file of ['app.ts', 'main.ts']) written(textOf('server', file), lines)
  const told: Lines = new Map()
  for (const [msg, levels, fields] of rowsOf(sectionOf(page, 'The log')).filter((row) => row.length === 4))
    for (const level of levels!.split(', ')) note(told, namesIn(msg)[0]!, level, namesIn(fields))
  expect(flat(told)).toEqual(flat(lines))
})

test('nobody else writes to the log, and the ledger has no words that were not heard', () => {
  const files = globSync('server/**/*.ts', {
    cwd: root,
    exclude: (path) => /\.(test|harness|stage|child)\.ts$/.test(path),
  })
  const writes = files.filter((file) => /\blog(?:\.(?:debug|info|warn|error|fatal)\(|\[)/.test(textOf(file)))
  expect(writes.toSorted()).toEqual(['server/app.ts', 'server/ledger/ledger.ts', 'server/main.ts'])
  const heard = [...ledgerSays().keys()].join('\n')
  const code = textOf('server', 'ledger', 'ledger.ts')
    .replaceAll(/\/\*\*[\s\S]*?\*\/|\/\/.*$|^import .*$/gm, '')
    // An error as the log shows it is no line.
    .replace(/export function errorShown[\s\S]*?\n\}\n/, '')
  const words = [...code.matchAll(/'([^'\n]*)'|`([^`]*)`/g)].flatMap(([, plain, template]) =>
    plain === undefined ? template!.split(/\$\{[^}]*\}/) : plain.includes(' ') ? [plain] : [],
  )
  expect(words.length).toBeGreaterThan(20)
  expect(words.filter((text) => !heard.includes(text))).toEqual([])
})

test('the lines that are shown have what the table says', () => {
  const rows = new Map(
    rowsOf(sectionOf(page, 'The log')).map(([msg, level, fields]) => [namesIn(msg)[0], { level, fields }]),
  )
  const shown = snippetsIn(page, 'json').flatMap((block) => block.trim().split('\n'))
  expect(shown).toHaveLength(2)
  for (const line of shown) {
    const { level, time, msg, ...fields } = JSON.parse(line) as { level: number; time: string; msg: string }
    expect(new Date(time).toISOString()).toBe(time)
    expect(rows.get(msg)?.level).toBe(pino.levels.labels[level])
    expect(namesIn(rows.get(msg)?.fields)).toEqual(expect.arrayContaining(Object.keys(fields)))
  }
})
