// Which jobs share a runner is known only to the target: copies and derived models do, and what a name means may change while
// jobs wait for it.
import { expect, test } from 'vitest'
import { chat, openForeman, type Foreman } from './app.harness.ts'
import { pass } from './app.stage.ts'
import { VirtualClock } from './clock.ts'

const models = [
  { name: 'base', weights: 'w1' },
  { name: 'copy', weights: 'w1' },
  { name: 'derived', weights: 'w1', parent: 'base', system: 'You are somebody else.' },
  { name: 'sized', weights: 'w1', parent: 'base', parameters: { num_ctx: 2048 } },
  { name: 'other', weights: 'w2' },
]

/** Waiting jobs by runner, in the order of the plan. */
async function runners(foreman: Foreman): Promise<{ model: string; loads: boolean }[]> {
  const { data } = (await foreman.get('/queue/plan')).json as { data: { model: string; loads: boolean }[] }
  return data.map(({ model, loads }) => ({ model: model.replace(':latest', ''), loads }))
}

async function paused(...order: [model: string, options?: object][]) {
  const clock = new VirtualClock()
  const foreman = await openForeman({ clock, fake: { models, loadMs: 5 } })
  await foreman.app.target.refresh()
  await foreman.post('/queue/pause')
  const ids = []
  for (const [model, options = {}] of order) ids.push((await foreman.submit(chat(model, 'hi', { options }))).id)
  /** The target tells its names anew, and a plan is a second old. */
  const renamed = async () => {
    await foreman.app.target.refresh()
    await pass(clock, 1_000)
  }
  return { foreman, ids, renamed }
}

test('a model, its copy and one made from it with other words are one runner: one load for all', async () => {
  const { foreman, ids } = await paused(['base'], ['other'], ['copy'], ['other'], ['derived'], ['BASE:latest'])
  expect((await runners(foreman)).map(({ model }) => model)).toEqual([
    'base',
    'copy',
    'derived',
    'base',
    'other',
    'other',
  ])
  await foreman.post('/queue/resume')
  for (const id of ids) expect((await foreman.ended(id)).state).toBe('done')
  expect(foreman.fake.loads).toBe(2)
})

test('an option in the Modelfile makes another runner, which the same option in a request shares', async () => {
  const { foreman, ids } = await paused(
    ['sized'],
    ['base'],
    ['copy', { num_ctx: 2048 }],
    ['base', { seed: 1, num_gpu: -1 }],
  )
  await foreman.post('/queue/resume')
  for (const id of ids) expect((await foreman.ended(id)).state).toBe('done')
  expect(foreman.fake.loads).toBe(2)
})

test('a name that is made anew from other weights takes its waiting jobs along', async () => {
  const { foreman, renamed } = await paused(['base'], ['other'], ['copy'], ['other'])
  expect((await runners(foreman)).filter(({ loads }) => loads)).toHaveLength(2)
  foreman.fake.addModel({ name: 'copy', weights: 'w2' })
  await renamed()
  expect((await runners(foreman)).map(({ model }) => model)).toEqual(['base', 'other', 'copy', 'other'])
  foreman.fake.addModel({ name: 'copy', weights: 'w3' })
  await renamed()
  expect((await runners(foreman)).filter(({ loads }) => loads)).toHaveLength(3)
})

test('a name that only comes into being while its jobs wait joins its runner then', async () => {
  const { foreman, renamed } = await paused(['late'], ['other'], ['base'])
  expect((await runners(foreman)).filter(({ loads }) => loads)).toHaveLength(3)
  foreman.fake.addModel({ name: 'late', weights: 'w1' })
  await renamed()
  expect((await runners(foreman)).map(({ model }) => model)).toEqual(['late', 'base', 'other'])
})
