// What is loaded when: loads are counted by the target itself, by foreman, and by what /api/ps lists.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openForeman, type Foreman } from '../../server/app.harness.ts'
import { tinyA, tinyB, tinyEmbed } from './models.ts'
import { type Target, targets } from './targets.ts'
import { until } from './until.ts'

describe.each(targets)('in front of $name', ({ start }) => {
  let target: Target
  let foreman: Foreman
  let before = 0
  beforeAll(async () => {
    target = await start({ name: 'loads' })
  })
  afterAll(() => target.stop())

  /** Nothing is loaded, and a foreman has just been started. */
  beforeEach(async () => {
    for (const { name } of await listed()) await direct({ model: name, keep_alive: 0 })
    await until('nothing is loaded', async () => (await listed()).length === 0)
    foreman = await openForeman({ settings: { TARGET: target.url }, random: () => 0 })
    before = target.loads()
  })

  async function listed(): Promise<{ name: string; context_length: number }[]> {
    const answer = await fetch(`${target.url}/api/ps`)
    return ((await answer.json()) as { models: { name: string; context_length: number }[] }).models
  }

  async function direct(body: object): Promise<void> {
    const answer = await fetch(`${target.url}/api/generate`, { method: 'POST', body: JSON.stringify(body) })
    await answer.text()
    expect(answer.status).toBe(200)
  }

  const submit = (model: string, options: object = {}) => {
    const short = { num_predict: 5, ...options }
    const embed = { endpoint: '/api/embed', body: { model, input: 'amber', options } }
    const generate = { endpoint: '/api/generate', body: { model, prompt: 'amber', options: short } }
    return foreman.submit({ request: model === tinyEmbed ? embed : generate })
  }

  async function allDone(ids: { id: string }[]): Promise<void> {
    for (const { id } of ids) expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 1 })
  }

  /** Loads since the test began: the target's count, foreman's count. */
  async function loads(): Promise<[target: number, foreman: number]> {
    const page = (await foreman.get('/metrics')).text
    return [target.loads() - before, Number(/^foreman_model_loads_total (\d+)/m.exec(page)?.[1])]
  }

  test('a model is loaded once for all its jobs, and again for another num_ctx', async () => {
    await foreman.post('/queue/pause')
    const sizes = [1024, undefined, 1024, 2048, undefined, 1024]
    const jobs = []
    for (const num_ctx of sizes) jobs.push(await submit(tinyA, num_ctx === undefined ? {} : { num_ctx }))
    await foreman.post('/queue/resume')
    await allDone(jobs)
    // The Modelfile says 2048: who asks for it and who asks for nothing share a runner.
    expect(await loads()).toEqual([2, 2])
    expect(await listed()).toMatchObject([{ name: `${tinyA}:latest`, context_length: 2048 }])
  })

  test('a mixed burst over three models costs a load a model', async () => {
    const jobs = []
    for (let i = 0; i < 12; i++) jobs.push(await submit([tinyA, tinyB, tinyEmbed][i % 3] as string))
    await allDone(jobs)
    const [ofTarget, ofForeman] = await loads()
    expect(ofForeman).toBe(ofTarget)
    expect(ofTarget).toBeGreaterThanOrEqual(3)
    expect(ofTarget).toBeLessThanOrEqual(4)
  })

  test('what somebody else has loaded is used as it is, if it fits', async () => {
    await direct({ model: tinyB })
    await foreman.restart()
    await foreman.app.target.refresh()
    await allDone([await submit(tinyB), await submit(tinyB, { num_ctx: 2048 })])
    expect(await loads()).toEqual([1, 0])
    await allDone([await submit(tinyB, { num_ctx: 512 })])
    expect(await loads()).toEqual([2, 1])
    expect(await listed()).toMatchObject([{ context_length: 512 }])
  })

  test('what somebody else has loaded otherwise is loaded again', async () => {
    await direct({ model: tinyA, options: { num_ctx: 512 } })
    await foreman.restart()
    await foreman.app.target.refresh()
    await allDone([await submit(tinyA)])
    expect(await loads()).toEqual([2, 1])
    expect(await listed()).toMatchObject([{ context_length: 2048 }])
  })

  test('a runner that was killed while idle is listed on, and costs the next job nothing but the load', async () => {
    await allDone([await submit(tinyA)])
    target.killRunners()
    expect(await listed()).toHaveLength(1)
    await allDone([await submit(tinyA)])
    expect(await loads()).toEqual([2, 1])
  })

  test('/v1 jobs and native ones share the runner that nobody asked anything special of', async () => {
    const messages = [{ role: 'user', content: 'Hello' }]
    const body = { model: tinyA, messages, max_tokens: 5 }
    const jobs = [await submit(tinyA), await foreman.submit({ request: { endpoint: '/v1/chat/completions', body } })]
    await allDone(jobs)
    expect(await loads()).toEqual([1, 1])
  })
})
