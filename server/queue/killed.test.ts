// kill -9 at every boundary of a commit, with nothing of foreman above the queue: what was acknowledged is there, in one
// documented state, and nothing is half there.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { transitions, type Happening, type State } from '../job/state.ts'
import type { JobRow } from '../store/jobs.ts'
import { look, rows } from '../store/store.harness.ts'
import { Bench } from './queue.harness.ts'

/** What a process that died had said. */
interface Story {
  /** The last acknowledged state of each job, by name; `deleted` for the erased one. */
  acknowledged: Map<string, string>
  /** What it was about when it died. */
  last: { name: string; happening: string }
}

const labels: [label: string, nth: number][] = [
  ['submit', 1],
  ['submit', 3],
  ['load', 1],
  ['work', 1],
  ['finish', 1],
  ['back_off', 1],
  ['fail', 1],
  ['retry', 1],
  ['give_back', 1],
  ['cancel', 1],
  ['delete', 1],
]
/** Before a commit begins nothing is different from inside it but for those that come with bytes. */
const changes = labels.flatMap(([label, nth]) =>
  (label === 'submit' || label === 'finish' ? ['before', 'inside', 'after'] : ['inside', 'after']).map(
    (moment) => [`${label}:${moment}`, nth] as const,
  ),
)
const bytes = [
  ['blob:after', 1],
  ['blob:inside', 2],
  ['blob:after', 3],
  ['blob:after', 5],
  ['sweep:inside', 1],
  ['sweep:after', 1],
  ['sweep:before', 4],
] as const

/** Compiled once, for all of them: by the first, which lives to its end and tells the whole story. */
const cache = mkdtempSync(join(tmpdir(), 'foreman-killed-'))
const folderOf = (point: string, nth: number) => join(cache, `${point.replace(':', '-')}-${nth}`)
const stories = new Map<string, Story>()
let unkilled: Story

beforeAll(async () => {
  unkilled = await storyOf('none', 1, null)
  const left = [...changes, ...bytes]
  const die = async () => {
    for (let next = left.pop(); next; next = left.pop()) stories.set(next.join(), await storyOf(...next, 'SIGKILL'))
  }
  await Promise.all([die(), die(), die()])
}, 120_000)

afterAll(() => rmSync(cache, { recursive: true, force: true }))

async function storyOf(point: string, nth: number, end: string | null): Promise<Story> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'killed.child.ts'), folderOf(point, nth), point, String(nth)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_COMPILE_CACHE: cache },
    },
  )
  const [said, [, signal]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  expect(signal).toBe(end)
  const story: Story = { acknowledged: new Map(), last: { name: '', happening: '' } }
  for (const line of said.trim().split('\n')) {
    const [verb, name = '', what = ''] = line.split(' ')
    if (verb === 'ack') story.acknowledged.set(name, what)
    else story.last = { name, happening: what }
  }
  return story
}

const nameOf = (row: JobRow) => (JSON.parse(row.labels) as { name: string }).name

/** Nothing is half there, whatever the moment was. */
async function nothingHalf(bench: Bench): Promise<void> {
  const disk = look(bench.folder)
  expect(disk.pragma('integrity_check')).toEqual([{ integrity_check: 'ok' }])
  expect(disk.pragma('foreign_key_check')).toEqual([])
  const { rows: all } = await bench.queue.page({ states: [], before: Number.MAX_SAFE_INTEGER, limit: 200 })
  for (const row of all) {
    const events = bench.store.events.ofJob(row.seq)
    // No state without its event, no event without its state, and no way the law does not know.
    expect(events.at(-1)).toMatchObject({ seq: row.sequence, state: row.state })
    expect(events[0]).toMatchObject({ seq: row.seq, happening: 'submit', state: 'queued' })
    for (const [i, event] of events.slice(1).entries())
      expect(transitions[events[i]?.state as State][event.happening as Happening]).toBe(event.state)
    const [told] = bench.disk(
      'SELECT count(*) AS n, count(DISTINCT event) AS events FROM delivery WHERE job = ?',
      row.seq,
    )
    expect(told).toEqual({ n: events.length, events: events.length })
    expect(Buffer.concat([...bench.queue.body(row)]).length).toBe(row.body_bytes)
    for (const artifact of bench.store.artifacts.ofJob(row.seq))
      expect(Buffer.concat([...bench.store.blobs.read(artifact.blob)]).length).toBe(artifact.size_bytes)
  }
  const tally = disk.prepare('SELECT coalesce(sum(n), 0) FROM tally').pluck().get()
  expect(tally).toBe(all.length)
  const strangers = `SELECT count(*) FROM chunk WHERE blob NOT IN (SELECT body FROM job UNION SELECT blob FROM artifact)`
  expect([disk.prepare(strangers).pluck().get(), rows(disk, 'loose')]).toEqual([0, 0])
}

const leadsTo: Record<string, string> = { submit: 'queued', delete: 'deleted', give_back: 'queued', back_off: 'queued' }
for (const ways of Object.values(transitions)) for (const [how, state] of Object.entries(ways)) leadsTo[how] ??= state

test('unkilled, they come to the ends that the others are on the way to', () => {
  expect(unkilled.acknowledged).toEqual(
    new Map([
      ['a', 'deleted'],
      ['b', 'queued'],
      ['c', 'canceled'],
    ]),
  )
})

test.each(changes)(
  'killed at %s, time %i: every job is where it was promised to be, or one step on',
  async (point, nth) => {
    const { acknowledged, last } = stories.get(`${point},${nth}`) as Story
    expect(point).toMatch(new RegExp(`^${last.happening}:`))
    // What was being done is done if and only if its commit had happened.
    const expected = new Map(acknowledged)
    if (point.endsWith(':after')) expected.set(last.name, leadsTo[last.happening] ?? '')

    const bench = new Bench({ folder: folderOf(point, nth) })
    const there = async () => (await bench.queue.page({ states: [], before: Number.MAX_SAFE_INTEGER, limit: 200 })).rows
    const alive = [...expected].filter(([, state]) => state !== 'deleted')
    expect(new Map((await there()).map((row) => [nameOf(row), row.state]))).toEqual(new Map(alive))
    const before = new Map((await there()).map((row) => [row.seq, row]))

    const recovered = await bench.queue.recover()
    await bench.store.blobs.sweep()
    let interrupted = 0
    for (const row of await there()) {
      const was = before.get(row.seq) as JobRow
      if (was.state !== 'loading' && was.state !== 'working') {
        expect(row).toEqual(was)
        continue
      }
      interrupted += 1
      expect(row).toMatchObject({ state: 'queued', attempt: was.attempt - 1, interruptions: was.interruptions + 1 })
      expect(row.place).toBe(was.place)
    }
    expect(recovered).toBe(interrupted)
    await nothingHalf(bench)
  },
)

test.each(bytes)(
  'killed at %s, time %i: no bytes that nobody refers to, no reference without its bytes',
  async (point, nth) => {
    const { acknowledged } = stories.get(`${point},${nth}`) as Story
    const bench = new Bench({ folder: folderOf(point, nth) })
    await bench.queue.recover()
    await bench.store.blobs.sweep()
    const names = (await bench.queue.page({ states: [], before: 999, limit: 200 })).rows.map(nameOf)
    for (const [name, state] of acknowledged) if (state !== 'deleted') expect(names).toContain(name)
    await nothingHalf(bench)
  },
)

test('a foreman that is killed again and again while it recovers loses nothing, and a job is not blamed for ever', async () => {
  let bench = new Bench()
  const row = await bench.job('working')
  for (let i = 1; i <= 5; i++) {
    bench = (await bench.restart(1000)).bench
    expect(bench.queue.at(row.seq)).toMatchObject({ state: 'queued', interruptions: i, attempt: 0 })
    await bench.bring(bench.queue.at(row.seq) as JobRow, i % 2 ? 'loading' : 'working')
  }
  bench = (await bench.restart(1000)).bench
  expect(bench.queue.at(row.seq)).toMatchObject({ state: 'failed', interruptions: 6 })
  expect(JSON.parse(bench.queue.at(row.seq)?.error ?? '')).toMatchObject({ code: 'interrupted' })
  const story = bench.history(row)
  expect(story.filter((one) => one === 'interrupt queued')).toHaveLength(5)
  expect(story.at(-1)).toBe('fail failed')
})
