// What is in the target's memory is known before jobs are decided about, also after a time in which nobody asked.
import { expect, test } from 'vitest'
import { chat, openForeman, type Foreman } from './app.harness.ts'
import { eventually, pass, turns } from './app.stage.ts'
import { VirtualClock } from './clock.ts'

/** A foreman that has learnt that its target holds one model, and whose last person used `alpha`. */
async function afterPeople(clock: VirtualClock): Promise<Foreman> {
  const foreman = await openForeman({ clock, fake: { models: ['alpha', 'beta'] } })
  await foreman.app.target.refresh()
  for (const model of ['alpha', 'beta', 'alpha', 'beta', 'alpha']) {
    await foreman.post('/api/generate', { model, prompt: 'hi', stream: false })
    await foreman.app.target.lookAnew()
    await pass(clock, 100)
  }
  return foreman
}

test.each([1_000, 3_500, 10_000])('a job that comes %i ms after a person leaves her runner alone', async (idle) => {
  const clock = new VirtualClock()
  const foreman = await afterPeople(clock)
  await pass(clock, idle)
  const job = await foreman.submit(chat('beta'))
  await pass(clock, 5_000)
  expect(await foreman.job(job.id)).toMatchObject({ state: 'queued', reason: 'yielding_to_people' })
  expect(foreman.fake.resident()).toHaveLength(1)
  await pass(clock, 60_000)
  expect((await foreman.ended(job.id)).state).toBe('done')
})

test('jobs that come while the memory is looked at do not hasten the decision', async () => {
  const clock = new VirtualClock()
  const foreman = await afterPeople(clock)
  await pass(clock, 10_000)
  const looks = foreman.fake.requests.filter(({ path }) => path === '/api/ps').length
  const answered = Promise.withResolvers<void>()
  foreman.fake.fault({ do: 'hang', until: answered.promise, when: ({ path }) => path === '/api/ps' })
  const jobs = [await foreman.submit(chat('beta')), await foreman.submit(chat('beta'))]
  await eventually(() => foreman.fake.requests.filter(({ path }) => path === '/api/ps').length > looks)
  jobs.push(await foreman.submit(chat('beta')))
  await turns()
  // Whoever asks over HTTP waits for the look too.
  for (const { id } of jobs) expect(foreman.app.queue.find(id).state).toBe('queued')
  answered.resolve()
  await pass(clock, 2_000)
  for (const { id } of jobs) expect((await foreman.job(id)).reason).toBe('yielding_to_people')
})

test('a listing that never answers holds a job for three seconds, not for ever', async () => {
  const clock = new VirtualClock()
  const foreman = await openForeman({ clock })
  await pass(clock, 10_000)
  foreman.fake.fault({ do: 'hang', times: Infinity, when: ({ path }) => path === '/api/ps' })
  const job = await foreman.submit(chat())
  await pass(clock, 12_000)
  expect((await foreman.ended(job.id)).state).toBe('done')
})

test('who asks for a plan does not wait for a listing that has not come for long, as on a target that loads', async () => {
  const clock = new VirtualClock()
  const load = Promise.withResolvers<void>()
  const foreman = await openForeman({ clock, fake: { models: ['alpha', 'beta'], loadMs: load.promise } })
  const first = await foreman.submit(chat('alpha'))
  await foreman.reached(first.id, 'loading')
  const second = await foreman.submit(chat('alpha'))
  foreman.fake.fault({ do: 'hang', times: Infinity, when: ({ path }) => path === '/api/ps' })
  await pass(clock, 10_000)
  expect(await foreman.job(second.id)).toMatchObject({ state: 'queued', position: 1 })
  load.resolve()
  await pass(clock, 12_000)
  expect((await foreman.ended(second.id)).state).toBe('done')
})

test('a listing that never answers holds who asks for a plan once, not again and again', async () => {
  const clock = new VirtualClock()
  const foreman = await openForeman({ clock })
  await foreman.post('/queue/pause')
  const { id } = await foreman.submit(chat())
  foreman.fake.fault({ do: 'hang', times: Infinity, when: ({ path }) => path === '/api/ps' })
  const looks = () => foreman.fake.requests.filter(({ path }) => path === '/api/ps').length
  for (const waits of [true, false, false]) {
    await pass(clock, 4_000)
    const before = looks()
    const asked = foreman.job(id)
    await eventually(() => looks() > before)
    if (!waits) expect((await asked).position).toBe(1)
    await pass(clock, 4_000)
    expect((await asked).position).toBe(1)
  }
})

test('whoever waits for a job when foreman stops is told at once, though the listing does not answer', async () => {
  const clock = new VirtualClock()
  const foreman = await openForeman({ clock })
  await foreman.post('/queue/pause')
  const { id } = await foreman.submit(chat())
  foreman.fake.fault({ do: 'hang', times: Infinity, when: ({ path }) => path === '/api/ps' })
  await pass(clock, 4_000)
  const asked = foreman.get(`/jobs/${id}?wait=60`)
  await eventually(() => foreman.app.queue.vigil.size === 1)
  const closed = foreman.close()
  const { status, json, headers } = await asked
  expect([status, json.state, headers.get('connection')]).toEqual([200, 'queued', 'close'])
  await closed
})
