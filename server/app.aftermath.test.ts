// What foreman's own requests leave behind in the target when they are broken off: it notices late that nobody listens, and
// until then what comes next must not make it evict a runner that works for nobody.
import { describe, expect, test } from 'vitest'
import { chat, openForeman, type Foreman, type Setup } from './app.harness.ts'
import { afterwards, eventually, pass, turns } from './app.stage.ts'
import { VirtualClock } from './clock.ts'
import type { Fake } from './ollama/fake/fake.ts'

/** What was asked of the target's memory and runners, in order: `unload alpha`, `load beta`, `work beta`. */
const asked = (fake: Fake) =>
  fake.requests.flatMap(({ purpose, model }) =>
    purpose === 'other' ? [] : [`${purpose} ${model?.replace(':latest', '')}`],
  )

async function open({ fake, settings }: Setup = {}): Promise<{ clock: VirtualClock; foreman: Foreman; fake: Fake }> {
  const clock = new VirtualClock()
  const foreman = await openForeman({ clock, fake: { ...fake }, random: () => 0.5, ...(settings ? { settings } : {}) })
  await foreman.app.target.refresh()
  return { clock, foreman, fake: foreman.fake }
}

/** A job that is in the middle of its answer, for as long as nobody cancels it. */
async function working(foreman: Foreman, model = 'alpha'): Promise<string> {
  foreman.fake.fault({ do: 'hang', after: 2 })
  const { id } = await foreman.submit(chat(model))
  await eventually(async () => ((await foreman.job(id)).progress?.tokens ?? 0) > 0)
  return id
}

describe('a job that was cancelled', () => {
  test('in its answer leaves a runner that is seen gone before another is asked for, though nobody knows that both do not fit', async () => {
    const noticed = Promise.withResolvers<void>()
    const { clock, foreman, fake } = await open({ fake: { parallel: 2, noticeMs: () => noticed.promise } })
    const first = await working(foreman)
    const { id } = await foreman.submit(chat('beta'))
    await foreman.post(`/jobs/${first}/cancel`)
    await fake.until(() => asked(fake).includes('unload alpha'))
    await pass(clock, 2_000)
    expect(asked(fake)).not.toContain('load beta')
    noticed.resolve()
    await pass(clock, 2_000)
    expect((await foreman.ended(id)).state).toBe('done')
    expect(asked(fake)).toEqual(['load alpha', 'work alpha', 'unload alpha', 'load beta', 'work beta'])
  })

  test('in its answer costs a job of the same runner nothing, which is not asked for again', async () => {
    const noticed = Promise.withResolvers<void>()
    const { foreman, fake } = await open({ fake: { parallel: 2, noticeMs: () => noticed.promise } })
    const first = await working(foreman)
    const { id } = await foreman.submit(chat())
    await foreman.post(`/jobs/${first}/cancel`)
    expect((await foreman.ended(id)).state).toBe('done')
    expect(asked(fake)).toEqual(['load alpha', 'work alpha', 'work alpha'])
    noticed.resolve()
  })

  test('in its load, for which the target may wait for any runner: each goes before one is asked for, with keep_alive or without', async () => {
    const slow = Promise.withResolvers<void>()
    const { clock, foreman, fake } = await open({
      fake: { loadMs: (model) => (model === 'beta:latest' ? slow.promise : 0) },
    })
    // Nobody can tell yet that both do not fit.
    const first = await foreman.submit(chat())
    expect((await foreman.ended(first.id)).state).toBe('done')
    const second = await foreman.submit(chat('beta'))
    await fake.until(() => asked(fake).includes('load beta'))
    await foreman.post(`/jobs/${second.id}/cancel`)
    await turns()
    await fetch(`${fake.url}/api/generate`, { method: 'POST', body: '{"model":"alpha"}' })
    const { id } = await foreman.submit(chat('alpha', 'x', { keep_alive: -1 }))
    await pass(clock, 2_000)
    expect((await foreman.ended(id)).state).toBe('done')
    expect(asked(fake).slice(-3)).toEqual(['unload alpha', 'load alpha', 'work alpha'])
  })

  test('in its load beside one that it is known to fit with costs that one nothing', async () => {
    let slow: Promise<void> | number = 0
    const { clock, foreman, fake } = await open({ fake: { room: 2, loadMs: () => slow } })
    for (const model of ['alpha', 'beta']) {
      const { id } = await foreman.submit(chat(model))
      expect((await foreman.ended(id)).state).toBe('done')
    }
    await foreman.app.target.lookAnew()
    await fetch(`${fake.url}/api/generate`, { method: 'POST', body: '{"model":"beta","keep_alive":0}' })
    await pass(clock, 4_000)
    slow = new Promise(() => {})
    const second = await foreman.submit(chat('beta'))
    await eventually(() => asked(fake).filter((what) => what === 'load beta').length === 2)
    await foreman.post(`/jobs/${second.id}/cancel`)
    const { id } = await foreman.submit(chat())
    expect((await foreman.ended(id)).state).toBe('done')
    expect(asked(fake).slice(-2)).toEqual(['load beta', 'work alpha'])
  })
})

describe('a job whose target vanished for longer than it was given', () => {
  /** A job was given up in the middle of its answer, and the target is back. */
  async function gaveUp() {
    const noticed = Promise.withResolvers<void>()
    const { clock, foreman, fake } = await open({
      fake: { parallel: 2, noticeMs: () => noticed.promise },
      settings: { GRACE: '20s' },
    })
    afterwards(async () => noticed.resolve())
    const id = await working(foreman)
    fake.sleep()
    await pass(clock, 30_000)
    await foreman.reached(id, 'give_back')
    const before = asked(fake).length
    fake.wake()
    await eventually(async () => {
      await pass(clock, 1_000)
      return foreman.app.target.state === 'awake'
    })
    await foreman.reached(id, 'loading', 2)
    return { clock, foreman, fake, id, since: () => asked(fake).slice(before) }
  }

  test('is not tried again before Ollama must have noticed', async () => {
    const { clock, foreman, id, since } = await gaveUp()
    await pass(clock, 13_000)
    expect(since()).toEqual([])
    await pass(clock, 3_000)
    expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 1 })
  })

  test('is tried again as soon as nothing is in memory', async () => {
    const { clock, foreman, fake, id, since } = await gaveUp()
    await pass(clock, 3_000)
    expect(since()).toEqual([])
    fake.crash()
    await fetch(`${fake.url}/api/generate`, { method: 'POST', body: '{"model":"alpha","keep_alive":0}' })
    await pass(clock, 2_000)
    expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 1 })
  })

  test('can be cancelled while that is waited for, and the next one waits for the rest', async () => {
    const { clock, foreman, id, since } = await gaveUp()
    await pass(clock, 10_000)
    const next = await foreman.submit(chat())
    expect((await foreman.post(`/jobs/${id}/cancel`)).json.state).toBe('canceled')
    await foreman.reached(next.id, 'loading')
    await pass(clock, 3_000)
    expect(since()).toEqual([])
    await pass(clock, 3_000)
    expect((await foreman.ended(next.id)).state).toBe('done')
  })

  test('goes back to the queue when foreman stops while that is waited for', async () => {
    const { clock, foreman, id } = await gaveUp()
    const closed = foreman.close()
    await pass(clock, 31_000)
    await closed
    expect(foreman.lines.filter(({ job }) => job === id).at(-1)).toMatchObject({ state: 'queued' })
  })
})
