// A foreman without a caller, for the claim: fills its queue with jobs over a few models, then times what the worker
// does between two jobs. Its target is absent, so that nobody else claims.

import Database from 'better-sqlite3'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import { startApp } from '../../server/app.ts'
import { loadConfig } from '../../server/config.ts'
import { schedule } from '../../server/job/schedule.ts'
import { unknownRoom } from '../../server/job/room.ts'
import { headOfKey } from '../../server/store/jobs.ts'
import { answer, ready } from './answers.ts'
import type { Paged } from './list.ts'
import { quantile } from './quantile.ts'
import { chat } from './request.ts'

export interface Quantiles {
  p50: number
  p99: number
}

/** Milliseconds. */
export interface Claimed {
  /** The statement that finds the oldest job of a key. */
  head: Quantiles
  /** All keys with their heads, and the row of the one that is next. */
  snapshot: Quantiles
  /** All keys with their heads, and which of them is next by job/schedule.ts. */
  decision: Quantiles
  /** The whole claim: snapshot, then queued → loading on disk. */
  claim: Quantiles
}

const models = 50
const perTransaction = 10_000

const config = loadConfig(process.env, (path) => readFileSync(path, 'utf8'))
const { queue } = await startApp({ config, log: pino({ level: 'silent' }), owner: process.pid })
const reader = new Database(join(config.data, 'foreman.db'), { readonly: true })
const head = reader.prepare<[number], { seq: number }>(headOfKey)

answer({
  fill: async (size: number) => {
    await queue.pause(true)
    while (queue.total('queued') < size) {
      const missing = Math.min(perTransaction, size - queue.total('queued'))
      await queue.submit(Array.from({ length: missing }, (_, i) => submission(i)))
    }
  },
  claims: async (times: number): Promise<Claimed> => {
    const affinities = reader.prepare<[], { id: number }>('SELECT id FROM affinity ORDER BY id').all()
    const heads = timed(times * 10, (i) => head.get(affinities[i % affinities.length]?.id ?? 0))
    const snapshots = timed(times * 10, next)
    const decisions = timed(times * 10, decide)
    const claims: number[] = []
    for (let i = 0; i < times; i++) {
      const started = performance.now()
      const row = next()
      if (!row) throw new Error('nothing waits')
      await queue.advance(row.seq, 'load')
      claims.push(performance.now() - started)
      await queue.advance(row.seq, 'cancel')
    }
    return { head: summed(heads), snapshot: summed(snapshots), decision: summed(decisions), claim: summed(claims) }
  },
  pages: async (times: number): Promise<Paged> => {
    const found: Paged = {}
    const page = async (filter: ReturnType<typeof filters>[number], before: number) => {
      const { rows } = await queue.page({ ...filter, before, limit: 200 })
      JSON.stringify(rows.map((row) => queue.view(row)))
    }
    // What filling the queue has left behind is collected while nobody measures.
    for (const filter of filters()) await page(filter, Number.MAX_SAFE_INTEGER)
    for (const filter of filters()) {
      const took: number[] = []
      const cpu: number[] = []
      for (let i = 0; i < times; i++) {
        const [started, worked] = [performance.now(), process.threadCpuUsage()]
        await page(filter, i === 0 ? Number.MAX_SAFE_INTEGER : Math.ceil(Math.random() * queue.total('queued')))
        took.push(performance.now() - started)
        const { user, system } = process.threadCpuUsage(worked)
        cpu.push((user + system) / 1000)
      }
      found[JSON.stringify(filter)] = { wall: summed(took), cpu: summed(cpu) }
    }
    return found
  },
})
ready(1)

function next() {
  const [first] = queue.keys((key) => key)
  return first && queue.headAt(first.head)
}

function decide() {
  const { patience, peoplePatience, hold, yieldMax, claim } = config
  return schedule({
    now: queue.steady.now(),
    keys: queue.keys((key) => key),
    resident: new Set(),
    listed: new Set(),
    turn: null,
    people: [],
    strangers: 0,
    room: unknownRoom,
    yielding: null,
    claim: null,
    claimedAt: null,
    target: 'awake',
    paused: false,
    limits: { patience, peoplePatience, hold, yieldMax, claim },
  })
}

/** Every combination of what a list can be asked for, with much to be found and with little. */
function filters() {
  const states = [[], ['queued' as const], ['done' as const, 'failed' as const]].map((one) => ({ states: one }))
  const models = [{}, { model: 'model-3:latest' }, { model: 'nobody:latest' }]
  const labels = [{}, { label: 'n:3' }, { label: 'n:x' }]
  const times = [{}, { createdAfter: Date.now() - 3_600_000, createdBefore: Date.now() }]
  return states
    .flatMap((one) => models.map((more) => ({ ...one, ...more })))
    .flatMap((one) => labels.map((more) => ({ ...one, ...more })))
    .flatMap((one) => times.map((more) => ({ ...one, ...more })))
}

function timed(times: number, what: (i: number) => unknown): number[] {
  for (let i = 0; i < times / 10; i++) what(i)
  return Array.from({ length: times }, (_, i) => {
    const started = performance.now()
    what(i)
    return performance.now() - started
  })
}

function summed(values: readonly number[]): Quantiles {
  return { p50: quantile(values, 0.5), p99: quantile(values, 0.99) }
}

function submission(i: number) {
  const body = { ...chat, model: `model-${i % models}` }
  const request = { endpoint: '/api/chat' as const, body }
  return { input: { request, labels: { n: String(i % 100) } }, body: [Buffer.from(JSON.stringify(body))] }
}
