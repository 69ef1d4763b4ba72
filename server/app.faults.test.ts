// Everything a target can do to a job: stay away, sleep, hang, say something else, die in the middle. Time is virtual;
// the backoffs are without jitter.

import { describe, expect, test } from 'vitest'
import { chat, openForeman, type Foreman, type Setup } from './app.harness.ts'
import { eventually, openFake, openTarget, pass, turns } from './app.stage.ts'
import { VirtualClock } from './clock.ts'
import type { Fake } from './ollama/fake/fake.ts'
import type { Seen } from './ollama/fake/ledger.ts'

const random = () => 0.5
const loads = (seen: Seen) => seen.purpose === 'load'
const works = (seen: Seen) => seen.purpose === 'work'

async function open(setup: Setup = {}): Promise<{ clock: VirtualClock; fake: Fake; foreman: Foreman }> {
  const clock = new VirtualClock()
  const foreman = await openForeman({ clock, random, ...setup })
  return { clock, foreman, fake: foreman.fake }
}

function stream(foreman: Foreman, id: string): string[] {
  const { queue } = foreman.app
  const read = queue.artifact(queue.find(id), 'stream.ndjson')?.read() ?? []
  return Buffer.concat([...read])
    .toString()
    .split('\n')
    .slice(0, -1)
}

/** The job is back in the queue, and why. */
async function waitsFor(foreman: Foreman, id: string, reason: string): Promise<void> {
  await eventually(async () => (await foreman.job(id)).reason === reason)
}

describe('a target that is away', () => {
  test('refuses: the job waits at no cost and runs when it is back', async () => {
    const { clock, foreman, fake } = await open()
    await fake.refuse()
    const { id } = await foreman.submit(chat())
    await waitsFor(foreman, id, 'target_down')
    expect(await foreman.job(id)).toMatchObject({ state: 'queued', attempt: 0, interruptions: 0, loading_at: null })
    expect((await foreman.get('/target')).json.state).toBe('down')
    expect((await foreman.get('/queue')).json.reason).toBe('target_down')
    const other = await foreman.submit(chat('beta'))
    expect(other).toMatchObject({ state: 'queued', reason: 'target_down' })
    await pass(clock, 3_600_000, 60_000)
    expect(await foreman.job(id)).toMatchObject({ state: 'queued', attempt: 0 })
    await fake.listen()
    await pass(clock, 10_000)
    expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 1 })
    expect((await foreman.ended(other.id)).state).toBe('done')
    expect(foreman.lines.filter((line) => line.job === other.id).map((line) => line.state)).toEqual([
      'queued',
      'loading',
      'working',
      'done',
    ])
  })

  test('was never there: jobs are taken all the same, and /readyz only warns', async () => {
    const fake = await openFake()
    await fake.refuse()
    const { clock, foreman } = await open({ fake })
    const job = await foreman.submit(chat())
    expect(job).toMatchObject({ state: 'queued', reason: 'target_down' })
    const ready = await foreman.get('/readyz')
    expect([ready.status, ready.json.checks]).toEqual([
      200,
      expect.arrayContaining([{ name: 'target', status: 'warn', detail: 'down' }]),
    ])
    await fake.listen()
    await pass(clock, 10_000)
    expect(await foreman.ended(job.id)).toMatchObject({ state: 'done', attempt: 1 })
  })

  test('comes and goes: the third time in a row costs an attempt, so that no job comes back for ever', async () => {
    const { clock, foreman, fake } = await open()
    await foreman.post('/queue/pause')
    const { id } = await foreman.submit({ ...chat(), max_attempts: 1 })
    for (const [attempt, state] of [
      [0, 'queued'],
      [0, 'queued'],
      [1, 'failed'],
    ] as const) {
      await eventually(() => foreman.app.target.state === 'awake')
      await fake.refuse()
      await foreman.post('/queue/resume')
      await eventually(() => foreman.app.target.state === 'down')
      await eventually(async () => (await foreman.job(id)).state === state)
      expect((await foreman.job(id)).attempt).toBe(attempt)
      await foreman.post('/queue/pause')
      await fake.listen()
      await pass(clock, 30_000)
    }
    expect((await foreman.job(id)).error?.code).toBe('target_unreachable')
  })

  test('falls asleep under a running job: it is given up after the grace time, at no cost, and runs after the wake', async () => {
    const { clock, foreman, fake } = await open({ settings: { GRACE: '20s' } })
    fake.sleep()
    const { id } = await foreman.submit(chat())
    const next = await foreman.submit(chat('beta'))
    await foreman.reached(id, 'loading')
    await pass(clock, 10_000)
    await eventually(() => foreman.app.target.state === 'asleep')
    expect((await foreman.job(id)).state).toBe('loading')
    expect(await foreman.job(next.id)).toMatchObject({ reason: 'target_asleep' })
    await pass(clock, 30_000)
    await waitsFor(foreman, id, 'target_asleep')
    expect(await foreman.job(id)).toMatchObject({ attempt: 0, interruptions: 0 })
    fake.wake()
    await pass(clock, 10_000)
    expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 1 })
    expect((await foreman.ended(next.id)).attempt).toBe(1)
  })

  test('sleeps for less than the grace time in the middle of an answer: nothing is lost, nothing is repeated', async () => {
    const { clock, foreman, fake } = await open()
    const gate = Promise.withResolvers<void>()
    fake.fault({ do: 'hang', after: 3, until: gate.promise })
    const { id } = await foreman.submit(chat())
    await eventually(async () => (await foreman.job(id)).progress?.tokens === 3)
    fake.sleep()
    await pass(clock, 60_000)
    expect(foreman.app.target.state).toBe('asleep')
    fake.wake()
    gate.resolve()
    expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 1 })
    expect(fake.served).toHaveLength(1)
  })
})

describe('a target that hangs', () => {
  test('in its answer: timed_out, final, with what had come; the abort reaches the target', async () => {
    const { clock, foreman, fake } = await open()
    fake.fault({ do: 'hang', after: 3 })
    const { id } = await foreman.submit({ ...chat(), timeout_s: 1 })
    await eventually(async () => (await foreman.job(id)).progress?.tokens === 3)
    clock.advance(999)
    await turns()
    expect((await foreman.job(id)).state).toBe('working')
    clock.advance(1)
    const job = await foreman.ended(id)
    expect(job).toMatchObject({ state: 'failed', attempt: 1, error: { code: 'timed_out' } })
    expect(job.artifacts).toMatchObject([{ name: 'stream.ndjson', partial: true }])
    expect(stream(foreman, id).map((line) => (JSON.parse(line) as { done: boolean }).done)).toEqual([
      false,
      false,
      false,
    ])
    await fake.until(() => fake.requests.find(works)?.outcome === 'aborted')
    expect(job).not.toHaveProperty('usage')
    expect((await foreman.ended((await foreman.submit(chat())).id)).state).toBe('done')
  })

  test('before its answer, on /v1: timed_out, with nothing to keep', async () => {
    const { clock, foreman, fake } = await open()
    fake.fault({ do: 'hang' })
    const body = { model: 'alpha', messages: [{ role: 'user', content: 'x' }] }
    const { id } = await foreman.submit({ request: { endpoint: '/v1/chat/completions', body }, timeout_s: 5 })
    await fake.until(() => fake.ledger.running === 1)
    await pass(clock, 5000)
    expect(await foreman.ended(id)).toMatchObject({ state: 'failed', artifacts: [], error: { code: 'timed_out' } })
    await fake.until(() => fake.requests.find(works)?.outcome === 'aborted')
  })

  test('in a load: it is given up, the target is stuck for a while, then the job runs', async () => {
    const load = Promise.withResolvers<void>()
    const { clock, foreman, fake } = await open({ settings: { LOAD_STALL: '30s' }, fake: { loadMs: load.promise } })
    const { id } = await foreman.submit(chat())
    await fake.until(() => fake.requests.some(loads))
    await pass(clock, 62_000)
    await waitsFor(foreman, id, 'backing_off')
    expect(await foreman.job(id)).toMatchObject({ state: 'queued', attempt: 0 })
    await pass(clock, 10_000)
    await waitsFor(foreman, id, 'target_stuck')
    await fake.until(() => fake.requests.find(loads)?.outcome === 'aborted')
    load.resolve()
    await pass(clock, 310_000, 5000)
    expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 1 })
  })
})

describe('an answer that breaks is tried again, and nothing of the broken one stays', () => {
  const endings = {
    'closing in the middle of a chunk': { do: 'kill', after: 2 },
    'dying before the first byte': { do: 'kill' },
    'a runner that crashes before its first word': { do: 'crash' },
    'a runner that crashes in the middle': { do: 'crash', after: 2 },
    'an end without done': { do: 'eof', after: 2 },
    'a page of HTML': { do: 'html' },
    'a page of HTML from a gateway': { do: 'html', status: 502 },
    'being busy': { do: 'busy' },
  } as const

  test.each(Object.entries(endings))('%s', async (_, fault) => {
    const { clock, foreman, fake } = await open()
    fake.fault(fault)
    const { id } = await foreman.submit(chat())
    await waitsFor(foreman, id, 'backing_off')
    expect(await foreman.job(id)).toMatchObject({ state: 'queued', attempt: 1, artifacts: [] })
    expect(await foreman.job(id)).not.toHaveProperty('error')
    const before = fake.requests.filter(works).length
    await pass(clock, 4000)
    clock.advance(999)
    await turns()
    expect([(await foreman.job(id)).reason, fake.requests.filter(works).length]).toEqual(['backing_off', before])
    await pass(clock, 10)
    const job = await foreman.ended(id)
    expect(job).toMatchObject({ state: 'done', attempt: 2, usage: { output_tokens: 8 } })
    expect(stream(foreman, id)).toHaveLength(9)
    const states = foreman.lines.filter((line) => line.job === id).map(({ state }) => state)
    expect(states).toEqual(['queued', 'loading', 'working', 'queued', 'loading', 'working', 'done'])
  })

  test.each(['/v1/chat/completions', '/api/embed'])('on %s too', async (endpoint) => {
    const { clock, foreman, fake } = await open()
    for (const fault of [{ do: 'kill' }, { do: 'html' }] as const) {
      fake.fault(fault)
      const body = {
        model: endpoint === '/api/embed' ? 'embedder' : 'alpha',
        input: 'x',
        messages: [{ role: 'user', content: 'x' }],
      }
      const { id } = await foreman.submit({ request: { endpoint, body } })
      await waitsFor(foreman, id, 'backing_off')
      await pass(clock, 6000)
      expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 2 })
    }
  })

  test('three times fails the job, with what the target said and what had come last', async () => {
    const { clock, foreman, fake } = await open()
    fake.fault({ do: 'crash', after: 2, times: 3 })
    const { id } = await foreman.submit(chat())
    await waitsFor(foreman, id, 'backing_off')
    await pass(clock, 5000)
    await foreman.reached(id, 'back_off', 2)
    await pass(clock, 29_000)
    expect(await foreman.job(id)).toMatchObject({ reason: 'backing_off', attempt: 2 })
    await pass(clock, 2000)
    const job = await foreman.ended(id)
    expect(job).toMatchObject({ state: 'failed', attempt: 3, error: { code: 'target_failed', target_status: 200 } })
    expect(job.error?.detail).toContain('running the model')
    expect(job.artifacts).toMatchObject([{ name: 'stream.ndjson', partial: true }])
    expect(stream(foreman, id)).toHaveLength(3)
  })

  test('meanwhile the job says what went wrong and when it is tried again, also after a restart, and no more once it is done', async () => {
    const { clock, foreman, fake } = await open()
    fake.fault({ do: 'crash', after: 2 })
    const { id } = await foreman.submit(chat())
    await waitsFor(foreman, id, 'backing_off')
    const back = await foreman.job(id)
    expect(back.last_error).toMatchObject({ code: 'target_failed', target_status: 200 })
    expect(back.last_error?.detail).toContain('running the model')
    expect(Date.parse(back.retry_at ?? '') - Date.parse(back.queued_at)).toBe(5000)
    await foreman.restart()
    expect(await foreman.job(id)).toMatchObject({ last_error: back.last_error, retry_at: back.retry_at })
    await pass(clock, 6000)
    const job = await foreman.ended(id)
    expect(job).toMatchObject({ state: 'done', attempt: 2 })
    for (const name of ['last_error', 'retry_at']) expect(job).not.toHaveProperty(name)
  })

  test('a wait that nobody could count is shown as a year, in lists too', async () => {
    const TARGET = await openTarget(({ answer }) => {
      answer.writeHead(503, { 'Retry-After': '9'.repeat(30) }).end('{"error":"busy"}')
    })
    const { foreman } = await open({ settings: { TARGET } })
    const { id } = await foreman.submit(chat())
    await foreman.reached(id, 'back_off')
    const { status, json } = await foreman.get('/jobs')
    expect([status, json]).toMatchObject([200, { data: [{ last_error: { target_retry_after_s: 31_536_000 } }] }])
  })

  test('and a job that backs off lets the others go first', async () => {
    const { clock, foreman, fake } = await open()
    fake.fault({ do: 'busy' })
    const { id } = await foreman.submit(chat())
    await waitsFor(foreman, id, 'backing_off')
    expect((await foreman.get('/queue')).json).toMatchObject({ states: { queued: 1 } })
    const other = await foreman.submit(chat())
    expect((await foreman.ended(other.id)).state).toBe('done')
    expect((await foreman.job(id)).state).toBe('queued')
    await pass(clock, 6000)
    expect((await foreman.ended(id)).attempt).toBe(2)
  })

  test('when the target is killed under it the job waits for its return', async () => {
    const { clock, foreman, fake } = await open()
    fake.fault({ do: 'hang', after: 3 })
    const { id } = await foreman.submit(chat())
    await eventually(async () => (await foreman.job(id)).progress?.tokens === 3)
    await fake.refuse()
    await foreman.reached(id, 'back_off')
    // The request was sent: that is an attempt.
    expect(await foreman.job(id)).toMatchObject({ state: 'queued', attempt: 1 })
    await pass(clock, 60_000)
    expect(await foreman.job(id)).toMatchObject({ state: 'queued', attempt: 1, reason: 'target_down' })
    await fake.listen()
    await pass(clock, 10_000)
    expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 2 })
    expect(stream(foreman, id)).toHaveLength(9)
  })
})

describe('a request that cannot succeed fails at once', () => {
  test('a model that is not there', async () => {
    const { foreman, fake } = await open()
    const { id } = await foreman.submit(chat('nobody'))
    const job = await foreman.ended(id)
    expect(job).toMatchObject({
      state: 'failed',
      attempt: 1,
      artifacts: [],
      error: { code: 'model_missing', target_status: 404 },
    })
    expect(job.error?.target_body).toMatch(/^\{"error":"model 'nobody(:latest)?' not found"\}$/)
    expect(fake.requests.filter((seen) => loads(seen) || works(seen))).toHaveLength(1)
  })

  test('what the target refuses', async () => {
    const { foreman, fake } = await open()
    fake.fault({ do: 'refuse', status: 400, text: 'invalid format' })
    const { id } = await foreman.submit(chat())
    const error = { code: 'target_refused', detail: 'invalid format', target_status: 400 }
    expect(await foreman.ended(id)).toMatchObject({ state: 'failed', attempt: 1, error })
  })

  test('a model whose file is broken; one that only did not load is tried once more', async () => {
    const { clock, foreman, fake } = await open()
    fake.fault({ do: 'fail_load', text: "unable to load model: unknown model architecture: 'x'" })
    expect(await foreman.ended((await foreman.submit(chat())).id)).toMatchObject({
      state: 'failed',
      attempt: 1,
      error: { code: 'target_failed', target_status: 500 },
    })
    fake.fault({ do: 'fail_load', text: 'llama runner process has terminated: exit status 2', times: 2 })
    const { id } = await foreman.submit(chat())
    await waitsFor(foreman, id, 'backing_off')
    await pass(clock, 6000)
    expect(await foreman.ended(id)).toMatchObject({ state: 'failed', attempt: 2, error: { code: 'target_failed' } })
    expect(fake.ledger.failedLoads).toBe(3)
  })

  test('an answer larger than BODY_MAX', async () => {
    const { foreman, fake } = await open({
      settings: { BODY_MAX: '64KB' },
      fake: { models: ['alpha'], reply: () => 'word '.repeat(20_000) },
    })
    const { id } = await foreman.submit(chat())
    expect(await foreman.ended(id)).toMatchObject({ state: 'failed', attempt: 1, error: { code: 'too_large' } })
    await fake.until(() => fake.requests.find(works)?.outcome === 'aborted')
  })

  test('a job that had not started by start_by, and no model is loaded for it', async () => {
    const { clock, foreman, fake } = await open()
    await foreman.post('/queue/pause')
    const start_by = new Date(clock.wall() + 90_000).toISOString()
    const { id } = await foreman.submit({ ...chat(), start_by })
    await pass(clock, 89_000)
    expect(await foreman.job(id)).toMatchObject({ state: 'queued', start_by })
    await pass(clock, 2000)
    expect(await foreman.ended(id)).toMatchObject({ state: 'failed', attempt: 0, error: { code: 'start_by_passed' } })
    expect(fake.requests.filter(loads)).toEqual([])
  })
})
