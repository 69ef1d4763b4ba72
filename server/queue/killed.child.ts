// For the kill tests of the queue: a process that brings jobs through their lives and dies by SIGKILL at a named moment.
// Usage: `node killed.child.ts <folder> <point> <nth>`. Before each change it writes `try <job> <happening>`, after it
// was acknowledged `ack <job> <state>`, so that whoever reads along knows what it had promised. No part of the running
// foreman.

import { hash } from 'node:crypto'
import { writeSync } from 'node:fs'
import { systemClock } from '../clock.ts'
import type { Happening } from '../job/state.ts'
import { Store } from '../store/store.ts'
import { Queue } from './queue.ts'
import type { Facts } from './transition.ts'

const [folder = '', deadly = '', nth = '1'] = process.argv.slice(2)
let left = Number(nth)

const store = new Store({
  folder,
  owner: process.pid,
  fault: (point) => {
    // A signal to oneself is delivered before kill returns: nothing after this line happens.
    if (point === deadly && --left === 0) process.kill(process.pid, 'SIGKILL')
  },
})
const queue = new Queue({
  store,
  clock: systemClock,
  publicUrl: () => 'http://f',
  queueMax: 100,
  jobTimeout_s: 60,
  maxAttempts: 2,
  webhooks: true,
  receiverRefused: () => undefined,
  keep: { done: null, failed: null },
})

const say = (line: string) => writeSync(1, `${line}\n`)
const large = Buffer.alloc((1 << 20) + 1, 'x')
const webhook = { url: 'https://a/', events: ['queued', 'loading', 'working', 'done', 'failed', 'canceled'] as const }

/** Submits; the name stands for the job until it has an id. */
async function submit(name: string, padding: Buffer): Promise<number> {
  say(`try ${name} submit`)
  const body = [Buffer.from(`{"model":"m","name":"${name}","pad":"`), padding, Buffer.from('"}')]
  const request = { endpoint: '/api/chat' as const, body: { model: 'm' } }
  const input = { request, labels: { name }, webhook: { ...webhook, events: [...webhook.events] } }
  const [submitted] = await queue.submit([{ input, body }])
  say(`ack ${name} queued`)
  return queue.find(submitted?.job.id ?? '').seq
}

async function change(name: string, seq: number, happening: Happening, facts: Facts = {}): Promise<void> {
  say(`try ${name} ${happening}`)
  say(`ack ${name} ${(await queue.advance(seq, happening, facts)).state}`)
}

async function artifacts() {
  const staged = await queue.stage([large])
  return [{ name: 'stream.ndjson', content_type: 'text/plain', sha256: hash('sha256', large, 'hex'), staged }]
}

const error = { code: 'target_failed', detail: 'because' }
const a = await submit('a', large)
const b = await submit('b', Buffer.from('b'))
const c = await submit('c', Buffer.from('c'))
await change('a', a, 'load')
await change('a', a, 'work')
await change('a', a, 'finish', { artifacts: await artifacts(), response: Buffer.from('{}') })
await change('b', b, 'load')
await change('b', b, 'work')
await change('b', b, 'back_off', { backoff_ms: 600_000, error })
await change('c', c, 'load')
await change('c', c, 'work')
await change('c', c, 'fail', { artifacts: await artifacts(), error })
await change('c', c, 'retry')
await store.blobs.sweep()
await change('c', c, 'load')
await change('c', c, 'give_back', {})
await change('c', c, 'cancel')
say('try a delete')
await queue.remove(queue.at(a)?.id ?? '')
say('ack a deleted')
await store.blobs.sweep()
say('end')
