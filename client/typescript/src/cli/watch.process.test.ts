// watch in a pipe and on a terminal, and what else looks different on one.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { Command, hasTerminal, valuesOf, type CommandOptions } from '../../../../scripts/command.harness.ts'
import { setStage, type Stage } from '../../../../scripts/page.harness.ts'
import type { Job } from '../index.ts'

let stage: Stage
/** Lets what waits for its load go on. */
let loads: (() => void)[]

beforeAll(async () => {
  loads = []
  stage = await setStage({
    models: ['quick', 'slow'],
    registry: [{ name: 'new:1b', size: 2_000_000_000 }],
    loadMs: (model) => (model.startsWith('slow') ? new Promise<number>((resolve) => loads.push(() => resolve(0))) : 0),
    tokens: 5,
  })
})

afterAll(async () => {
  for (const load of loads) load()
  await stage?.close()
})

const start = (args: string[], { env, ...options }: CommandOptions = {}) =>
  new Command(args, { env: { FOREMAN_URL: stage.url, ...env }, ...options })

async function submitted(model: string): Promise<string> {
  const body = JSON.stringify({ request: { endpoint: '/api/generate', body: { model, prompt: 'Hi' } } })
  const answer = await fetch(`${stage.url}/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })
  return ((await answer.json()) as Job).id
}

async function canceled(id: string): Promise<void> {
  await fetch(`${stage.url}/jobs/${id}/cancel`, { method: 'POST' })
}

const escape = '\u001B\\['
const colored = new RegExp(`${escape}3[1-6]m`)

/** Each as often as it is drawn. */
const frames = (text: string) => text.split('queue ').slice(1)

test('in a pipe a job is a line for each of its states, and the end of the job is the end', async () => {
  const id = await submitted('quick')
  const { stdout, code } = await start(['watch', id]).ended
  expect(code).toBe(0)
  const lines = stdout.trim().split('\n')
  expect(lines[0]).toMatch(new RegExp(`^${id} queued quick:latest`))
  expect(lines.at(-1)).toMatch(new RegExp(`^${id} done quick:latest 5 tokens|^${id} done quick:latest`))
  const values = valuesOf<Job>((await start(['watch', id, '--json']).ended).stdout)
  expect(values.map(({ state }) => state)).toEqual(lines.map((line) => line.split(' ')[1]))
})

test('a job that was canceled ends its watch with 1', async () => {
  const id = await submitted('slow')
  const watching = start(['watch', id])
  await watching.until(/ loading slow/)
  await canceled(id)
  const { stderr, stdout, code } = await watching.ended
  expect(code).toBe(1)
  expect(stdout).toMatch(new RegExp(`^${id} canceled`, 'm'))
  expect(stderr).toBe(`foreman: ${id}: the job was canceled\n`)
})

test('in a pipe the queue is what runs and waits, and then a line for each change, until Ctrl-C', async () => {
  const id = await submitted('slow')
  const watching = start(['watch'])
  await watching.until(new RegExp(`^${id} (?:queued|loading) slow`, 'm'))
  const other = await submitted('quick')
  await watching.until(new RegExp(`^${other} queued quick`, 'm'))
  await canceled(id)
  await watching.until(new RegExp(`^${id} canceled slow`, 'm'))
  await watching.until(new RegExp(`^${other} done quick`, 'm'))
  watching.interrupt()
  expect(await watching.ended).toMatchObject({ code: 130, stderr: '' })
})

test('in a pipe the queue is watched over a restart of foreman', async () => {
  await fetch(`${stage.url}/queue/pause`, { method: 'POST' })
  const before = await submitted('quick')
  const watching = start(['watch'])
  await watching.until(new RegExp(`^${before} queued`, 'm'))
  await fetch(`${stage.url}/queue/resume`, { method: 'POST' })
  await watching.until(new RegExp(`^${before} done`, 'm'))
  await stage.daemon.kill()
  await watching.until(/^foreman does not answer; waiting for it$/m)
  await stage.daemon.start()
  await watching.until(/^foreman answers again$/m)
  const after = await submitted('quick')
  await watching.until(new RegExp(`^${after} done`, 'm'))
  watching.interrupt()
  expect((await watching.ended).code).toBe(130)
})

test.skipIf(!hasTerminal)('on a terminal the queue is drawn anew in its place', async () => {
  const id = await submitted('slow')
  const watching = start(['watch'], { terminal: true, env: { NO_COLOR: '1', TERM: 'xterm' } })
  await watching.until(new RegExp(`${id} +loading +slow`))
  const other = await submitted('quick')
  await watching.until(new RegExp(`${id}.*\\r?\\n.*${other} +queued +quick:latest +1\\b`))
  watching.interrupt()
  const { stdout, code } = await watching.ended
  await canceled(id)
  expect(code).toBe(130)
  expect(frames(stdout).length).toBeGreaterThan(1)
  // Up over what was drawn, and no colours.
  expect(stdout).toMatch(new RegExp(`${escape}\\d*A`))
  expect(stdout).not.toMatch(new RegExp(`${escape}[\\d;]*m`))
})

test.skipIf(!hasTerminal)('on a terminal a job is a row until it ends, and its end is the exit code', async () => {
  const id = await submitted('slow')
  const watching = start(['watch', id], { terminal: true, env: { NO_COLOR: '1', TERM: 'xterm' } })
  await watching.until(new RegExp(`${id} +loading +slow`))
  await canceled(id)
  const { stdout, code } = await watching.ended
  expect(stdout).toMatch(new RegExp(`${id} +canceled +slow`))
  expect(code).toBe(1)
})

test.skipIf(!hasTerminal)('on a terminal there are colours, unless NO_COLOR is set', async () => {
  const status = (env: Record<string, string>) =>
    start(['status'], { terminal: true, env: { TERM: 'xterm', ...env } }).ended
  expect((await status({})).stdout).toMatch(colored)
  expect((await status({ NO_COLOR: '1' })).stdout).not.toContain('\u001B[')
  for (const CI of ['', 'true'])
    expect((await start(['status'], { env: { CI } }).ended).stdout).not.toContain('\u001B[')
})

test.skipIf(!hasTerminal)('on a terminal a pull has a bar for each layer', async () => {
  const { stdout, code } = await start(['pull', 'new:1b'], { terminal: true, env: { NO_COLOR: '1', TERM: 'xterm' } })
    .ended
  expect(code).toBe(0)
  expect(stdout).toMatch(/\w{12} {2}\S{30} {2}100% {2}2\.0 GB of 2\.0 GB/)
  expect(stdout).toMatch(/\w{12} {2}\S{30} {2}100% {2}17 B of 17 B/)
  expect(stdout).toContain('pulled new:1b')
})

test.skipIf(!hasTerminal)('on a terminal run says why it waits, and Ctrl-C cancels its job', async () => {
  const running = start(['run', 'slow', 'Hi'], { terminal: true, env: { TERM: 'xterm' } })
  await running.until(/loading the model, \d/)
  running.interrupt()
  expect((await running.ended).code).toBe(130)
  const { data } = (await (await fetch(`${stage.url}/jobs?limit=1`)).json()) as { data: Job[] }
  expect(data).toMatchObject([{ request: { model: 'slow:latest' }, state: 'canceled' }])
})
