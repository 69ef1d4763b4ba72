// Who has the target and who waits for it, as an operator hears of it: in /queue, in the figures, and by one line of the log
// on each change. Time is virtual.
import { expect, test } from 'vitest'
import { chat, openForeman, type Foreman, type Setup } from './app.harness.ts'
import { eventually, pass } from './app.stage.ts'
import { VirtualClock } from './clock.ts'

const body = (model: string) => ({ model, stream: false, messages: [{ role: 'user', content: 'hi' }] })

async function open(setup: Setup = {}): Promise<{ foreman: Foreman; clock: VirtualClock }> {
  const clock = new VirtualClock()
  const foreman = await openForeman({ clock, ...setup })
  await foreman.app.target.refresh()
  return { foreman, clock }
}

/** A person whose answer does not end before she leaves, and whose model is seen in memory. */
async function staying(foreman: Foreman, model: string): Promise<() => Promise<void>> {
  foreman.fake.fault({ do: 'hang', after: 2 })
  const caller = new AbortController()
  const asked = foreman.call('POST', '/api/chat', { body: body(model), signal: caller.signal }).catch(() => undefined)
  await foreman.fake.until(() => foreman.fake.inFlight === 1)
  await foreman.app.target.lookAnew()
  return async () => {
    caller.abort()
    await asked
  }
}

/** The lines about the lanes, in their order, each with its key or reason. */
const lanes = /target|step aside|claim|turn|held/
const told = (foreman: Foreman) =>
  foreman.lines
    .filter(({ msg }) => lanes.test(msg))
    .map(({ msg, key, reason }) => [msg, key ?? reason].join(' ').trim())

async function gauges(foreman: Foreman): Promise<Record<string, number>> {
  const page = (await foreman.get('/metrics')).text
  return Object.fromEntries(
    [...page.matchAll(/^foreman_(people\S+|\w+_age_seconds) (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]),
  )
}

const queue = async (foreman: Foreman) => (await foreman.get('/queue')).json

test('stepping aside, a claim, its turn and those it holds are each told in all three places, by the names of models', async () => {
  const load = Promise.withResolvers<void>()
  const { foreman, clock } = await open({
    fake: { loadMs: (model) => (model.startsWith('beta') ? load.promise : 0) },
    settings: { YIELD_MAX: '1m' },
  })
  const leave = await staying(foreman, 'alpha')
  const job = await foreman.submit(chat('beta'))
  await foreman.logged(({ msg }) => msg === 'jobs step aside for people')
  await pass(clock, 30_000)
  const alpha = { model: 'alpha:latest', in_flight: 1, held: 0 }
  const aside = await queue(foreman)
  expect(aside).toMatchObject({ reason: 'yielding_to_people', yielding_since: '2026-11-22T00:00:00.000Z' })
  expect(aside).toMatchObject({ people: { in_flight: 1, held: 0, models: [alpha] } })
  expect(await gauges(foreman)).toEqual({
    'people{state="in_flight"}': 1,
    'people{state="held"}': 0,
    turn_age_seconds: 0,
    yield_age_seconds: 30,
    claim_age_seconds: 0,
  })

  await pass(clock, 30_000)
  const other = foreman.post('/api/chat', body('alpha'))
  await foreman.logged(({ msg }) => msg.startsWith('people are held'))
  const claim = { key: 'beta:latest', model: 'beta:latest', since: '2026-11-22T00:01:00.000Z' }
  const claiming = await queue(foreman)
  expect(claiming).toMatchObject({ claim, people: { models: [{ ...alpha, held: 1 }] } })
  expect(claiming).toHaveProperty('yielding_since')
  expect(claiming).not.toHaveProperty('turn')

  await leave()
  await foreman.reached(job.id, 'loading')
  await pass(clock, 10_000)
  const claimed = await queue(foreman)
  expect(claimed).toMatchObject({ turn: { ...claim, claimed: true }, claim, running: job.id, people: { held: 1 } })
  expect(claimed).not.toHaveProperty('yielding_since')
  expect(await gauges(foreman)).toMatchObject({
    'people{state="held"}': 1,
    turn_age_seconds: 10,
    yield_age_seconds: 0,
    claim_age_seconds: 10,
  })

  load.resolve()
  expect((await other).status).toBe(200)
  await foreman.logged(({ msg, key }) => msg === 'people have the target' && key === 'alpha:latest', 2)
  expect(told(foreman)).toEqual([
    'the target is awake',
    'people have the target alpha:latest',
    'jobs step aside for people',
    'jobs claim a turn beta:latest',
    'people are held until their turn',
    'a turn of jobs begins beta:latest',
    'jobs no longer step aside for people',
    'turn over beta:latest',
    'the claim is over',
    'nobody is held any more',
    'people have the target alpha:latest',
  ])
})

test('a stop ends a turn with its last job, and whoever a claim holds is told to come again', async () => {
  const load = Promise.withResolvers<void>()
  const { foreman } = await open({
    fake: { loadMs: (model) => (model.startsWith('beta') ? load.promise : 0) },
    settings: { YIELD_MAX: '0' },
  })
  const leave = await staying(foreman, 'alpha')
  const job = await foreman.submit(chat('beta'))
  await foreman.logged(({ msg }) => msg === 'jobs claim a turn')
  const other = foreman.post('/api/chat', body('alpha'))
  await foreman.logged(({ msg }) => msg.startsWith('people are held'))
  await leave()
  await foreman.reached(job.id, 'loading')
  const closed = foreman.close()
  const { status, headers } = await other
  expect([status, headers.has('retry-after')]).toEqual([503, true])
  load.resolve()
  await closed
  const last = foreman.lines.map(({ msg }) => msg).filter((msg) => /job done|turn over|claim is over/.test(msg))
  expect(last).toEqual(['job done', 'turn over', 'the claim is over'])
  expect(foreman.fake.served.filter((model) => model === 'alpha')).toHaveLength(1)
})

test('a target that goes while jobs step aside ends that, and the line says what they wait for instead', async () => {
  const { foreman } = await open()
  const leave = await staying(foreman, 'alpha')
  await foreman.submit(chat('beta'))
  await foreman.logged(({ msg }) => msg === 'jobs step aside for people')
  await foreman.fake.refuse()
  await foreman.app.target.probe()
  await foreman.logged(({ msg }) => msg.startsWith('jobs no longer'))
  expect(told(foreman).slice(-2)).toEqual([
    'the target is down: no Ollama listens there',
    'jobs no longer step aside for people target_down',
  ])
  expect(await queue(foreman)).toMatchObject({ target: 'down', reason: 'target_down' })
  await leave()
})

test('people who are refused because the target goes are held no more, and the log hears it then', async () => {
  const { foreman } = await open({ settings: { ABSENT_HOLD: '0', PEOPLE_PATIENCE: '1h' } })
  const leave = await staying(foreman, 'alpha')
  const held = [foreman.post('/api/chat', body('beta')), foreman.post('/api/chat', body('gamma'))]
  await eventually(async () => (await gauges(foreman))['people{state="held"}'] === 1)
  await foreman.fake.refuse()
  await foreman.app.target.probe()
  expect(told(foreman)).toContain('nobody is held any more')
  await leave()
  await Promise.all(held)
})

test('people who have the target are told once, and again after a job of another model; a name it does not know never is', async () => {
  const { foreman, clock } = await open({ fake: { room: 2 }, settings: { HOLD: '0' } })
  const ask = async (model: string) => {
    await foreman.post('/api/chat', body(model))
    await foreman.app.target.lookAnew()
  }
  const lines = () => foreman.lines.filter(({ msg }) => msg === 'people have the target').map(({ key }) => key)
  await ask('alpha')
  await ask('secret')
  await ask('alpha')
  await ask('beta')
  await ask('alpha')
  expect(lines()).toEqual(['alpha:latest', 'beta:latest'])
  await foreman.ended((await foreman.submit(chat('beta'))).id)
  await pass(clock, 1_000)
  await ask('beta')
  await ask('alpha')
  expect(lines()).toEqual(['alpha:latest', 'beta:latest', 'alpha:latest'])
})
