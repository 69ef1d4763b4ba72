// What callers are told of when their jobs will run.
import { expect, test } from 'vitest'
import { chat, openForeman } from './app.harness.ts'
import { pass } from './app.stage.ts'
import { VirtualClock } from './clock.ts'
import type { Job } from './job/schema.ts'

const models = ['alpha', 'beta']
interface Plan {
  data: { id: string; model: string; position: number; loads: boolean; start_at?: string; finish_at?: string }[]
  jobs: number
  loads: number
  waiting: number
  finish_at?: string
}

test('no time is told before the first measurement, then there is one, and it outlives a restart', async () => {
  const foreman = await openForeman({ fake: { models, loadMs: 20, tokenMs: 2 } })
  await foreman.app.target.refresh()
  await foreman.post('/queue/pause')
  const ids = []
  for (const model of ['alpha', 'beta', 'alpha']) ids.push((await foreman.submit(chat(model))).id)
  const [first, second, third] = ids as [string, string, string]
  const before = (await foreman.get('/queue/plan')).json as unknown as Plan
  expect(before).toMatchObject({ jobs: 3, loads: 2, waiting: 3 })
  expect(before.data.map(({ id, position, loads, start_at }) => [id, position, loads, start_at])).toEqual([
    [first, 1, true, undefined],
    [third, 2, false, undefined],
    [second, 3, true, undefined],
  ])
  expect(await foreman.job(second)).toMatchObject({ position: 3, reason: 'paused' })
  expect((await foreman.job(second)).eta).toBeUndefined()
  await foreman.post('/queue/resume')
  for (const id of ids) await foreman.ended(id)

  await foreman.restart()
  await foreman.app.target.refresh()
  foreman.fake.fault({ do: 'hang', after: 2 })
  const running = await foreman.submit(chat('alpha'))
  await foreman.reached(running.id, 'working')
  const waiting = await foreman.submit(chat('beta'))
  const { eta, position } = await foreman.job(waiting.id)
  expect(position).toBe(1)
  expect(Date.parse(eta?.finish_at ?? '')).toBeGreaterThan(Date.parse(eta?.start_at ?? ''))
  expect(await foreman.trpc.queue.plan.query({ limit: 1 })).toMatchObject({
    data: [{ id: waiting.id, position: 1, loads: true, start_at: eta?.start_at }],
    finish_at: eta?.finish_at,
  })
  await foreman.post(`/jobs/${running.id}/cancel`)
  await foreman.ended(waiting.id)
  expect((await foreman.get('/metrics')).text).toMatch(/foreman_eta_error_seconds_count 1/)
})

test('no time is told while jobs step aside for people, who stay as long as they like', async () => {
  const foreman = await openForeman({ fake: { models, loadMs: 20, tokenMs: 2 } })
  await foreman.app.target.refresh()
  for (const model of models) await foreman.ended((await foreman.submit(chat(model))).id)
  const body = { model: 'beta', stream: false, messages: [{ role: 'user', content: 'hi' }] }
  expect((await foreman.post('/api/chat', body)).status).toBe(200)
  const { id } = await foreman.submit(chat('alpha'))
  const job = await foreman.job(id)
  expect(job).toMatchObject({ state: 'queued', reason: 'yielding_to_people', position: 1 })
  expect(job.eta).toBeUndefined()
})

test('a list of jobs tells their places though nobody asked for the plan, and those who came since have theirs', async () => {
  const foreman = await openForeman({ fake: { models } })
  await foreman.post('/queue/pause')
  for (const model of ['alpha', 'beta', 'alpha']) await foreman.submit(chat(model))
  const positions = async () =>
    ((await foreman.get('/jobs')).json.data as { position?: number }[]).map((job) => job.position)
  expect(await positions()).toEqual([2, 3, 1])
  await foreman.submit(chat('beta'))
  expect(await positions()).toEqual([4, 2, 3, 1])
})

test('the job that is about to start is the first, and no other has its place', async () => {
  const foreman = await openForeman({ fake: { models } })
  await foreman.post('/queue/pause')
  for (let i = 0; i < 3; i++) await foreman.submit(chat('alpha'))
  const { queue } = foreman.app
  const { advance } = queue
  const [begins, goes] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  queue.advance = async function (...asked) {
    begins.resolve()
    await goes.promise
    return advance.apply(this, asked)
  }
  await foreman.post('/queue/resume')
  await begins.promise
  const places = ((await foreman.get('/jobs')).json.data as Job[]).map(({ position, reason }) => [position, reason])
  expect(places).toEqual([
    [3, 'behind_others'],
    [2, 'behind_others'],
    [1, 'next'],
  ])
  goes.resolve()
})

test('the answers to those who submit, cancel or try again tell no place, whoever has just asked for the plan', async () => {
  const foreman = await openForeman({ fake: { models } })
  await foreman.post('/queue/pause')
  const submission = { ...chat('alpha'), idempotency_key: 'once' }
  const { id } = await foreman.submit(submission)
  expect((await foreman.job(id)).position).toBe(1)
  expect(await foreman.submit(submission)).not.toHaveProperty('position')
  await foreman.post(`/jobs/${id}/cancel`)
  expect((await foreman.post(`/jobs/${id}/retry`)).json).not.toHaveProperty('position')
  expect((await foreman.job(id)).position).toBe(1)
})

test('a job that is canceled is in the plan no longer, though that is not made anew', async () => {
  const foreman = await openForeman({ fake: { models } })
  await foreman.post('/queue/pause')
  const ids = []
  for (const model of ['alpha', 'beta', 'alpha']) ids.push((await foreman.submit(chat(model))).id)
  const [first, second, third] = ids as [string, string, string]
  const planned = async () => ((await foreman.get('/queue/plan')).json as unknown as Plan).data.map(({ id }) => id)
  expect(await planned()).toEqual([first, third, second])
  await foreman.post(`/jobs/${first}/cancel`)
  expect(await planned()).toEqual([third, second])
  expect((await foreman.job(second)).position).toBe(2)
})

test('the jobs behind one that is loading need no load of their own', async () => {
  const foreman = await openForeman({ fake: { models, loadMs: 600_000 } })
  await foreman.app.target.refresh()
  const first = await foreman.submit(chat('alpha'))
  await foreman.reached(first.id, 'loading')
  await foreman.submit(chat('alpha'))
  expect((await foreman.get('/queue/plan')).json).toMatchObject({ jobs: 1, loads: 0, data: [{ loads: false }] })
  await foreman.post(`/jobs/${first.id}/cancel`)
})

test('a plan of a queue that is paused knows what is loaded, however long ago that was looked at', async () => {
  const clock = new VirtualClock()
  const foreman = await openForeman({ fake: { models }, clock })
  await foreman.app.target.refresh()
  await foreman.ended((await foreman.submit(chat('alpha'))).id)
  await foreman.post('/queue/pause')
  for (const model of ['alpha', 'beta']) await foreman.submit(chat(model))
  await pass(clock, 10_000)
  const plan = (await foreman.get('/queue/plan')).json as unknown as Plan
  expect(plan.data.map(({ model, loads }) => [model, loads])).toEqual([
    ['alpha:latest', false],
    ['beta:latest', true],
  ])
})

test.each(['0', '10001', 'x', '1.5'])('limit=%s is refused', async (limit) => {
  const foreman = await openForeman()
  expect((await foreman.get(`/queue/plan?limit=${limit}`)).status).toBe(422)
})

test('the loads that draining avoided are those of the order of arrival, job by job', async () => {
  const foreman = await openForeman({ fake: { models } })
  await foreman.app.target.refresh()
  await foreman.post('/queue/pause')
  const ids = []
  for (let i = 0; i < 8; i++) ids.push((await foreman.submit(chat(models[i % 2]))).id)
  await foreman.post('/queue/resume')
  for (const id of ids) await foreman.ended(id)
  const { text } = await foreman.get('/metrics')
  expect(text).toMatch(/^foreman_model_loads_total 2$/m)
  expect(text).toMatch(/^foreman_model_loads_avoided_total 6$/m)
})
