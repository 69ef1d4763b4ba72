// The event streams as tRPC subscriptions: the same events under the same ids, typed from end to end.

import { createTRPCClient, httpSubscriptionLink } from '@trpc/client'
import { EventSource } from 'undici'
import { expect, test } from 'vitest'
import { chat, openForeman, type Foreman } from './app.harness.ts'
import { Reader } from './app.reader.ts'
import { openFake } from './app.stage.ts'
import type { AppRouter } from './http/router.ts'

/** Reads a subscription as it is on the wire. */
function subscribe(foreman: Foreman, name: string, input: object, headers?: Record<string, string>): Promise<Reader> {
  return Reader.open(`${foreman.url}/trpc/${name}?input=${encodeURIComponent(JSON.stringify(input))}`, headers)
}

/** Ids and contents of its own events; the others are tRPC's. */
const told = (reader: Reader) =>
  reader.events
    .filter(({ event }) => event === '')
    .map(({ id, data }) => ({ id, ...(JSON.parse(data) as { event: string; line?: string; job?: object }) }))

test('the client of tRPC follows a job to its end', async () => {
  const foreman = await openForeman()
  const client = createTRPCClient<AppRouter>({
    links: [httpSubscriptionLink({ url: `${foreman.url}/trpc`, EventSource: EventSource as never })],
  })
  const { id } = await foreman.submit(chat())
  const seen: string[] = []
  await new Promise<void>((resolve, reject) => {
    client.jobs.events.subscribe(
      { id },
      {
        onData: ({ data }) => {
          seen.push(data.event === 'state' ? data.job.state : data.event === 'output' ? data.line : data.event)
        },
        onComplete: resolve,
        onError: reject,
      },
    )
  })
  expect(seen.filter((one) => !one.startsWith('{'))).toEqual(['queued', 'loading', 'working', 'done', 'end'])
  expect(seen.filter((one) => one.startsWith('{'))).toHaveLength(9)
})

test('a job is told as over server-sent events, and taken up again at any of them', async () => {
  const foreman = await openForeman()
  const { id } = await foreman.submit(chat())
  await foreman.ended(id)
  const plain = await Reader.open(`${foreman.url}/jobs/${id}/events`)
  const all = await subscribe(foreman, 'jobs.events', { id })
  await Promise.all([plain.ended, all.ended])
  expect(told(all).map(({ id, event }) => ({ id, event }))).toEqual(
    plain.events.map(({ id, event }) => ({ id, event })),
  )
  expect(told(all).flatMap(({ line }) => line ?? [])).toEqual(plain.outputs)
  for (const [i, { id: lastEventId }] of told(all).entries()) {
    const input = await subscribe(foreman, 'jobs.events', { id, lastEventId })
    const header = await subscribe(foreman, 'jobs.events', { id }, { 'last-event-id': lastEventId })
    for (const rest of [input, header]) {
      await rest.ended
      expect(told(rest)).toEqual(told(all).slice(i + 1))
      // There is no more to come back for.
      expect(rest.text).toContain('event: return')
    }
  }
})

test('a new attempt is told under the id that it follows', async () => {
  const fake = await openFake()
  const foreman = await openForeman({ fake })
  const { id } = await foreman.submit(chat('later'))
  await foreman.ended(id)
  fake.addModel('later')
  await foreman.post(`/jobs/${id}/retry`)
  await foreman.ended(id)
  const reader = await subscribe(foreman, 'jobs.events', { id, lastEventId: '3-1' })
  await reader.ended
  expect(told(reader).slice(0, 2)).toMatchObject([
    { id: '3-1', event: 'restart' },
    { id: '4-0', event: 'state', job: { state: 'queued' } },
  ])
})

test('all jobs are told from now on or from an id, with a reset where something is erased', async () => {
  const foreman = await openForeman()
  const reader = await subscribe(foreman, 'queue.events', {})
  await reader.until(({ text }) => text.includes('event: connected'))
  const { id } = await foreman.submit(chat())
  await reader.until((one) => told(one).length === 4)
  expect(told(reader).map(({ id }) => id)).toEqual(['1', '2', '3', '4'])
  const rest = await subscribe(foreman, 'queue.events', { lastEventId: '2' })
  await rest.until((one) => told(one).length === 2)
  expect(told(rest)).toEqual(told(reader).slice(2))
  await foreman.call('DELETE', `/jobs/${id}`)
  const late = await subscribe(foreman, 'queue.events', { lastEventId: '2' })
  await late.until((one) => told(one).length === 1)
  expect(told(late)).toEqual([{ id: '4', event: 'reset', sequence: 4 }])
})

test('when foreman stops, the client is told to come back, not that this is all', async () => {
  const foreman = await openForeman()
  await foreman.post('/queue/pause')
  const { id } = await foreman.submit(chat())
  const readers = [await subscribe(foreman, 'jobs.events', { id }), await subscribe(foreman, 'queue.events', {})]
  await readers[0]!.until((one) => told(one).length === 1)
  await foreman.close()
  for (const reader of readers) {
    await reader.ended
    expect(reader.text).toContain('event: serialized-error')
    expect(reader.text).toContain('"httpStatus":503')
    expect(reader.text).not.toContain('event: return')
  }
  expect(foreman.lines.filter(({ msg }) => msg === 'internal error')).toEqual([])
})

test.each([
  ['jobs.events', { id: 'job_none' }, 404],
  ['jobs.events', { id: 'job_none', lastEventId: 'x' }, 422],
  ['queue.events', { lastEventId: '1-0' }, 422],
  ['queue.events', { after: 1 }, 422],
])('%s of %j is refused with %i, for good', async (name, input, status) => {
  const reader = await subscribe(await openForeman(), name, input)
  await reader.ended
  expect(reader.text).toContain(`"problem":{`)
  expect(reader.text).toContain(`"status":${status}`)
  // What tRPC calls internal is tried again for ever.
  expect(reader.text).not.toContain('INTERNAL_SERVER_ERROR')
})
