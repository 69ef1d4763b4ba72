// How a run ends when the disk refuses what it has to write. How jobs run at all is tested with the whole (app.*.test.ts).
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { ForemanError } from '../job/error.ts'
import { Target } from '../ollama/target.ts'
import { Bench } from '../queue/queue.harness.ts'
import { afterwards, look, rows } from '../store/store.harness.ts'
import { People } from '../people/people.ts'
import { Loading } from './loading.ts'
import { Run, type Ended } from './run.ts'
import { Trust } from './trust.ts'

const full = () => Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' })
const line = (content: string, done = false) =>
  `${JSON.stringify({ model: 'm', message: { role: 'assistant', content }, done })}\n`
const large = 'x'.repeat(300_000)

/** A run against a target that answers as told, on a store whose commits of `label` fail so many times. */
async function setup(answer: (response: ServerResponse) => void, label: string, times: number) {
  const server = createServer((request, response) => {
    request.resume()
    if (request.url === '/api/chat') answer(response)
    else if (request.url === '/api/generate') response.end('{"done":true,"done_reason":"load"}')
    else response.end('{"version":"0.40.0","models":[{"name":"far:latest","remote_host":"https://elsewhere"}]}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterwards(() => {
    server.closeAllConnections()
    server.close()
  })
  let left = times
  const commits: string[] = []
  const bench = new Bench({
    clock: undefined,
    fault: (point) => {
      if (point.endsWith(':after')) commits.push(point.slice(0, -':after'.length))
      if (point.endsWith(':before') && commits.at(-1) !== '|') commits.push('|')
      if (point === `${label}:inside` && left-- > 0) throw full()
    },
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const target = new Target({ url, clock: systemClock, graceMs: 60_000, answerMax: 1 << 26 })
  afterwards(() => target.close())
  let tries = 0
  const persist = async <T>(write: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await write()
      } catch (error) {
        if (!(error instanceof ForemanError && error.code === 'storage_full')) throw error
        tries += 1
        // What was let go is swept before the next try, as it is when that comes seconds later.
        await bench.store.blobs.sweep()
      }
    }
  }
  const loads: string[] = []
  const onLoad = ({ key }: { key: string }) => loads.push(key)
  const people = new People({ clock: systemClock, target, patience: null, absentHold: 0, slowestLoad: () => 0 })
  const loading = new Loading({
    target,
    people,
    clock: systemClock,
    loadStall_ms: 60_000,
    slowestLoad: () => 0,
    onLoad,
  })
  const run = async (more?: Record<string, unknown>, model = 'm', resident = true) => {
    const row = await bench.submit(more, { model })
    const options = {
      queue: bench.queue,
      target,
      clock: systemClock,
      random: () => 0.5,
      loading,
      trust: new Trust(systemClock),
      people,
      persist,
    }
    let ended: Ended | undefined
    while (!ended) ended = await new Run(row, options).go(resident)
    return { ended, row: bench.queue.find(row.id) }
  }
  return { bench, run, target, loads, commits: () => commits.join(' '), tries: () => tries }
}

const kept = (bench: Bench, name: string, seq: number) => {
  const found = bench.store.artifacts.one(seq, name)
  return found && Buffer.concat([...bench.store.blobs.read(found.blob)])
}

describe('a disk that refuses at first', () => {
  test('loses nothing of a finished answer: it is written when the disk takes it, once', async () => {
    const answer = (response: ServerResponse) => response.end([...Array(5).fill(line(large)), line('', true)].join(''))
    const { bench, run, tries } = await setup(answer, 'finish', 2)
    const { ended, row } = await run()
    expect([ended, row.state, tries()]).toEqual(['done', 'done', 2])
    expect(kept(bench, 'output.txt', row.seq)?.length).toBe(1_500_000)
    expect(bench.history(row).filter((one) => one === 'finish done')).toHaveLength(1)
    await bench.store.blobs.sweep()
    const disk = look(bench.folder)
    const used = disk.prepare('SELECT count(DISTINCT blob) FROM chunk').pluck().get()
    expect([used, rows(disk, 'loose')]).toEqual([4, 0])
  })

  test('loses nothing of what had arrived when the target broke off for the last time', async () => {
    const answer = (response: ServerResponse) => {
      for (let i = 0; i < 5; i++) response.write(line(large))
      setImmediate(() => setImmediate(() => response.destroy()))
    }
    const { bench, run } = await setup(answer, 'back_off', 2)
    const { ended, row } = await run({ max_attempts: 1 })
    expect([ended, row.state]).toEqual(['failed', 'failed'])
    const partial = bench.store.artifacts.one(row.seq, 'stream.ndjson')
    expect(partial?.partial).toBe(1)
    expect(kept(bench, 'stream.ndjson', row.seq)?.length).toBe(partial?.size_bytes)
  })

  test.each(['blob', 'load', 'work'])('goes on where it was when %s was refused', async (label) => {
    const answer = (response: ServerResponse) => response.end([...Array(5).fill(line(large)), line('', true)].join(''))
    const { run, tries } = await setup(answer, label, 1)
    const { row } = await run()
    expect([row.state, row.attempt, tries()]).toEqual(['done', 1, 1])
  })
})

test('a model that runs elsewhere, which only the target can tell, is not loaded and not told as loaded', async () => {
  const { run, target, loads } = await setup((response) => response.end(line('hi', true)), 'none', 0)
  await target.refresh()
  const { ended } = await run({}, 'far', false)
  expect([ended, loads]).toEqual(['done', []])
})

test.each([
  ['a job whose runner is in memory is loading and working with one commit', true, '| submit | load work | finish'],
  ['a job whose runner is loaded for it says so before that', false, '| submit | load | work | finish'],
] as const)('%s', async (_says, resident, expected) => {
  const { bench, run, commits } = await setup((response) => response.end(line('hi', true)), 'none', 0)
  const { row } = await run({}, 'm', resident)
  expect(commits()).toBe(expected)
  expect(bench.history(row)).toEqual(['submit queued', 'load loading', 'work working', 'finish done'])
})
