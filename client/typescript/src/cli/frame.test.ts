// What is drawn, line by line, for given facts, a given time and a given terminal.

import { PassThrough } from 'node:stream'
import pico from 'picocolors'
import { expect, test } from 'vitest'
import type { Job } from '../index.ts'
import { frame, type Frame, type View } from './frame.ts'
import { progressOf, rowOnArrival } from './job-row.ts'
import { Output } from './output.ts'
import { printable, printableJson, printableText } from './printable.ts'
import { ahead, duration, size } from './quantity.ts'
import { table } from './table.ts'

const colors = pico.createColors(false)
const now = Date.parse('2026-11-26T12:00:00.000Z')
const at = (s: number) => new Date(now + s * 1000).toISOString()

const working = {
  id: 'job_00000000-0000-7000-8000-000000000001',
  state: 'working',
  request: { endpoint: '/api/chat', model: 'llama3.2:latest' },
  working_at: at(-63),
  progress: { tokens: 412, tokens_per_s: 31.25 },
} as Job

function view(planned: number, running: Job[] = [working]): View {
  const data = Array.from({ length: planned }, (_, i) => ({
    id: `job_00000000-0000-7000-8000-1000000000${String(i).padStart(2, '0')}`,
    model: 'a-model-of-a-long-name-for-a-narrow-terminal:latest',
    position: i + 1,
    loads: i === 0,
    start_at: at(60 + i),
    finish_at: at(90 + i),
  }))
  const people = { in_flight: 1, held: 0, models: [] }
  const states = { queued: planned, loading: 0, working: running.length, done: 0, failed: 2, canceled: 0 }
  return {
    queue: { paused: false, states, models: [], target: 'awake', people },
    running,
    plan: { data, jobs: planned, loads: 1, waiting: planned },
  }
}

const draw = (facts: Partial<Frame>) => frame({ view: view(2), now, rows: 24, columns: 200, colors, ...facts })

test('a frame is the queue at a glance, what runs, and what is expected to run next', () => {
  expect(draw({})).toEqual([
    'queue   2 queued, 1 working, 2 failed',
    'people  1 in flight, 0 held',
    '',
    'ID                                        STATE    MODEL                                                POS  ETA        TOK/S  PROGRESS',
    'job_00000000-0000-7000-8000-000000000001  working  llama3.2:latest                                                       31.3  412 tokens, 1m 3s',
    'job_00000000-0000-7000-8000-100000000000  queued   a-model-of-a-long-name-for-a-narrow-terminal:latest    1  in 1m 30s         needs a load',
    'job_00000000-0000-7000-8000-100000000001  queued   a-model-of-a-long-name-for-a-narrow-terminal:latest    2  in 1m 31s',
  ])
})

test.each([10, 24, 40])('a frame is no longer than a terminal of %i lines, and says what it leaves out', (rows) => {
  const lines = draw({ view: view(60), rows, trouble: 'old' })
  expect(lines.length).toBeLessThan(rows)
  const jobs = lines.filter((line) => line.includes('job_')).length
  expect(lines.at(-2)).toBe(`and ${61 - jobs} more`)
  expect(lines.at(-1)).toBe('old')
})

test('a frame is no wider than a terminal of 80 columns', () => {
  const busy = view(20)
  busy.queue = { ...busy.queue, running: working.id, turn: { model: 'gemma3:1b' } as never, oldest_wait_ms: 31_000 }
  const lines = draw({ view: busy, columns: 80 })
  for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80)
  expect(lines.join('\n')).toContain('…0000001')
})

test('a job that moved from the plan to the target is shown once', () => {
  const both = view(1)
  const [planned] = both.plan.data
  const lines = draw({ view: { ...both, running: [{ ...working, id: planned?.id ?? '' }] } })
  expect(lines.filter((line) => line.includes(planned?.id ?? ''))).toHaveLength(1)
})

test('what is wrong is one line of a frame, and cannot steer the terminal', () => {
  expect(draw({ trouble: 'old:\n\u001B[2J' }).at(-1)).toBe('old: [2J')
})

test('how far a job is depends on its state', () => {
  const told = (job: Partial<Job>) => progressOf({ ...working, progress: undefined, ...job } as Job, now)
  expect(told({ state: 'queued', reason: 'target_asleep' })).toBe('target asleep')
  expect(told({ state: 'queued', retry_at: at(5) })).toBe('again in 5s')
  expect(told({ state: 'loading', loading_at: at(-8) })).toBe('8s')
  expect(told({ state: 'failed', error: { code: 'timed_out', detail: '' } })).toBe('timed_out')
  expect(told({ state: 'done', usage: { output_tokens: 9 } })).toBe('9 tokens')
  expect(told({ state: 'canceled' })).toBe('')
})

test('a state is told with how long the one before took, whenever that is', () => {
  const reached = (moments: Partial<Job>) => {
    const none = { loading_at: null, working_at: null, finished_at: null }
    const { eta, progress } = rowOnArrival({
      ...working,
      progress: undefined,
      queued_at: at(-700),
      ...none,
      ...moments,
    } as Job)
    return [eta, progress].filter(Boolean).join(', ')
  }
  expect(reached({ state: 'queued', retry_at: at(-695) })).toBe('again in 5s')
  expect(reached({ state: 'loading', loading_at: at(-690) })).toBe('after 10s')
  expect(reached({ state: 'working', loading_at: at(-690), working_at: at(-687) })).toBe('after 3s')
  const times = { loading_at: at(-690), working_at: at(-687), finished_at: at(-685) }
  expect(reached({ state: 'done', ...times, usage: { output_tokens: 1 } })).toBe('1 token, after 2s')
  expect(reached({ state: 'canceled', finished_at: at(-640) })).toBe('after 1m 0s')
})

test('a terminal that says that it has no lines and columns is drawn on as a usual one', () => {
  const terminal = Object.assign(new PassThrough(), { isTTY: true, rows: 0, columns: 0 })
  const stdout = terminal as unknown as NodeJS.WriteStream
  const output = new Output({ stdout, stderr: stdout, env: {} })
  expect(output.size).toEqual({ rows: 24, columns: 80 })
  output.block().draw(['queue  empty'])
  expect(String(terminal.read())).toContain('queue  empty')
})

test('quantities are short', () => {
  expect([0, 59_999, 200_000, 7_500_000, 90_000_000, -5].map(duration)).toEqual([
    '0s',
    '59s',
    '3m 20s',
    '2h 5m',
    '1d 1h',
    '0s',
  ])
  expect([17, 999, 1_000, 123_456, 2_019_377_376].map(size)).toEqual(['17 B', '999 B', '1.0 kB', '123 kB', '2.0 GB'])
  expect([ahead(at(-1), now), ahead(at(0.5), now), ahead(at(61), now)]).toEqual(['now', 'now', 'in 1m 1s'])
})

test('what others have named cannot steer a terminal', () => {
  expect(printable('a\u001B[2J\nb')).toBe('a [2J b')
  expect(printableText('a\u001B[2J\n\tb\u009B')).toBe('a[2J\n\tb')
  expect(printableJson({ a: '\u001B\u009B\u007Fb' })).toBe(String.raw`{"a":"\u001b\u009b\u007fb"}`)
  const column = { title: 'MODEL', cell: (text: string) => text }
  expect(table([column], ['x\u001B]0;y\u0007'], colors)).toEqual(['MODEL', 'x ]0;y'])
})
