// Webhooks and pushes through the whole of foreman, to receivers that are real.

import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { chat, openForeman, type Foreman, type Setup } from './app.harness.ts'
import { afterwards, eventually } from './app.stage.ts'
import { Receiver, type Answering } from './webhooks/receiver.harness.ts'

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const settings = { WEBHOOK_SECRET: secret, WEBHOOK_ALLOW: '127.0.0.1' }

async function openReceiver(answering?: Answering): Promise<Receiver> {
  const receiver = await new Receiver(answering).listen()
  afterwards(() => receiver.close())
  return receiver
}

const open = (setup: Setup = {}): Promise<Foreman> =>
  openForeman({ ...setup, settings: { ...settings, ...setup.settings } })

test('a receiver is told of each event it asked for, signed, and the outbox is empty then', async () => {
  const receiver = await openReceiver()
  const foreman = await open()
  const webhook = { url: `${receiver.url}/hook?key=k`, events: ['queued', 'done'], include: ['response'] }
  const { id } = await foreman.submit({ ...chat(), webhook })
  await receiver.got(2)
  const told = receiver.received.map(({ method, path, headers, body }) => {
    expect([method, path, headers['content-type']]).toEqual(['POST', '/hook?key=k', 'application/json'])
    return new Webhook(secret).verify(body, headers as Record<string, string>) as {
      type: string
      data: { id: string; sequence: number; response?: object }
    }
  })
  const [queued, done] = told.sort((a, b) => a.data.sequence - b.data.sequence)
  expect(queued).toMatchObject({ type: 'job.queued', data: { id, state: 'queued' } })
  expect(done).toMatchObject({ type: 'job.done', data: { id, state: 'done', response: { done: true } } })
  const states = () => foreman.rows('SELECT state, tries FROM delivery')
  await eventually(() => !JSON.stringify(states()).includes('pending'))
  expect(states()).toEqual([
    { state: 'delivered', tries: 1 },
    { state: 'delivered', tries: 1 },
  ])
})
