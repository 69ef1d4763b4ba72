// The process that holds a model dies under a job, as when the kernel takes its memory: what the target says then counts
// as an attempt, the job is tried again, and nothing of the broken answer is mixed into the whole one.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openForeman, type Foreman } from '../../server/app.harness.ts'
import type { Job } from '../../server/job/schema.ts'
import { tinyEndless } from './models.ts'
import { type Target, targets } from './targets.ts'
import { until } from './until.ts'

describe.each(targets)('in front of $name', ({ talk: tokens, start }) => {
  const body = { model: tinyEndless, prompt: 'Go on', options: { num_predict: tokens } }
  let target: Target
  beforeAll(async () => {
    target = await start({ name: 'runner' })
  })
  afterAll(() => target.stop())

  const foremanBefore = () => openForeman({ settings: { TARGET: target.url, HOLD: '0s' }, random: () => 0 })

  async function speaks(foreman: Foreman, { id }: Job): Promise<void> {
    await until('it speaks', async () => ((await foreman.job(id)).progress?.tokens ?? 0) > 0)
  }

  test('a runner that dies in mid-answer costs an attempt, and the second is whole', async () => {
    const foreman = await foremanBefore()
    const job = await foreman.submit({ request: { endpoint: '/api/generate', body } })
    await speaks(foreman, job)
    target.killRunners()
    await foreman.reached(job.id, 'back_off')
    const waiting = await foreman.job(job.id)
    expect(waiting).toMatchObject({ state: 'queued', reason: 'backing_off', attempt: 1, artifacts: [] })

    const done = await foreman.ended(job.id)
    expect(done).toMatchObject({ state: 'done', attempt: 2, interruptions: 0, usage: { output_tokens: tokens } })
    expect(done.error).toBeUndefined()
    const stream = textOf(foreman, done, 'stream.ndjson').trimEnd().split('\n')
    expect(stream.filter((line) => line.includes('"done":true'))).toHaveLength(1)
    expect(stream.filter((line) => line.includes('"error"'))).toHaveLength(0)
    const said = stream.map((line) => (JSON.parse(line) as { response: string }).response).join('')
    expect(textOf(foreman, done, 'output.txt')).toBe(said)
    expect(done.artifacts.every(({ partial }) => !partial)).toBe(true)
  })

  test('at the last attempt the job fails with the target’s words and what it had heard', async () => {
    const foreman = await foremanBefore()
    const job = await foreman.submit({ request: { endpoint: '/api/generate', body }, max_attempts: 1 })
    await speaks(foreman, job)
    target.killRunners()
    const failed = await foreman.ended(job.id)
    expect(failed).toMatchObject({
      state: 'failed',
      attempt: 1,
      error: {
        code: 'target_failed',
        detail: 'an error was encountered while running the model: unexpected EOF',
        target_status: 200,
      },
    })
    expect(failed.artifacts).toMatchObject([{ name: 'stream.ndjson', partial: true }])
    const stream = textOf(foreman, failed, 'stream.ndjson').trimEnd().split('\n')
    expect(stream[0]).toContain('"done":false')
    expect(stream.at(-1)).toBe(failed.error?.target_body)
  })

  test('a /v1 job whose runner dies is tried again as well', async () => {
    const foreman = await foremanBefore()
    const request = { endpoint: '/v1/completions', body: { model: tinyEndless, prompt: 'Go on', max_tokens: tokens } }
    const job = await foreman.submit({ request })
    await foreman.reached(job.id, 'working')
    // It tells nothing of how far it is, so whatever comes up is killed until the job has felt it.
    await until('it comes back', () => {
      target.killRunners()
      return foreman.lines.some((line) => line.job === job.id && line.happening === 'back_off')
    })
    const done = await foreman.ended(job.id)
    expect(done).toMatchObject({ state: 'done', attempt: 2, usage: { output_tokens: tokens } })
  })

  test('a runner that dies under a caller is told to him as the target tells it', async () => {
    const foreman = await foremanBefore()
    const answer = await fetch(`${foreman.url}/api/generate`, { method: 'POST', body: JSON.stringify(body) })
    expect(answer.status).toBe(200)
    const pieces: Uint8Array[] = []
    for await (const piece of answer.body ?? []) {
      if (pieces.push(piece as Uint8Array) === 1) target.killRunners()
    }
    const lines = Buffer.concat(pieces).toString().trimEnd().split('\n')
    expect(lines.at(-1)).toBe('{"error":"an error was encountered while running the model: unexpected EOF"}')
    expect(lines.slice(0, -1).every((line) => line.includes('"done":false'))).toBe(true)
  })
})

function textOf(foreman: Foreman, job: Job, name: string): string {
  const { queue } = foreman.app
  return Buffer.concat([...(queue.artifact(queue.find(job.id), name)?.read() ?? [])]).toString()
}
