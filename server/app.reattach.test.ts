// Readers across the end of foreman: let go at once when it stops, and told the truth by the next one, whether the last
// one was stopped or killed in the middle of an output.

import { describe, expect, test } from 'vitest'
import { chat, openForeman, type Foreman } from './app.harness.ts'
import { Process, startMain } from './app.outside.ts'
import { Reader } from './app.reader.ts'
import { eventually, openFake, openTarget, temporaryFolder } from './app.stage.ts'
import { VirtualClock } from './clock.ts'
import type { Job } from './job/schema.ts'

async function submit(url: string): Promise<string> {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${url}/jobs`, { method: 'POST', body: JSON.stringify(chat()), headers })
  return ((await answer.json()) as Job).id
}

/** Everything that a reader of the next foreman is told after an id. */
async function rest(foreman: Foreman, id: string, after: string): Promise<Reader> {
  const reader = await Reader.open(`${foreman.url}/jobs/${id}/events`, { 'last-event-id': after })
  await reader.ended
  return reader
}

const again = ['restart', 'queued', 'loading', 'working', ...Array<string>(9).fill('output'), 'done', 'end']

describe.each(['SIGTERM', 'SIGKILL'] as const)('after a %s in the middle of an output', (signal) => {
  test('whoever comes back starts over and has the whole, once', async () => {
    const fake = await openFake()
    const folder = temporaryFolder()
    const settings = { TARGET: fake.url, DATA: folder, LISTEN: '127.0.0.1:0', STOP_GRACE: '50ms' }
    fake.fault({ do: 'hang', after: 3 })
    const { process, url } = await startMain({ settings })
    const id = await submit(url)
    const reader = await Reader.open(`${url}/jobs/${id}/events`)
    const feed = await Reader.open(`${url}/events`)
    await reader.until(({ outputs }) => outputs.length === 3)
    await process.end(signal)
    // An end in order has no more to say than a cut one: only `end` is the end.
    expect(await reader.ended).toBe(signal === 'SIGTERM' ? 'end' : 'cut')
    expect(reader.names).not.toContain('end')
    const foreman = await openForeman({ fake, folder })
    await foreman.ended(id)
    const [queued] = reader.events
    for (const { id: after } of reader.events.slice(2)) expect((await rest(foreman, id, after)).names).toEqual(again)
    const early = await rest(foreman, id, queued!.id)
    expect(early.names).toEqual(['loading', 'working', ...again])
    expect(early.outputs.map((line) => (JSON.parse(line) as { done: boolean }).done).indexOf(true)).toBe(8)
    const all = await Reader.open(`${foreman.url}/events`, { 'last-event-id': feed.lastId })
    await all.told('done')
    expect(all.names.slice(-4)).toEqual(['queued', 'loading', 'working', 'done'])
  })
})

test('killed right after a commit, before anybody was told: the event is told by the next one', async () => {
  const fake = await openFake()
  const folder = temporaryFolder()
  const settings = { TARGET: fake.url, DATA: folder, LISTEN: '127.0.0.1:0' }
  const go = Promise.withResolvers<void>()
  fake.fault({ do: 'hang', after: 8, until: go.promise })
  const process = new Process('app.child.ts', { settings, args: ['finish:after'] })
  const [url] = await process.said(/http:\S+/)
  const id = await submit(url)
  const reader = await Reader.open(`${url}/jobs/${id}/events`)
  await reader.until(({ outputs }) => outputs.length === 8)
  go.resolve()
  await process.ended
  expect(await reader.ended).toBe('cut')
  expect(reader.names).not.toContain('done')
  const foreman = await openForeman({ fake, folder })
  const next = await rest(foreman, id, reader.lastId)
  expect(next.names.slice(-2)).toEqual(['done', 'end'])
  expect([...reader.outputs, ...next.outputs]).toHaveLength(9)
  expect(new Set([...reader.outputs, ...next.outputs]).size).toBe(9)
})

describe('a stop', () => {
  test('lets all readers go at once, whoever takes nothing among them', async () => {
    const line = `{"message":{"role":"assistant","content":"${'.'.repeat(900_000)}"},"done":false}\n`
    const url = await openTarget(({ answer }) => void answer.write(line.repeat(20)))
    const clock = new VirtualClock(Date.now())
    const foreman = await openForeman({ settings: { TARGET: url, STOP_GRACE: '10m' }, clock })
    const { id } = await foreman.submit(chat())
    const paths = [`/jobs/${id}/events`, '/events', `/jobs/${id}/stream`]
    const readers = await Promise.all(paths.map((path) => Reader.open(foreman.url + path)))
    await readers[0]!.until(({ text }) => text.length > 20 * line.length)
    const stalled = await Reader.open(`${foreman.url}/jobs/${id}/events`)
    stalled.stall()
    await eventually(() => foreman.app.queue.followers.size > 5)
    const closed = foreman.close()
    await Promise.all(readers.map(({ ended }) => ended))
    stalled.answer.resume()
    await stalled.ended
    expect(readers.map(({ outcome }) => outcome)).toEqual(['end', 'end', 'cut'])
    expect(stalled.outputs.length).toBeLessThan(20)
    await foreman.post(`/jobs/${id}/cancel`)
    await closed
  })

  test('has who comes meanwhile told what there is, and sent away', async () => {
    const fake = await openFake()
    const go = Promise.withResolvers<void>()
    fake.fault({ do: 'hang', after: 3, until: go.promise })
    const foreman = await openForeman({ fake, settings: { STOP_GRACE: '10m' } })
    const { id } = await foreman.submit(chat())
    await fake.until(() => fake.ledger.running === 1)
    const closed = foreman.close()
    const reader = await Reader.open(`${foreman.url}/jobs/${id}/events`)
    expect(await reader.ended).toBe('end')
    expect(reader.answer.headers.connection).toBe('close')
    expect(reader.names.slice(0, 3)).toEqual(['queued', 'loading', 'working'])
    expect(reader.names).not.toContain('end')
    expect(await (await Reader.open(`${foreman.url}/events`)).ended).toBe('end')
    go.resolve()
    await closed
  })
})
