// What callers see of deliveries, and what comes of asking for one again.

import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { chat, openForeman, type Foreman } from './app.harness.ts'
import { afterwards, eventually } from './app.stage.ts'
import { VirtualClock } from './clock.ts'
import type { Delivery } from './job/delivery.ts'
import { Receiver, type Answering } from './webhooks/receiver.harness.ts'

const settings = {
  WEBHOOK_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  WEBHOOK_ALLOW: '127.0.0.1',
  KEEP_DONE: 'off',
}

/** A receiver that gives these answers by turns, and the last of them from then on. */
async function openReceiver(...answers: [ReturnType<Answering>, ...ReturnType<Answering>[]]): Promise<Receiver> {
  const receiver = await new Receiver((_, n) => answers[Math.min(n, answers.length - 1)]!).listen()
  afterwards(() => receiver.close())
  return receiver
}

async function deliveries(foreman: Foreman, id: string): Promise<Delivery[]> {
  return ((await foreman.get(`/jobs/${id}/deliveries`)).json as { data: Delivery[] }).data
}

/** The deliveries of a job once each of them has been tried. */
async function tried(foreman: Foreman, id: string, times = 1): Promise<Delivery[]> {
  await foreman.ended(id)
  await eventually(async () => (await deliveries(foreman, id)).every(({ attempts }) => attempts.length >= times))
  return deliveries(foreman, id)
}

test('a job says what it owes to whom, each try, and how each answer began', async () => {
  const clock = new VirtualClock()
  const receiver = await openReceiver([500, {}, 'n'.repeat(2000)])
  const away = await openReceiver(204)
  await away.close()
  const foreman = await openForeman({ settings, clock, random: () => 0.5 })
  const url = `${receiver.url}/hook?token=hidden`
  const { id } = await foreman.submit({
    ...chat(),
    webhook: { url },
    deliver: { urls: { 'output.txt': `${away.url}/output.txt` } },
  })
  const [webhook, artifact, ...others] = await tried(foreman, id)
  expect(others).toEqual([])
  const now = clock.wall()
  const at = new Date(now).toISOString()
  const shared = {
    job_id: id,
    type: 'job.done',
    state: 'pending',
    created_at: at,
    next_try_at: new Date(now + 5000).toISOString(),
  }
  expect(webhook).toEqual({
    ...shared,
    id: receiver.received[0]?.headers['webhook-id'],
    kind: 'webhook',
    url: `${receiver.url}/hook?…`,
    attempts: [{ at, status: 500, ms: 0, answer: 'n'.repeat(1024) }],
  })
  expect(artifact).toEqual({
    ...shared,
    id: expect.stringMatching(/^msg_/),
    kind: 'artifact',
    artifact: 'output.txt',
    url: `${away.url}/output.txt`,
    attempts: [{ at, ms: 0, reason: 'the connection was refused' }],
  })
  expect(await foreman.trpc.deliveries.list.query({ id })).toEqual({ data: [webhook, artifact] })
})

test('what an earlier foreman owed is told while the next one still asks for a silent target', async () => {
  const silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  afterwards(async () => void silent.close())
  const clock = new VirtualClock()
  const receiver = await openReceiver(503, 204)
  const foreman = await openForeman({ settings, clock, random: () => 0.5 })
  const { id } = await foreman.submit({ ...chat(), webhook: { url: receiver.url } })
  await tried(foreman, id)
  await foreman.close()
  clock.advance(5000)
  const started = foreman.start({ settings: { TARGET: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` } })
  await receiver.got(2)
  // The time that the target has to answer in.
  clock.advance(3000)
  await started
  expect(foreman.app.target.state).toBe('asleep')
})

test('a job that owes nothing says so', async () => {
  const foreman = await openForeman({ settings })
  const { id } = await foreman.submit(chat())
  expect(await deliveries(foreman, id)).toEqual([])
})

describe('redelivering', () => {
  test('sends what was given up again under its id, and then what was delivered', async () => {
    const receiver = await openReceiver(410, 204)
    const foreman = await openForeman({ settings })
    const { id } = await foreman.submit({ ...chat(), webhook: { url: receiver.url } })
    const [given] = (await tried(foreman, id)) as [Delivery]
    expect(given).toMatchObject({ state: 'gave_up', ended_at: expect.any(String) })
    expect(given).not.toHaveProperty('next_try_at')
    const path = `/deliveries/${given.id}/redeliver`
    const answer = await foreman.post(path)
    expect(answer.status).toBe(202)
    expect(answer.json).toMatchObject({ id: given.id, job_id: id, state: 'pending', next_try_at: expect.any(String) })
    expect((await tried(foreman, id, 2))[0]).toMatchObject({ state: 'delivered' })
    expect(await foreman.trpc.deliveries.redeliver.mutate({ id: given.id })).toMatchObject({ state: 'pending' })
    expect((await tried(foreman, id, 3))[0]?.attempts.map(({ status }) => status)).toEqual([410, 204, 204])
    expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual([given.id, given.id, given.id])
  })

  test('sends what still waits at once', async () => {
    const receiver = await openReceiver(500, 204)
    // Its time stands still.
    const foreman = await openForeman({ settings, clock: new VirtualClock() })
    const { id } = await foreman.submit({ ...chat(), webhook: { url: receiver.url } })
    const [waits] = (await tried(foreman, id)) as [Delivery]
    expect(waits.state).toBe('pending')
    await foreman.post(`/deliveries/${waits.id}/redeliver`)
    expect((await tried(foreman, id, 2))[0]).toMatchObject({ state: 'delivered' })
  })

  test('knows no stranger, and for 30 days that its job was deleted', async () => {
    const clock = new VirtualClock()
    const receiver = await openReceiver(204)
    const foreman = await openForeman({ settings, clock })
    const { id } = await foreman.submit({ ...chat(), webhook: { url: receiver.url } })
    const [sent] = (await tried(foreman, id)) as [Delivery]
    expect((await foreman.post('/deliveries/msg_unknown/redeliver')).json).toMatchObject({
      status: 404,
      code: 'not_found',
      detail: 'no such delivery',
    })
    expect((await foreman.call('DELETE', `/jobs/${id}`)).status).toBe(204)
    expect((await foreman.get(`/jobs/${id}/deliveries`)).status).toBe(410)
    const path = `/deliveries/${sent.id}/redeliver`
    expect((await foreman.post(path)).json).toMatchObject({ status: 410, code: 'gone' })
    clock.advance(31 * 24 * 3_600_000)
    expect((await foreman.post(path)).status).toBe(404)
    expect(receiver.received).toHaveLength(1)
  })
})
