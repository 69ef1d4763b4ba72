// The commands as somebody types them, each a process of its own, in front of a real foreman and a simulated Ollama.

import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Command, valuesOf } from '../../../../scripts/command.harness.ts'
import { setStage, type Stage } from '../../../../scripts/page.harness.ts'
import type { Job } from '../index.ts'

let stage: Stage
let loaded: () => void

beforeAll(async () => {
  const load = Promise.withResolvers<number>()
  loaded = () => load.resolve(0)
  stage = await setStage({
    models: ['llama3.2:3b', 'slow'],
    registry: [{ name: 'new:1b', size: 2_000_000_000 }, 'other:1b'],
    loadMs: (model) => (model.startsWith('slow') ? load.promise : 0),
    tokens: 5,
  })
})

afterAll(async () => {
  loaded()
  await stage?.close()
})

const call = (args: string[], input?: string) => new Command(args, { env: { FOREMAN_URL: stage.url }, input }).ended
const job = (model: string, more: object = {}) =>
  JSON.stringify({ request: { endpoint: '/api/generate', body: { model, prompt: 'Hi' } }, ...more })

/** The response of Ollama itself. */
async function direct(prompt: string, model = 'llama3.2:3b'): Promise<string> {
  const body = JSON.stringify({ model, prompt, stream: false })
  const answer = await fetch(`${stage.fake.url}/api/generate`, { method: 'POST', body })
  return ((await answer.json()) as { response: string }).response
}

async function look(id: string): Promise<Job> {
  return (await (await fetch(`${stage.url}/jobs/${id}?wait=20`)).json()) as Job
}

async function submitted(...lines: string[]): Promise<string[]> {
  const { stdout, code } = await call(['submit', '-'], lines.join('\n'))
  expect(code).toBe(0)
  return stdout.trim().split('\n')
}

test('run writes the answer, and nothing else to a pipe', async () => {
  const { stdout, code } = await call(['run', 'llama3.2:3b', 'Why?', '--label', 'a=b', '--timeout', '60'])
  expect({ stdout, code }).toEqual({ stdout: `${await direct('Why?')}\n`, code: 0 })
  const listed = await call(['list', '--label', 'a=b', '--json'])
  expect(listed).toEqual(await call(['list', '--label', 'a:b', '--json']))
  expect(valuesOf(listed.stdout)).toMatchObject([{ labels: { a: 'b' }, timeout_s: 60, state: 'done' }])
})

test('run takes its prompt from a pipe, and with --json the result is the job with its response', async () => {
  const { stdout, code } = await call(['run', 'llama3.2:3b', '-', '--json'], 'Why not?')
  expect(code).toBe(0)
  expect(valuesOf(stdout)).toMatchObject([{ state: 'done', response: { response: await direct('Why not?') } }])
})

test('run ends with 1 and the code when its job fails', async () => {
  const { stdout, stderr, code } = await call(['run', 'nobody', 'Hi'])
  expect({ stdout, code }).toEqual({ stdout: '', code: 1 })
  expect(stderr).toMatch(/^foreman: job_\S+: .*not found/m)
  expect(stderr).toContain('foreman pull')
  const said = await call(['run', 'nobody', 'Hi', '--json'])
  expect(valuesOf(said.stdout)).toMatchObject([{ state: 'failed', error: { code: 'model_missing' } }])
  expect(valuesOf(said.stderr)).toMatchObject([{ error: { code: 'model_missing' } }])
})

test('Ctrl-C on run cancels its job and ends with 130', async () => {
  const running = new Command(['run', 'slow', 'Hi'], { env: { FOREMAN_URL: stage.url } })
  await running.until(/loading the model/)
  running.interrupt()
  expect((await running.ended).code).toBe(130)
  const [last] = valuesOf<Job>((await call(['list', '--limit', '1', '--json'])).stdout)
  expect(last).toMatchObject({ request: { model: 'slow:latest' }, state: 'canceled' })
})

test('submit writes an id for each line, and numbers arrive exactly', async () => {
  const exact =
    '{"request":{"endpoint":"/api/generate","body":{"model":"llama3.2:3b","options":{"seed":12345678901234567890}}}}'
  const [first = '', second = ''] = await submitted(job('llama3.2:3b'), '', exact)
  expect((await look(first)).state).toBe('done')
  const got = await fetch(`${stage.url}/jobs/${second}?include=request`)
  expect(await got.text()).toContain('12345678901234567890')
})

test('a file that is submitted again under the same key makes no second jobs', async () => {
  const file = join(stage.folder, 'jobs.jsonl')
  writeFileSync(file, `${job('llama3.2:3b')}\n${job('llama3.2:3b', { idempotency_key: 'mine' })}\n`)
  const once = await call(['submit', file, '--key', 'night'])
  expect(once.stderr).toBe('2 jobs submitted\n')
  const again = await call(['submit', file, '--key', 'night'])
  expect(again.stdout).toBe(once.stdout)
  expect(again.stderr).toBe('2 jobs submitted, of which 2 had been submitted before\n')
  expect((await call(['submit', file, '--key', 'day'])).stdout.split('\n')[0]).not.toBe(once.stdout.split('\n')[0])
})

test('get shows a job, and with --json what foreman answers', async () => {
  const [id = ''] = await submitted(job('llama3.2:3b', { labels: { feed: '42' } }))
  await look(id)
  const { stdout } = await call(['get', '--include', 'response', '--include', 'request', id])
  expect(stdout).toMatch(new RegExp(`^id +${id}$`, 'm'))
  expect(stdout).toMatch(/^state +done, 5 tokens$/m)
  expect(stdout).toMatch(/^labels +feed=42$/m)
  expect(stdout).toContain(JSON.stringify(await direct('Hi')))
  expect(stdout).toContain('"prompt": "Hi"')
  const [said] = valuesOf((await call(['--json', 'get', id])).stdout)
  expect(said).toEqual(await look(id))
})

test('list is a table, by state and model', async () => {
  const { stdout } = await call(['list', '--state', 'failed', 'canceled', '--model', 'nobody'])
  const [heading, ...rows] = stdout.trim().split('\n')
  expect(heading).toMatch(/^ID +STATE +MODEL +PROGRESS +AGE$/)
  expect(rows.length).toBeGreaterThan(0)
  for (const row of rows) expect(row).toMatch(/^job_\S+ +failed +nobody:latest +model_missing +\d+s$/)
  const labelled = await call(['list', '--label', 'a:b'])
  expect(labelled.stdout).toMatch(/ LABELS\n.* a=b\n$/)
  const none = await call(['list', '--model', 'never'])
  expect(none).toEqual({ stdout: '', stderr: 'no jobs\n', code: 0 })
})

test('a job that cannot be canceled does not keep the others from it', async () => {
  const [first = '', last = ''] = await submitted(job('slow'), job('slow'))
  const { stdout, stderr, code } = await call(['cancel', first, 'job_nobody', last])
  expect({ stdout, code }).toEqual({ stdout: `${first} canceled\n${last} canceled\n`, code: 4 })
  expect(stderr).toMatch(/^foreman: job_nobody: .*\n$/)
})

test('retry queues a failed job again', async () => {
  const [id = ''] = await submitted(job('nobody'))
  expect((await look(id)).state).toBe('failed')
  expect((await call(['retry', id])).stdout).toBe(`${id} queued\n`)
  expect((await look(id)).state).toBe('failed')
})

test('artifacts lists what a job has made, and writes it into a folder', async () => {
  const [id = ''] = await submitted(job('llama3.2:3b'))
  const { artifacts } = await look(id)
  const listed = await call(['artifacts', id])
  for (const { name } of artifacts) expect(listed.stdout).toMatch(new RegExp(`^${name} +\\d`, 'm'))
  const folder = join(stage.folder, 'made')
  const { stdout, code } = await call(['artifacts', id, '-o', folder, '--json'])
  expect(code).toBe(0)
  expect(valuesOf(stdout)).toMatchObject(
    artifacts.map(({ name, sha256 }) => ({ name, sha256, path: join(folder, name) })),
  )
  expect(readdirSync(folder).toSorted()).toEqual(artifacts.map(({ name }) => name).toSorted())
  for (const { name, sha256 } of artifacts)
    expect(
      createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex'),
    ).toBe(sha256)
})

test('pull tells each step once in a pipe, and the next model comes after it', async () => {
  const { stdout, code } = await call(['pull', 'new:1b', 'other:1b'])
  expect(code).toBe(0)
  expect(stdout).toMatch(/^pulling manifest\npulling \w{12} 2.0 GB\npulling \w{12} 17 B\nverifying/)
  expect(stdout).toMatch(/^pulled new:1b\npulling manifest$/m)
  expect(stdout).toMatch(/pulled other:1b\n$/)
  const { models } = (await (await fetch(`${stage.fake.url}/api/tags`)).json()) as { models: { name: string }[] }
  expect(models.map(({ name }) => name)).toEqual(expect.arrayContaining(['new:1b', 'other:1b']))
})

test('pull with --json hands on what Ollama says, and a model that is nowhere fails', async () => {
  const { stdout } = await call(['pull', 'new:1b', '--json'])
  expect(valuesOf(stdout).at(-1)).toEqual({ model: 'new:1b', status: 'success' })
  const failed = await call(['pull', 'nowhere'])
  expect(failed.code).toBe(1)
  expect(failed.stderr).toBe('foreman: nowhere: pull model manifest: file does not exist\n')
  stage.fake.fault({ do: 'kill', after: 2, when: ({ path }) => path === '/api/pull' })
  const cut = await call(['pull', 'new:1b'])
  expect(cut.code).toBe(1)
  expect(cut.stderr).toContain('new:1b: the pull broke off')
})

test('plan and status are one value each with --json', async () => {
  const [plan] = valuesOf((await call(['plan', '--json'])).stdout)
  expect(plan).toMatchObject({ data: expect.any(Array) as unknown, waiting: expect.any(Number) as unknown })
  const [status] = valuesOf((await call(['status', '--json'])).stdout)
  expect(status).toMatchObject({ queue: { paused: false, target: 'awake' }, target: { url: stage.fake.url } })
})

test('more lines than a batch takes are submitted in several', async () => {
  await fetch(`${stage.url}/queue/pause`, { method: 'POST' })
  const ids = await submitted(...Array.from({ length: 1_001 }, () => job('llama3.2:3b', { labels: { big: 'yes' } })))
  expect(new Set(ids).size).toBe(1_001)
  const { stdout, stderr } = await call(['list', '--label', 'big:yes', '--limit', '450', '--json'])
  const warning = 'the newest 450; there are more: --limit'
  expect(valuesOf(stderr)).toEqual([{ warning }])
  expect((await call(['list', '--label', 'big:yes', '--limit', '450'])).stderr).toBe(`${warning}\n`)
  expect((await call(['list', '--label', 'big:yes', '--limit', '1001'])).stderr).toBe('')
  expect(valuesOf<Job>(stdout).map(({ id }) => id)).toEqual(ids.toReversed().slice(0, 450))
  const planned = await call(['plan', '--limit', '3'])
  expect(planned.stdout).toMatch(/^ID +STATE +MODEL +POS\njob_\S+ +queued +llama3.2:3b +1$/m)
  expect(planned.stdout.trim().split('\n')).toHaveLength(4)
  expect(planned.stderr).toMatch(/^1001 of 1001 waiting jobs planned, \d+ loads/)
  const status = await call(['status'])
  expect(status.stdout).toMatch(/1001 queued/)
  expect(status.stdout).toMatch(/paused/)
  const canceled = await call(['cancel', ...ids.slice(0, 2)])
  expect(canceled.stdout).toBe(`${ids[0]} canceled\n${ids[1]} canceled\n`)
})
