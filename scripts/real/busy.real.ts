// A target whose own queue is full says 503: a job waits and comes again, a caller is told what the target said.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openForeman } from '../../server/app.harness.ts'
import { tinyA, tinyB, tinyEndless } from './models.ts'
import { type Target, targets } from './targets.ts'
import { until } from './until.ts'

const busy = '{"error":"server busy, please try again.  maximum pending requests exceeded"}'

describe.each(targets)('in front of $name', ({ start }) => {
  let target: Target
  beforeAll(async () => {
    target = await start({ name: 'busy', maxQueue: 1 })
  })
  afterAll(() => target.stop())

  const post = (path: string, body: object, signal?: AbortSignal) =>
    fetch(target.url + path, { method: 'POST', body: JSON.stringify(body), signal })

  /** One answers without end, one waits for it to go, one waits behind that: the queue is full until `free`. */
  async function fill(): Promise<() => Promise<void>> {
    const abort = new AbortController()
    const long = { model: tinyEndless, prompt: 'Go on', options: { num_predict: 20_000 } }
    const talk = await post('/api/generate', long, abort.signal)
    await talk.body?.getReader().read()
    const waiting: Promise<Response>[] = []
    await until('the queue is full', async () => {
      // Each that isn't turned away at once stays and waits.
      const one = post('/api/generate', { model: tinyA, options: { num_ctx: 256 } })
      const turned = await Promise.race([one.then(({ status }) => status), pause(50)])
      if (turned === undefined) waiting.push(one)
      return turned === 503
    })
    return async () => {
      abort.abort()
      for (const one of waiting) await (await one).text()
    }
  }

  test('a job comes again later and is done', async () => {
    const foreman = await openForeman({ settings: { TARGET: target.url, HOLD: '0s' }, random: () => 0 })
    const free = await fill()
    const { id } = await foreman.submit({
      request: { endpoint: '/api/generate', body: { model: tinyB, prompt: 'a', options: { num_predict: 3 } } },
    })
    await foreman.reached(id, 'back_off')
    const waiting = await foreman.job(id)
    expect(waiting).toMatchObject({ state: 'queued', reason: 'backing_off', attempt: 1 })
    await free()
    expect(await foreman.ended(id)).toMatchObject({ state: 'done', attempt: 2 })
  })

  test('a job without attempts left fails with what the target said', async () => {
    const foreman = await openForeman({ settings: { TARGET: target.url, HOLD: '0s' }, random: () => 0 })
    const free = await fill()
    const request = { endpoint: '/api/chat', body: { model: tinyB, messages: [{ role: 'user', content: 'a' }] } }
    const failed = await foreman.ended((await foreman.submit({ request, max_attempts: 1 })).id)
    expect(failed).toMatchObject({ state: 'failed', attempt: 1, error: { code: 'target_failed', target_status: 503 } })
    expect(failed.error?.target_body).toBe(busy)
    await free()
  })

  test('a caller gets the target’s own 503, and nothing of foreman’s', async () => {
    const foreman = await openForeman({ settings: { TARGET: target.url, HOLD: '0s' } })
    const free = await fill()
    const { status, headers, text } = await foreman.post('/api/generate', { model: tinyB, prompt: 'a' })
    const own = await post('/api/generate', { model: tinyB, prompt: 'a' })
    expect([status, text]).toEqual([503, busy])
    expect([own.status, await own.text()]).toEqual([503, busy])
    const plain = (all: Headers) => [...all].filter(([name]) => !['date', 'connection', 'keep-alive'].includes(name))
    expect(plain(headers)).toEqual(plain(own.headers))
    await free()
  })
})

function pause(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms))
}
