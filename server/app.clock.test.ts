// The wall clock is for records: set back or forward in the middle of a run, or while foreman is down, it changes
// nothing that is decided.

import { expect, test } from 'vitest'
import { chat, openForeman, type Foreman } from './app.harness.ts'
import { eventually, openFake, pass } from './app.stage.ts'
import { VirtualClock } from './clock.ts'

const hour = 3_600_000

/** What happened, without when: states in order, attempts, the order of the target's work, what backs off for how long. */
async function story(shift: (clock: VirtualClock) => void): Promise<unknown> {
  const clock = new VirtualClock()
  const foreman = await openForeman({ clock, random: () => 0.5, settings: { PATIENCE: '1m' } })
  const { fake } = foreman
  const named = new Map<string, string>()
  const submit = async (name: string, input: object) => named.set((await foreman.submit(input)).id, name)
  await foreman.post('/queue/pause')
  await submit('first', chat())
  await submit('other', chat('beta'))
  shift(clock)
  await submit('second', chat())
  const deadline = await foreman.submit({ ...chat('gamma'), timeout_s: 10 })
  named.set(deadline.id, 'deadline')
  fake.fault({ do: 'busy', when: ({ purpose, model }) => purpose === 'work' && model === 'beta' })
  fake.fault({ do: 'hang', when: ({ purpose, model }) => purpose === 'work' && model === 'gamma' })
  await foreman.post('/queue/resume')
  await eventually(async () => (await foreman.job(deadline.id)).state === 'working')
  shift(clock)
  const backing = [...named].find(([, name]) => name === 'other')?.[0] ?? ''
  await foreman.reached(backing, 'back_off')
  await pass(clock, 4000)
  shift(clock)
  const early = (await foreman.job(backing)).reason
  await pass(clock, 7000)
  shift(clock)
  for (const id of named.keys()) await foreman.ended(id)
  const lines = foreman.lines.filter(({ job }) => job !== undefined)
  const told = lines.map(({ job, state, attempt, code }) => [named.get(job ?? ''), state, attempt, code])
  const { states } = (await foreman.get('/queue')).json
  for (const id of named.keys()) await recorded(foreman, id)
  return { early, told, served: fake.served, loads: fake.ledger.loadOrder, states }
}

/** Records are what the wall said; no duration made of them is negative. */
async function recorded(foreman: Foreman, id: string): Promise<void> {
  const { usage, created_at } = await foreman.job(id)
  expect(created_at).toMatch(/^\d{4}-/)
  if (usage) expect(usage.queue_ms).toBeGreaterThanOrEqual(0)
}

test.each([
  ['an hour back', -hour],
  ['a day forward', 24 * hour],
])('set %s, again and again: the same jobs run in the same order at the same time', async (_, ms) => {
  const straight = await story(() => {})
  expect(await story((clock) => clock.shiftWall(ms))).toEqual(straight)
  expect(straight).toMatchObject({ early: 'backing_off', states: { done: 3, failed: 1, queued: 0 } })
})

test('set back while foreman is down: what backs off does so for its time and no longer, ages stay', async () => {
  const first = new VirtualClock()
  const fake = await openFake()
  const foreman = await openForeman({ fake, clock: first, random: () => 0.5 })
  fake.fault({ do: 'busy' })
  const { id } = await foreman.submit(chat())
  await foreman.reached(id, 'back_off')
  await pass(first, 2000)
  await foreman.close()
  for (const ms of [-hour, -24 * hour]) {
    await foreman.start({ clock: new VirtualClock(first.wall() + ms) })
    expect(await foreman.job(id)).toMatchObject({ state: 'queued', reason: 'backing_off' })
    await foreman.close()
  }
  const clock = new VirtualClock(first.wall() - hour)
  await foreman.start({ clock })
  await pass(clock, 5000)
  expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 2 })
})

test('a restart makes no wait longer: the clock that goes on while foreman is down counts', async () => {
  const first = new VirtualClock()
  const fake = await openFake()
  const foreman = await openForeman({ fake, clock: first, random: () => 0.5 })
  fake.fault({ do: 'busy' })
  const { id } = await foreman.submit(chat())
  await foreman.reached(id, 'back_off')
  await foreman.close()
  const clock = new VirtualClock(first.wall() + 3000)
  await foreman.start({ clock })
  await pass(clock, 1900, 100)
  expect(await foreman.job(id)).toMatchObject({ state: 'queued', reason: 'backing_off' })
  await pass(clock, 200)
  expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 2 })
})

test('start_by is a time of the wall by contract: set forward, the job is too late; set back, it has more time', async () => {
  const clock = new VirtualClock()
  const foreman = await openForeman({ clock })
  await foreman.post('/queue/pause')
  const by = (ms: number) => ({ start_by: new Date(clock.wall() + ms).toISOString() })
  const late = await foreman.submit({ ...chat(), ...by(hour) })
  clock.shiftWall(2 * hour)
  await pass(clock, 61_000)
  expect(await foreman.ended(late.id)).toMatchObject({ state: 'failed', error: { code: 'start_by_passed' } })
  const early = await foreman.submit({ ...chat(), ...by(30_000) })
  clock.shiftWall(-hour)
  await pass(clock, 61_000)
  expect((await foreman.job(early.id)).state).toBe('queued')
  await foreman.post('/queue/resume')
  expect((await foreman.ended(early.id)).state).toBe('done')
})
