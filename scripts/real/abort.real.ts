// Nobody waits for what nobody wants any more: a caller who leaves and a job that is canceled free the target's one slot
// at once. The answers given up here would go on for much longer than the next one is allowed to take.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openForeman, type Foreman } from '../../server/app.harness.ts'
import { tinyA, tinySlow } from './models.ts'
import { type Target, targets } from './targets.ts'
import { until } from './until.ts'

/**
 * A minute and more of talk on either target; the real one stops at ten times its context. It speaks slowly, as its answers are
 * left in the middle: an Ollama whose client leaves in the very moment of a token may never give the slot back to anybody.
 */
const long = { model: tinySlow, prompt: 'Go on', options: { num_predict: 20_000 } }
const short = { model: tinySlow, prompt: 'Hi', options: { num_predict: 1 } }
const soon = 2_000

describe.each(targets)('in front of $name', ({ start }) => {
  let target: Target
  beforeAll(async () => {
    target = await start({ name: 'abort' })
  })
  afterAll(() => target.stop())

  async function foremanWith(body: object): Promise<Foreman> {
    const foreman = await openForeman({ settings: { TARGET: target.url, HOLD: '0s', STOP_GRACE: '100ms' } })
    await foreman.post('/api/generate', { ...body, keep_alive: '60s', options: { num_predict: 1 } })
    return foreman
  }

  const peopleInFlight = async (foreman: Foreman) =>
    ((await foreman.get('/target')).json.people as { in_flight: number }).in_flight

  /** A caller in the middle of an answer; ends it by leaving. */
  async function caller(foreman: Foreman, path: string, body: object): Promise<() => void> {
    const abort = new AbortController()
    const { signal } = abort
    const answer = await fetch(foreman.url + path, { method: 'POST', body: JSON.stringify(body), signal })
    expect(answer.status).toBe(200)
    const reader = answer.body?.getReader()
    expect((await reader?.read())?.value?.length).toBeGreaterThan(0)
    return () => abort.abort()
  }

  async function answersSoon(foreman: Foreman, body: object = short): Promise<void> {
    const began = performance.now()
    expect((await foreman.post('/api/generate', body)).status).toBe(200)
    expect(performance.now() - began).toBeLessThan(soon)
  }

  const streams: [path: string, body: object][] = [
    ['/api/generate', long],
    ['/api/chat', { ...long, messages: [{ role: 'user', content: 'Go on' }] }],
    [
      '/v1/chat/completions',
      { model: tinySlow, stream: true, max_tokens: 20_000, messages: [{ role: 'user', content: 'Go on' }] },
    ],
  ]

  test.each(streams)('a caller of %s who leaves in mid-stream frees the slot', async (path, body) => {
    const foreman = await foremanWith(short)
    const leave = await caller(foreman, path, body)
    leave()
    await answersSoon(foreman)
    await until('nobody is in flight', async () => (await peopleInFlight(foreman)) === 0)
  })

  test('a caller who leaves before the first byte never gets the slot', async () => {
    const foreman = await foremanWith(short)
    const leave = await caller(foreman, '/api/generate', long)
    const abort = new AbortController()
    const second = foreman.call('POST', '/api/generate', { body: long, signal: abort.signal })
    const gone = expect(second).rejects.toThrow()
    await until('both are in flight', async () => (await peopleInFlight(foreman)) === 2)
    abort.abort()
    await gone
    leave()
    await answersSoon(foreman)
  })

  test('a caller of an answer in one piece who leaves frees the slot', async () => {
    const foreman = await foremanWith(short)
    const abort = new AbortController()
    const body = { ...long, stream: false }
    const gone = expect(foreman.call('POST', '/api/generate', { body, signal: abort.signal })).rejects.toThrow()
    await until('it is in flight', async () => (await peopleInFlight(foreman)) === 1)
    abort.abort()
    await gone
    await answersSoon(foreman)
  })

  test('a caller who leaves while a model loads for him lets go of the load', async () => {
    const foreman = await foremanWith(short)
    const before = target.loads()
    const abort = new AbortController()
    const body = { ...long, model: tinyA, options: { num_ctx: 256 } }
    const gone = expect(foreman.call('POST', '/api/generate', { body, signal: abort.signal })).rejects.toThrow()
    await until('it is in flight', async () => (await peopleInFlight(foreman)) === 1)
    abort.abort()
    await gone
    await answersSoon(foreman, { ...short, model: tinyA })
    expect(target.loads() - before).toBe(1)
  })

  test('a job that is canceled while it works frees the slot', async () => {
    const foreman = await foremanWith(short)
    const { id } = await foreman.submit({ request: { endpoint: '/api/generate', body: long } })
    await until('it speaks', async () => ((await foreman.job(id)).progress?.tokens ?? 0) > 0)
    const { json } = await foreman.post(`/jobs/${id}/cancel`)
    expect(json).toMatchObject({ id, state: 'canceled', artifacts: [] })
    await answersSoon(foreman)
  })

  test('a job that is canceled while its model loads lets go of the load', async () => {
    const foreman = await foremanWith(short)
    const before = target.loads()
    const { id } = await foreman.submit({
      request: { endpoint: '/api/generate', body: { ...long, model: tinyA, options: { num_ctx: 256 } } },
    })
    await foreman.reached(id, 'loading')
    expect((await foreman.post(`/jobs/${id}/cancel`)).json).toMatchObject({ state: 'canceled' })
    await answersSoon(foreman, { ...short, model: tinyA })
    // The load that was given up never went through.
    expect(target.loads() - before).toBe(1)
  })

  test('a job past its time fails, keeps what it had heard, and frees the slot', async () => {
    const foreman = await foremanWith(short)
    const job = await foreman.submit({ request: { endpoint: '/api/generate', body: long }, timeout_s: 1 })
    const failed = await foreman.ended(job.id)
    expect(failed).toMatchObject({ state: 'failed', attempt: 1, error: { code: 'timed_out' } })
    expect(failed.artifacts).toMatchObject([{ name: 'stream.ndjson', partial: true }])
    await answersSoon(foreman)
  })

  test('a foreman that stops puts its job back and frees the slot', async () => {
    const foreman = await foremanWith(short)
    const { id } = await foreman.submit({ request: { endpoint: '/api/generate', body: long } })
    await until('it speaks', async () => ((await foreman.job(id)).progress?.tokens ?? 0) > 0)
    await foreman.restart()
    const again = await foreman.job(id)
    expect(again).toMatchObject({ interruptions: 1 })
    await foreman.post(`/jobs/${id}/cancel`)
    await answersSoon(foreman)
  })
})
