// The target goes away while a job runs on it: asleep and awake again, or dead and started again.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openForeman, type Foreman } from '../../server/app.harness.ts'
import { tinyA, tinyEndless } from './models.ts'
import { type Target, targets } from './targets.ts'
import { until } from './until.ts'

// One in 25 of its random answers is empty, which after an outage rightly costs an attempt: this one never is.
const options = { num_predict: 3, seed: 7, temperature: 0 }
const brief = { endpoint: '/api/generate', body: { model: tinyA, prompt: 'a', options } }

describe.each(targets)('in front of $name', ({ talk: tokens, start }) => {
  const body = { model: tinyEndless, prompt: 'a', options: { num_predict: tokens } }
  let target: Target
  let foreman: Foreman
  beforeAll(async () => {
    target = await start({ name: 'outage' })
  })
  afterAll(() => target.stop())

  /** A job that speaks and one that waits behind it. */
  async function busyForeman(): Promise<[running: string, waiting: string]> {
    foreman = await openForeman({ settings: { TARGET: target.url }, random: () => 0 })
    const { id } = await foreman.submit({ request: { endpoint: '/api/generate', body } })
    await until('it speaks', async () => ((await foreman.job(id)).progress?.tokens ?? 0) > 0)
    return [id, (await foreman.submit({ request: brief })).id]
  }

  const state = async () => (await foreman.get('/target')).json.state

  test('a job outlives the sleep of its target, at its first attempt', async () => {
    const [running, waiting] = await busyForeman()
    await target.freeze()
    await until('foreman sees it asleep', async () => (await state()) === 'asleep')
    expect(await foreman.job(running)).toMatchObject({ state: 'working', attempt: 1 })
    expect(await foreman.job(waiting)).toMatchObject({ state: 'queued', reason: 'target_asleep' })
    expect((await foreman.get('/readyz')).json).toMatchObject({ checks: expect.arrayContaining([asleep]) })
    target.thaw()
    const done = await foreman.ended(running)
    expect(done).toMatchObject({ state: 'done', attempt: 1, interruptions: 0, usage: { output_tokens: tokens } })
    expect(await foreman.ended(waiting)).toMatchObject({ state: 'done', attempt: 1 })
    expect(await state()).toBe('awake')
  })

  test('a target that dies costs the running job an attempt, and the waiting one nothing', async () => {
    const [running, waiting] = await busyForeman()
    await target.crash()
    await foreman.reached(running, 'back_off')
    await until('foreman sees it down', async () => (await state()) === 'down')
    // The next one may have been taken before that was known. Once its backoff has passed, the first misses only the target.
    for (const id of [waiting, running])
      await until('it waits for the target', async () => (await foreman.job(id)).reason === 'target_down')
    expect(await foreman.job(waiting)).toMatchObject({ state: 'queued', attempt: 0 })
    await target.restart()
    expect(await foreman.ended(running)).toMatchObject({ state: 'done', attempt: 2, usage: { output_tokens: tokens } })
    expect(await foreman.ended(waiting)).toMatchObject({ state: 'done', attempt: 1 })
  })

  test('a foreman that starts before its target tells people who are not to wait at once, and jobs wait at no cost', async () => {
    await target.crash()
    foreman = await openForeman({ settings: { TARGET: target.url, ABSENT_HOLD: '0' } })
    const { status, headers, json } = await foreman.post('/api/generate', brief.body)
    expect([status, json]).toEqual([503, { error: expect.stringContaining('foreman: the target cannot be reached') }])
    expect(headers.get('retry-after')).toBe('5')
    const { id } = await foreman.submit({ request: brief })
    await until('it waits', async () => (await foreman.job(id)).reason === 'target_down')
    await target.restart()
    expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 1, interruptions: 0 })
  })
})

const asleep = { name: 'target', status: 'warn', detail: 'asleep' }
