// What becomes of what the outbox holds, told to real receivers over real HTTP; time moves when a test says so.

import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import { submission } from '../queue/queue.harness.ts'
import type { Receiver } from './receiver.harness.ts'
import { openReceiver as open, secret, Voice } from './voice.harness.ts'

const second = 1000
const minute = 60 * second
const hour = 60 * minute

const queued = (url: string) => ({ webhook: { url, events: ['queued'] } })
const ids = ({ received }: Receiver) => received.map(({ headers }) => headers['webhook-id'])

describe('a webhook', () => {
  test('goes out with its commit: no time has to pass', async () => {
    const receiver = await open()
    const voice = Voice.start()
    const job = await voice.done({ webhook: { url: `${receiver.url}/hook` } })
    await voice.hasTried(1)
    expect(voice.rows(job)).toMatchObject([{ state: 'delivered', tries: 1, due: null, ended_at: voice.clock.wall() }])
    expect(voice.log(job)).toEqual([{ at: voice.clock.wall(), status: 204, reason: null, ms: 0, answer: '' }])
    expect(receiver.received[0]?.body).toEqual(
      voice.bench.disk('SELECT body FROM delivery WHERE job = ?', job.seq)[0]?.body,
    )
  })

  test('is signed by each secret there is, so that a receiver may know either', async () => {
    const other = `whsec_${Buffer.alloc(24, 9).toString('base64')}`
    const receiver = await open()
    const voice = Voice.start({ secrets: [secret, other] })
    // The receiver's check knows the real time only.
    voice.clock.shiftWall(Date.now() - voice.clock.wall())
    await voice.done({ webhook: { url: receiver.url } })
    await voice.hasTried(1)
    const { body, headers } = receiver.received[0]!
    for (const known of [secret, other])
      expect(new Webhook(known).verify(body, headers as Record<string, string>)).toMatchObject({ type: 'job.done' })
    expect(() => new Webhook(`whsec_${Buffer.alloc(24).toString('base64')}`).verify(body, headers as never)).toThrow()
  })

  test('is tried again after 5 s, 30 s and so on for two days, then given up; all under one id', async () => {
    const receiver = await open(() => 500)
    const voice = Voice.start()
    const job = await voice.done({ webhook: { url: receiver.url } })
    const waits = [
      5 * second,
      30 * second,
      2 * minute,
      10 * minute,
      30 * minute,
      2 * hour,
      5 * hour,
      10 * hour,
      24 * hour,
    ]
    for (const [i, wait] of waits.entries()) {
      await voice.hasTried(i + 1)
      expect(voice.rows(job)).toMatchObject([{ state: 'pending', tries: i + 1 }])
      voice.clock.advance(wait - 1)
      expect(receiver.begun).toBe(i + 1)
      voice.clock.advance(1)
    }
    await voice.hasTried(10)
    expect(voice.rows(job)).toMatchObject([{ state: 'gave_up', tries: 10, due: null }])
    expect(voice.log(job).map(({ status }) => status)).toEqual(Array(10).fill(500))
    expect(new Set(ids(receiver)).size).toBe(1)
    const stamps = receiver.received.map(({ headers }) => Number(headers['webhook-timestamp']))
    expect(stamps[9]! - stamps[0]!).toBe(waits.reduce((sum, wait) => sum + wait) / second)
    expect(new Set(receiver.received.map(({ body }) => body.toString())).size).toBe(1)
  })

  test('waits for as long as a busy receiver asks', async () => {
    const receiver = await open((_, n) => (n === 0 ? [503, { 'retry-after': '60' }] : 200))
    const voice = Voice.start()
    const job = await voice.done({ webhook: { url: receiver.url } })
    await voice.hasTried(1)
    expect(voice.rows(job)).toMatchObject([{ due: voice.bench.queue.steady.now() + minute }])
    voice.clock.advance(minute)
    await voice.hasTried(2)
    expect(voice.rows(job)).toMatchObject([{ state: 'delivered', tries: 2 }])
  })

  test('whose receiver is gone is the last: what waits is given up, and of what happens later nobody is told', async () => {
    const receiver = await open(() => 410)
    const voice = Voice.start()
    const { queue } = voice.bench
    const row = await voice.bench.submit({ webhook: { url: receiver.url, events: ['queued', 'loading', 'done'] } })
    await queue.advance(row.seq, 'load')
    await voice.hasTried(1)
    await queue.advance(row.seq, 'work')
    await queue.advance(row.seq, 'finish')
    expect(receiver.received.length).toBeLessThanOrEqual(2)
    expect(voice.rows(row).map(({ state }) => state)).toEqual(['gave_up', 'gave_up'])
  })

  test('carries the trace of its submit', async () => {
    const receiver = await open()
    const voice = Voice.start()
    const trace = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'vendor=1' }
    await voice.bench.queue.submit([{ ...submission({ webhook: { url: receiver.url, events: ['queued'] } }), trace }])
    await voice.hasTried(1)
    expect(receiver.received[0]?.headers).toMatchObject(trace)
  })

  test('is never sent unsigned: without a secret it waits as for a receiver that is down', async () => {
    const receiver = await open()
    const voice = Voice.start({ secrets: [] })
    const job = await voice.done({ webhook: { url: receiver.url } })
    await voice.hasTried(1)
    expect(voice.log(job)).toMatchObject([{ status: null, reason: expect.stringContaining('no secret') as string }])
    const later = await voice.restart(5 * second, { secrets: [secret] })
    await later.hasTried(1)
    expect(later.rows(job)).toMatchObject([{ state: 'delivered', tries: 2 }])
  })

  test.each([
    ['whose host is not allowed any more', [], ''],
    ['with a user in it, as an earlier version took them', ['127.0.0.1'], 'user:pass@'],
  ])('to an address %s is not sent', async (_, allow, user) => {
    const receiver = await open()
    const voice = Voice.start({ allow })
    const job = await voice.done({ webhook: { url: receiver.url.replace('//', `//${user}`) } })
    await voice.hasTried(1)
    expect([voice.tried[0]?.outcome, receiver.begun]).toEqual(['forbidden', 0])
    expect(voice.rows(job)).toMatchObject([{ state: 'pending', tries: 1 }])
  })
})

describe('a receiver', () => {
  test('that hangs delays nobody else, however many of them there are', async () => {
    const voice = Voice.start()
    const hanging = await Promise.all(Array.from({ length: 20 }, () => open(() => () => undefined)))
    for (const { url } of hanging) for (let i = 0; i < 3; i++) await voice.bench.submit(queued(url))
    await Promise.all(hanging.map((receiver) => receiver.got(1)))
    const live = await open()
    for (let i = 0; i < 5; i++) await voice.bench.submit(queued(live.url))
    await voice.hasTried(5)
    expect(live.received.length).toBe(5)
    expect(hanging.map(({ begun }) => begun)).toEqual(Array(20).fill(1))
    voice.clock.advance(15 * second)
    await voice.hasTried(25)
    expect(voice.tried.slice(5).map(({ outcome }) => outcome)).toEqual(Array(20).fill('timed_out'))
  })

  test('that refuses is answered for: the next for it goes at once, that of one that fails after a second', async () => {
    const refusing = await open(() => 404)
    const failing = await open(() => 500)
    const voice = Voice.start()
    for (const { url } of [refusing, refusing, refusing, failing, failing]) await voice.done({ webhook: { url } })
    await voice.hasTried(4)
    expect([refusing.received.length, failing.received.length]).toEqual([3, 1])
    voice.clock.advance(second)
    await voice.hasTried(5)
    expect(failing.received.length).toBe(2)
  })
})

describe('a redelivery', () => {
  test('of what was given up or delivered begins anew under the same id, and the log goes on', async () => {
    const receiver = await open((_, n) => (n === 0 ? 410 : 200))
    const voice = Voice.start()
    const job = await voice.done({ webhook: { url: receiver.url } })
    await voice.hasTried(1)
    const [row] = voice.rows(job)
    for (const n of [2, 3]) {
      expect(await voice.deliverer.redeliver(row!.id)).toBe(true)
      await voice.hasTried(n)
      expect(voice.rows(job)).toMatchObject([{ state: 'delivered', tries: 1 }])
    }
    expect(voice.log(job).map(({ status }) => status)).toEqual([410, 200, 200])
    expect(ids(receiver)).toEqual([row!.id, row!.id, row!.id])
    expect(await voice.deliverer.redeliver('msg_unknown')).toBe(false)
  })

  test('does not wait for the time of the next try', async () => {
    const receiver = await open((_, n) => (n < 3 ? 500 : 200))
    const voice = Voice.start()
    const job = await voice.done({ webhook: { url: receiver.url } })
    for (const [i, wait] of [5 * second, 30 * second].entries()) {
      await voice.hasTried(i + 1)
      voice.clock.advance(wait)
    }
    await voice.hasTried(3)
    await voice.deliverer.redeliver(voice.rows(job)[0]!.id)
    await voice.hasTried(4)
    expect(voice.rows(job)).toMatchObject([{ state: 'delivered', tries: 1 }])
  })
  test('goes before whatever waits for its host', async () => {
    const receiver = await open((_, n) => (n === 0 ? 500 : 200))
    const voice = Voice.start()
    const jobs = []
    for (let i = 0; i < 4; i++) jobs.push(await voice.done({ webhook: { url: receiver.url } }))
    await voice.hasTried(1)
    // What waits is overdue by then, and the host is left alone for a second.
    voice.clock.advance(second / 2)
    const last = voice.rows(jobs[3]!)[0]!.id
    await voice.deliverer.redeliver(last)
    await voice.hasTried(2)
    expect(voice.tried[1]?.id).toBe(last)
  })
})
