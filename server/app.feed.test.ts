// Following all jobs: their states under the numbers of the global sequence, and a word when some of it is gone.

import { describe, expect, test } from 'vitest'
import { chat, openForeman, type Foreman } from './app.harness.ts'
import { Reader } from './app.reader.ts'
import { eventually, turns } from './app.stage.ts'
import { VirtualClock } from './clock.ts'
import type { Job } from './job/schema.ts'

const follow = (foreman: Foreman, after?: number) =>
  Reader.open(`${foreman.url}/events${after === undefined ? '' : `?after=${after}`}`)
const numbers = ({ events }: Reader) => events.map(({ id }) => Number(id))
const jobs = ({ events }: Reader) => events.map(({ data }) => JSON.parse(data) as Job)
const kept = (foreman: Foreman) =>
  foreman.rows<{ seq: number }>('SELECT seq FROM event ORDER BY seq').map((row) => row.seq)

test('every state of every job comes from now on, once and in order', async () => {
  const foreman = await openForeman()
  await foreman.ended((await foreman.submit(chat())).id)
  const reader = await follow(foreman)
  expect(reader.answer.headers['content-type']).toBe('text/event-stream')
  const ids = await Promise.all(['alpha', 'beta', 'alpha'].map(async (model) => (await foreman.submit(chat(model))).id))
  await reader.told('done', 3)
  expect(numbers(reader)).toEqual(kept(foreman).filter((seq) => seq > 4))
  for (const id of ids)
    expect(jobs(reader).flatMap((job) => (job.id === id ? job.state : []))).toEqual([
      'queued',
      'loading',
      'working',
      'done',
    ])
  expect(jobs(reader).at(-1)).toEqual(await foreman.job(jobs(reader).at(-1)!.id))
  reader.leave()
  await eventually(() => foreman.app.queue.followers.size === 0)
})

test('who has seen nothing yet knows all the same where to go on', async () => {
  const foreman = await openForeman()
  await foreman.ended((await foreman.submit(chat())).id)
  const reader = await follow(foreman)
  await reader.until(({ lastId }) => lastId !== '')
  reader.leave()
  await foreman.ended((await foreman.submit(chat())).id)
  const back = await Reader.open(`${foreman.url}/events`, { 'last-event-id': reader.lastId })
  await back.told('done')
  expect(numbers(back)).toEqual([5, 6, 7, 8])
})

test('more than is read at a time comes whole, each job as it was then', async () => {
  const foreman = await openForeman()
  await foreman.post('/queue/pause')
  const { json } = await foreman.post('/jobs/batch', { jobs: Array.from({ length: 250 }, () => chat()) })
  const [first] = json.data as Job[]
  await foreman.post(`/jobs/${first!.id}/cancel`)
  await foreman.post(`/jobs/${first!.id}/retry`)
  const reader = await follow(foreman, 0)
  await reader.until(({ events }) => events.length === 252)
  expect(numbers(reader)).toEqual(kept(foreman))
  expect(jobs(reader)[0]).toMatchObject({ id: first!.id, state: 'queued', sequence: 1, finished_at: null })
  expect(jobs(reader).slice(-2)).toMatchObject([{ state: 'canceled' }, { state: 'queued', finished_at: null }])
})

test('it goes on where it was, also after a restart of foreman', async () => {
  const foreman = await openForeman()
  await foreman.ended((await foreman.submit(chat())).id)
  const all = await follow(foreman, 0)
  await all.told('done')
  await foreman.restart()
  for (const after of [0, 1, 2, 3, 4]) {
    const reader = await follow(foreman, after)
    await reader.until(({ events }) => events.length === 4 - after)
    const base = (text: string) => text.replaceAll(/http:\/\/127[^/]*/g, '')
    expect(reader.events.map(({ data }) => base(data))).toEqual(all.events.slice(after).map(({ data }) => base(data)))
  }
})

describe('an id that is older than something erased', () => {
  test('is told so, and goes on with what comes', async () => {
    const foreman = await openForeman()
    const first = await foreman.submit(chat())
    await foreman.ended(first.id)
    await foreman.ended((await foreman.submit(chat())).id)
    await foreman.call('DELETE', `/jobs/${first.id}`)
    await foreman.restart()
    for (const after of [0, 3]) {
      const reader = await follow(foreman, after)
      await reader.told('reset')
      expect(reader.events).toEqual([{ id: '8', event: 'reset', data: '{"sequence":8}' }])
      reader.leave()
    }
    const seen = await follow(foreman, 4)
    await seen.until(({ events }) => events.length === 4)
    expect(numbers(seen)).toEqual([5, 6, 7, 8])
    const reader = await follow(foreman, 0)
    await foreman.submit(chat())
    await reader.told('done')
    expect(reader.names).toEqual(['reset', 'queued', 'loading', 'working', 'done'])
  })

  test('and so is one of a history that is not this one', async () => {
    const foreman = await openForeman()
    const reader = await follow(foreman, 77)
    await reader.told('reset')
    expect(reader.lastId).toBe('0')
  })

  test('but no job is missed by who is up to date when it is erased', async () => {
    const foreman = await openForeman()
    const reader = await follow(foreman)
    const { id } = await foreman.submit(chat())
    await reader.told('done')
    await foreman.call('DELETE', `/jobs/${id}`)
    await turns()
    expect(reader.names).toEqual(['queued', 'loading', 'working', 'done'])
  })
})

test('who takes nothing while a thousand events wait is cut, and misses nothing when it comes back', async () => {
  const clock = new VirtualClock(Date.now())
  const foreman = await openForeman({ clock })
  await foreman.post('/queue/pause')
  const slow = await follow(foreman)
  const quick = await follow(foreman)
  await slow.until(({ lastId }) => lastId !== '')
  slow.stall()
  const ends = (id: number) => (reader: Reader) => reader.text.slice(-20_000).includes(`\nid: ${id}\n`)
  const labels = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`label-${i}`, 'x'.repeat(256)]))
  for (let i = 1; i <= 4; i++) {
    await foreman.post('/jobs/batch', { jobs: Array.from({ length: 1000 }, () => ({ ...chat(), labels })) })
    await quick.until(ends(i * 1000))
  }
  clock.advance(1000)
  slow.answer.resume()
  expect(await slow.ended).toBe('cut')
  const back = await follow(foreman, Number(slow.lastId))
  await back.until(ends(4000))
  expect([...numbers(slow), ...numbers(back)]).toEqual(kept(foreman))
  expect(quick.outcome).toBeUndefined()
})

test('what is no id is refused, and so are other methods', async () => {
  const foreman = await openForeman()
  for (const after of ['x', '-1', '1-0', '']) {
    const { status, json } = await foreman.get(`/events?after=${after}`)
    expect([status, json.errors]).toMatchObject([422, [{ pointer: '/after' }]])
  }
  expect((await foreman.get('/events', { 'last-event-id': '1-0' })).status).toBe(422)
  const { status, headers } = await foreman.post('/events', {})
  expect([status, headers.get('allow')]).toEqual([405, 'GET'])
})
