// Webhooks and pushes through the whole of foreman, to receivers that are real.

import { createHash } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import { chat, openForeman, type Foreman, type Setup } from './app.harness.ts'
import { Process } from './app.outside.ts'
import { afterwards, eventually, openFake, temporaryFolder } from './app.stage.ts'
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

interface Told {
  type: string
  data: { id: string; state: string; sequence: number; response?: object }
}

/** What a receiver was told, verified, in the order in which it happened. */
function told({ received }: Receiver): Told[] {
  const bodies = received.map(({ body, headers }) =>
    new Webhook(secret).verify(body, headers as Record<string, string>),
  )
  return (bodies as Told[]).sort((a, b) => a.data.sequence - b.data.sequence)
}

const states = (foreman: Foreman) =>
  foreman.rows<{ state: string }>('SELECT state FROM delivery').map((row) => row.state)
const delivered = (foreman: Foreman) => eventually(() => states(foreman).every((state) => state === 'delivered'))

test('a receiver is told of each event it asked for, signed, and the outbox is empty then', async () => {
  const receiver = await openReceiver()
  const foreman = await open()
  const events = ['queued', 'loading', 'working', 'done']
  const { id } = await foreman.submit({
    ...chat(),
    webhook: { url: `${receiver.url}/hook`, events, include: ['response'] },
  })
  await receiver.got(4)
  const all = told(receiver)
  expect(all.map(({ type }) => type)).toEqual(events.map((event) => `job.${event}`))
  expect(all.at(-1)).toMatchObject({ data: { id, state: 'done', response: { done: true } } })
  await delivered(foreman)
  const page = (await foreman.get('/metrics')).text
  expect(page).toContain('foreman_webhook_attempts_total{outcome="delivered"} 4')
  expect(page).toContain('foreman_deliveries_ended_total{kind="webhook",state="delivered"} 4')
  expect(page).toContain('foreman_outbox_pending 0')
})

test('artifacts are put where they were wanted; the job does not wait for that', async () => {
  const receiver = await openReceiver()
  const foreman = await open()
  const { id } = await foreman.submit({ ...chat(), deliver: { url: `${receiver.url}/{name}` } })
  const { artifacts } = await foreman.ended(id)
  await receiver.got(artifacts.length)
  const put = receiver.received.map(({ path, body }) => [
    path.slice(1),
    createHash('sha256').update(body).digest('hex'),
  ])
  expect(new Map(put as [string, string][])).toEqual(new Map(artifacts.map(({ name, sha256 }) => [name, sha256])))
})

describe('the default receiver', () => {
  test.each([
    ['a job', (foreman: Foreman) => foreman.submit(chat())],
    [
      'a deferred call',
      (foreman: Foreman) => foreman.post('/api/chat', chat().request.body, { prefer: 'respond-async' }),
    ],
    [
      'a background response',
      (foreman: Foreman) => foreman.post('/v1/responses', { model: 'alpha', input: 'hello', background: true }),
    ],
  ])('is told of %s that names none', async (_, submit) => {
    const receiver = await openReceiver()
    const foreman = await open({ settings: { WEBHOOK_URL: `${receiver.url}/all` } })
    await submit(foreman)
    await receiver.got(1)
    expect(told(receiver)).toMatchObject([{ type: 'job.done' }])
  })
})

test('the log tells of each try, and neither the address with its secrets nor what was sent', async () => {
  const receiver = await openReceiver((_, n) => (n === 0 ? 410 : 200))
  const foreman = await open()
  const url = `${receiver.url}/a-secret-path?key=a-secret-query`
  const { id } = await foreman.submit({ ...chat('alpha', 'a-secret-prompt'), webhook: { url } })
  await foreman.logged(({ delivery }) => delivery !== undefined)
  const line = foreman.lines.find(({ delivery }) => delivery !== undefined)
  expect(line).toMatchObject({ job: id, kind: 'webhook', host: receiver.url, outcome: 'gone', status: 410, tries: 1 })
  expect(foreman.written).not.toMatch(/a-secret|whsec_/)
})

test('a receiver that may be called no longer is told of as a warning', async () => {
  const receiver = await openReceiver(() => () => undefined)
  const foreman = await open({ settings: { STOP_GRACE: '0' } })
  await foreman.submit({ ...chat(), webhook: { url: receiver.url } })
  await receiver.got(1)
  await foreman.restart({ settings: { WEBHOOK_ALLOW: '' } })
  await foreman.logged(({ outcome }) => outcome === 'forbidden')
  expect(foreman.lines.find(({ outcome }) => outcome === 'forbidden')).toMatchObject({ level: 40, host: receiver.url })
})

test('a stop does not wait for receivers that hang, and the next foreman goes on', async () => {
  const receiver = await openReceiver((_, n) => (n === 0 ? () => undefined : 200))
  const foreman = await open({ settings: { STOP_GRACE: '0' } })
  await foreman.submit({ ...chat(), webhook: { url: receiver.url } })
  await receiver.got(1)
  await foreman.restart()
  await receiver.got(2)
  const [first, again] = receiver.received
  expect(again?.headers['webhook-id']).toBe(first?.headers['webhook-id'])
  await delivered(foreman)
})

describe('a foreman that is killed', () => {
  test.each([
    ['work:inside', 1],
    ['finish:before', 1],
    ['finish:inside', 1],
    ['finish:after', 1],
    ['deliver:before', 1],
    ['deliver:before', 3],
    ['deliver:inside', 2],
    ['deliver:after', 1],
    ['deliver:after', 4],
  ])('at %s (%i) has told of all that happened and of nothing else, once the next one is there', async (point, nth) => {
    const receiver = await openReceiver()
    const fake = await openFake()
    const folder = temporaryFolder()
    const victim = new Process('app.child.ts', {
      settings: { ...settings, TARGET: fake.url, DATA: folder, LISTEN: '127.0.0.1:0' },
      args: [point, String(nth)],
    })
    const [url] = await victim.said(/http:\S+/)
    const webhook = { url: receiver.url, events: ['queued', 'loading', 'working', 'done'] }
    const body = JSON.stringify({ ...chat(), webhook })
    const headers = { 'content-type': 'application/json' }
    await fetch(`${url}/jobs`, { method: 'POST', headers, body }).catch(() => undefined)
    expect(await victim.ended).toMatchObject({ signal: 'SIGKILL' })
    const foreman = await open({ fake, folder })
    await eventually(() => foreman.rows("SELECT 1 FROM job WHERE state = 'done'").length === 1)
    await delivered(foreman)
    const owed = foreman.rows<{ seq: number; id: string }>(
      'SELECT event.seq, delivery.id FROM event LEFT JOIN delivery ON delivery.event = event.seq ORDER BY event.seq',
    )
    expect(new Set(told(receiver).map(({ data }) => data.sequence))).toEqual(new Set(owed.map(({ seq }) => seq)))
    const byId = new Map(receiver.received.map(({ headers, body }) => [headers['webhook-id'], body.toString()]))
    expect(new Set(byId.keys())).toEqual(new Set(owed.map(({ id }) => id)))
    for (const { headers, body } of receiver.received) expect(byId.get(headers['webhook-id'])).toBe(body.toString())
  })
})
