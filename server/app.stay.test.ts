// How long a runner stays: foreman leaves keep_alive alone but for two cases, and a body of a job stays as it came.
import { describe, expect, test } from 'vitest'
import { chat, openForeman, type Foreman, type Setup } from './app.harness.ts'
import { eventually, openFake, pass } from './app.stage.ts'
import { VirtualClock } from './clock.ts'
import type { Fake } from './ollama/fake/fake.ts'

/** What the target was asked for about runners and work, in order: `load alpha 600000ms`, `work alpha`. */
const asked = (fake: Fake) =>
  fake.requests.flatMap(({ purpose, body }) => {
    if (purpose === 'other') return []
    const { model, keep_alive } = JSON.parse(body.toString()) as { model: string; keep_alive?: unknown }
    const stay = keep_alive === undefined ? [] : [String(keep_alive)]
    return [[purpose, model.replace(':latest', ''), ...stay].join(' ')]
  })

async function open(setup: Setup = {}): Promise<{ foreman: Foreman; fake: Fake }> {
  const foreman = await openForeman({ fake: {}, ...setup })
  await foreman.app.target.refresh()
  return { foreman, fake: foreman.fake }
}

/** Jobs that wait together, then all run. */
async function together(foreman: Foreman, ...jobs: object[]): Promise<void> {
  await foreman.post('/queue/pause')
  const ids = []
  for (const job of jobs) ids.push((await foreman.submit(job)).id)
  await foreman.post('/queue/resume')
  for (const id of ids) expect((await foreman.ended(id)).state).toBe('done')
}

describe('FOREMAN_KEEP_ALIVE_AFTER', () => {
  test('is told before the work of the last job of an emptied queue, and before no other', async () => {
    const { foreman, fake } = await open({ settings: { KEEP_ALIVE_AFTER: '10m' } })
    await together(foreman, chat(), chat(), chat('alpha', 'x', { keep_alive: '3h' }))
    expect(asked(fake)).toEqual(['load alpha', 'work alpha', 'work alpha', 'load alpha 600000ms', 'work alpha 3h'])
  })

  test.each(['0', '300ms'])(
    'of %s lets go of the runner when the last job is done, and loads it once',
    async (after) => {
      const { foreman, fake } = await open({ settings: { KEEP_ALIVE_AFTER: after } })
      await together(foreman, chat(), chat())
      await fake.until(() => fake.ledger.unloads === 1)
      expect(asked(fake)).toEqual(['load alpha', 'work alpha', 'work alpha', 'unload alpha 0'])
      expect(fake.loads).toBe(1)
    },
  )

  test('of nothing leaves a runner in memory that people wait for', async () => {
    const gate = Promise.withResolvers<void>()
    const { foreman, fake } = await open({ settings: { KEEP_ALIVE_AFTER: '0', YIELD_MAX: '0' } })
    fake.fault({ do: 'hang', until: gate.promise })
    const { id } = await foreman.submit(chat())
    await foreman.reached(id, 'working')
    const answer = foreman.post('/api/chat', {
      model: 'alpha',
      stream: false,
      messages: [{ role: 'user', content: 'hi' }],
    })
    await fake.until(() => fake.inFlight === 2)
    gate.resolve()
    expect((await foreman.ended(id)).state).toBe('done')
    expect((await answer).status).toBe(200)
    await foreman.app.idle()
    expect(asked(fake).filter((what) => what.startsWith('unload'))).toEqual([])
  })
})

describe('a runner that is gone when the next job of its turn starts', () => {
  /** Two jobs of alpha; between them the queue is paused and `meanwhile` happens. What was asked for of alpha's loads. */
  async function between(setup: Setup, meanwhile: (at: { foreman: Foreman; fake: Fake }) => Promise<unknown>) {
    const { foreman, fake } = await open({ ...setup, settings: { HOLD: '0s', ...setup.settings } })
    const gate = Promise.withResolvers<void>()
    fake.fault({ do: 'hang', until: gate.promise })
    const first = await foreman.submit(chat())
    await foreman.reached(first.id, 'working')
    const second = await foreman.submit(chat())
    await foreman.post('/queue/pause')
    gate.resolve()
    expect((await foreman.ended(first.id)).state).toBe('done')
    await meanwhile({ foreman, fake })
    await foreman.app.target.lookAnew()
    expect(fake.resident()).not.toContain('alpha:latest')
    await foreman.post('/queue/resume')
    expect((await foreman.ended(second.id)).state).toBe('done')
    return asked(fake).filter((what) => what.startsWith('load alpha'))
  }

  test('for no reason that foreman knows is told to stay for a minute', async () => {
    const loads = await between({}, async ({ fake }) => {
      await fetch(`${fake.url}/api/generate`, { method: 'POST', body: '{"model":"alpha","keep_alive":0}' })
    })
    expect(loads).toEqual(['load alpha', 'load alpha 1m'])
  })

  test('because people used another model is told nothing', async () => {
    const loads = await between({}, async ({ foreman }) => {
      expect((await foreman.post('/api/generate', { model: 'beta', prompt: 'x', stream: false })).status).toBe(200)
    })
    expect(loads).toEqual(['load alpha', 'load alpha'])
  })

  test('because the target was away is told nothing', async () => {
    const clock = new VirtualClock()
    const fake = await openFake()
    const loads = await between({ clock, fake }, async ({ foreman }) => {
      clock.advance(1)
      await fake.refuse()
      await foreman.app.target.probe()
      await fake.listen()
      for (let i = 0; i < 2; i++) await foreman.app.target.probe()
      expect(foreman.app.target.state).toBe('awake')
    })
    expect(loads).toEqual(['load alpha', 'load alpha'])
  })

  test('because foreman let it go is told nothing', async () => {
    const clock = new VirtualClock()
    const fake = await openFake()
    const { foreman } = await open({ clock, fake })
    const gate = Promise.withResolvers<void>()
    fake.fault({ do: 'hang', until: gate.promise })
    const first = await foreman.submit(chat())
    await foreman.reached(first.id, 'working')
    // In one turn with it the next one freezes, and then the last one starts.
    fake.fault({ do: 'hang', after: 2 })
    const { id } = await foreman.submit(chat())
    const next = await foreman.submit(chat())
    gate.resolve()
    await eventually(async () => ((await foreman.job(id)).progress?.tokens ?? 0) > 0)
    await pass(clock, 65_000)
    expect((await foreman.ended(next.id)).state).toBe('done')
    expect(asked(fake)).toContain('unload alpha 0')
    expect(asked(fake).filter((what) => what.startsWith('load'))).toEqual(['load alpha', 'load alpha'])
  })
})
