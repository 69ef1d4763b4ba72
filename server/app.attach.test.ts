// Following one job: everything from its start, live and after its end, taken up again anywhere without a line lost or
// told twice, by any number of readers at the price of one.

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chat, openForeman, type Foreman, type Setup } from './app.harness.ts'
import { Reader, type Told } from './app.reader.ts'
import { eventually, openFake, openTarget, pass, turns } from './app.stage.ts'
import { VirtualClock } from './clock.ts'

const gate = () => Promise.withResolvers<void>()
const follow = (foreman: Foreman, id: string, after?: string) =>
  Reader.open(`${foreman.url}/jobs/${id}/events${after === undefined ? '' : `?after=${after}`}`)

/** A foreman whose target stops after so many lines until told to go on. */
async function halfway(after: number, setup: Setup = {}) {
  const fake = await openFake({ tokens: 12 })
  const go = gate()
  fake.fault({ do: 'hang', after, until: go.promise })
  const foreman = await openForeman({ fake, ...setup })
  const { id } = await foreman.submit(chat())
  return { fake, foreman, id, go: () => go.resolve() }
}

const whole = ['queued', 'loading', 'working', ...Array<string>(13).fill('output'), 'done', 'end']

describe('a job is told', () => {
  test('live: each state after its commit, each line as it comes, and an end that closes', async () => {
    const { foreman, id, go } = await halfway(3)
    const reader = await follow(foreman, id)
    expect(reader.answer.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
    await reader.until(({ outputs }) => outputs.length === 3)
    await turns()
    expect(reader.names).toEqual(whole.slice(0, 6))
    go()
    expect(await reader.ended).toBe('end')
    expect(reader.names).toEqual(whole)
    expect(reader.text.match(/retry: 2000/g)).toHaveLength(1)
    const [, , working] = reader.events
    expect(reader.events.slice(3, 5).map(({ id }) => id)).toEqual(
      [1, 2].map((line) => working!.id.replace('-0', `-${line}`)),
    )
    expect(JSON.parse(reader.events.at(-2)!.data)).toEqual(await foreman.job(id))
  })

  test('after its end: the same again, with each state as the job was then', async () => {
    const { foreman, id, go } = await halfway(3)
    const live = await follow(foreman, id)
    go()
    await live.ended
    const late = await follow(foreman, id)
    expect(await late.ended).toBe('end')
    expect(late.events).toEqual(live.events)
    const states = late.events.filter(({ event }) => event === 'state').map(({ data }) => JSON.parse(data) as object)
    expect(states).toMatchObject([
      { state: 'queued', attempt: 0, loading_at: null, artifacts: [] },
      { state: 'loading', attempt: 1, working_at: null },
      { state: 'working', finished_at: null },
      { state: 'done', usage: { output_tokens: 12 } },
    ])
    expect(states[2]).not.toHaveProperty('usage')
  })

  test('without output where the endpoint does not stream', async () => {
    const foreman = await openForeman()
    const { id } = await foreman.submit({
      request: { endpoint: '/api/embed', body: { model: 'embedder', input: 'x' } },
    })
    const reader = await follow(foreman, id)
    await reader.ended
    expect(reader.names).toEqual(['queued', 'loading', 'working', 'done', 'end'])
  })

  test('to fifty readers at the price of one generation', async () => {
    const { fake, foreman, id, go } = await halfway(5)
    const readers = await Promise.all(Array.from({ length: 50 }, () => follow(foreman, id)))
    await Promise.all(readers.map((reader) => reader.until(({ outputs }) => outputs.length === 5)))
    expect(foreman.app.queue.followers.size).toBe(100)
    go()
    await Promise.all(readers.map(({ ended }) => ended))
    for (const reader of readers) expect(reader.text).toBe(readers[0]!.text)
    expect(readers[0]!.names).toEqual(whole)
    expect(fake.requests.filter(({ purpose }) => purpose === 'work')).toHaveLength(1)
    await eventually(() => foreman.app.queue.followers.size === 0)
  })

  test('with a line that holds white space of every kind, as the JSON it is', async () => {
    const lines = ['{"message":{"role":"assistant",\r"content":"a"},"done":false}\r', '{"done":true,\t"eval_count":2}']
    const url = await openTarget(({ answer }) => answer.end(`${lines.join('\n')}\n`))
    const foreman = await openForeman({ settings: { TARGET: url } })
    const { id } = await foreman.submit(chat())
    const reader = await follow(foreman, id)
    await reader.ended
    expect(reader.outputs.map((line) => JSON.parse(line) as object)).toEqual(
      lines.map((line) => JSON.parse(line) as object),
    )
  })
})

describe('taken up again', () => {
  /** Reads on until `enough`, then leaves in the middle of whatever comes. */
  async function part(foreman: Foreman, id: string, after: string, enough: (told: Told[]) => boolean): Promise<Told[]> {
    const reader = await follow(foreman, id, after)
    if (reader.answer.statusCode === 204) return []
    await reader.until(({ events, outcome }) => enough(events) || outcome !== undefined)
    reader.leave()
    return reader.events
  }

  test('at every position of a stored stream, it goes on with the next event', async () => {
    const { foreman, id, go } = await halfway(1)
    go()
    await foreman.ended(id)
    const all = await follow(foreman, id)
    await all.ended
    for (const [i, { id: after }] of all.events.entries()) {
      const rest = await follow(foreman, id, after)
      await rest.ended
      expect(rest.events).toEqual(all.events.slice(i + 1))
      expect(rest.answer.statusCode).toBe(i === all.events.length - 1 ? 204 : 200)
    }
  })

  test('at every position of one that is under way, too', async () => {
    const { foreman, id, go } = await halfway(8)
    const all = await follow(foreman, id)
    await all.until(({ outputs }) => outputs.length === 8)
    const sofar = all.events
    const readers = await Promise.all(sofar.map(({ id: after }) => follow(foreman, id, after)))
    for (const [i, reader] of readers.entries())
      await reader.until(({ events }) => events.length === sofar.length - 1 - i)
    go()
    await Promise.all([all, ...readers].map(({ ended }) => ended))
    for (const [i, reader] of readers.entries()) expect(reader.events).toEqual(all.events.slice(i + 1))
  })

  test('after any cuts, what was read is the whole: nothing is lost, nothing is told twice', async () => {
    const { foreman, id, go } = await halfway(1)
    go()
    await foreman.ended(id)
    const all = await follow(foreman, id)
    await all.ended
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 8 }), async (cuts) => {
        const read: Told[] = []
        const after = () => read.at(-1)?.id ?? '0-0'
        for (const cut of cuts) {
          const left = all.events.length - read.length
          const some = await part(foreman, id, after(), (events) => events.length >= Math.min(cut, left))
          // What comes behind the cut is lost on the way.
          read.push(...some.slice(0, cut))
        }
        read.push(...(await part(foreman, id, after(), (events) => events.at(-1)?.event === 'end')))
        expect(read).toEqual(all.events)
      }),
      { numRuns: 25 },
    )
  })

  test('past its end it is 204, so that a browser leaves it alone, until the job is tried again', async () => {
    const foreman = await openForeman()
    const { id } = await foreman.submit(chat('later'))
    const reader = await follow(foreman, id)
    await reader.ended
    expect(reader.names.slice(-2)).toEqual(['failed', 'end'])
    const header = await Reader.open(`${foreman.url}/jobs/${id}/events?after=0-0`, { 'last-event-id': reader.lastId })
    expect([header.answer.statusCode, await header.ended, header.text]).toEqual([204, 'end', ''])
    foreman.fake.addModel('later')
    await foreman.post(`/jobs/${id}/retry`)
    const again = await follow(foreman, id, reader.lastId)
    await again.ended
    expect(again.names.filter((name) => name !== 'output')).toEqual([
      'restart',
      'queued',
      'loading',
      'working',
      'done',
      'end',
    ])
  })

  test('by an id that is none of its own it starts over, and says so', async () => {
    const foreman = await openForeman()
    const { id } = await foreman.submit(chat())
    await foreman.ended(id)
    const all = await follow(foreman, id)
    await all.ended
    for (const after of ['999-0', '1-7', '4-2']) {
      const reader = await follow(foreman, id, after)
      await reader.ended
      expect(reader.names).toEqual(['restart', ...all.names])
    }
  })

  test('by an id that is no id it is refused', async () => {
    const foreman = await openForeman()
    const { id } = await foreman.submit(chat())
    for (const after of ['x', '1', '-1', '1-', '1-2-3', '1e3-0', '']) {
      const { status, json } = await foreman.get(`/jobs/${id}/events?after=${after}`)
      expect([status, json.code, json.errors]).toEqual([
        422,
        'invalid_request',
        [{ pointer: '/after', detail: expect.any(String) as string }],
      ])
    }
    const { json } = await foreman.get(`/jobs/${id}/events`, { 'last-event-id': 'x' })
    expect(json.errors).toMatchObject([{ pointer: '/Last-Event-ID' }])
    expect((await foreman.get(`/jobs/${id}/events?befor=1`)).status).toBe(422)
  })
})

describe('a new attempt', () => {
  test('makes what was told void, for who reads live and for who comes back', async () => {
    const fake = await openFake()
    fake.fault({ do: 'crash', after: 3 })
    const clock = new VirtualClock(Date.now())
    const foreman = await openForeman({ fake, clock, random: () => 0 })
    const { id } = await foreman.submit(chat())
    const live = await follow(foreman, id)
    await live.told('queued', 2)
    const [, , working] = live.events
    const back = await follow(foreman, id, working!.id.replace('-0', '-2'))
    await back.told('queued')
    expect(back.names).toEqual(['restart', 'queued'])
    await pass(clock, 7000)
    await Promise.all([live.ended, back.ended])
    expect(back.events.slice(1)).toEqual(live.events.slice(live.names.indexOf('restart') + 1))
    const late = await follow(foreman, id)
    await late.ended
    expect(late.outputs).toEqual(back.outputs)
    expect(late.names.filter((name) => name === 'restart')).toHaveLength(1)
  })

  test('that fails leaves what it got, and then the end', async () => {
    const fake = await openFake()
    fake.fault({ do: 'crash', after: 3 })
    const foreman = await openForeman({ fake })
    const { id } = await foreman.submit({ ...chat(), max_attempts: 1 })
    const live = await follow(foreman, id)
    await live.ended
    const late = await follow(foreman, id)
    await late.ended
    expect(late.events).toEqual(live.events)
    expect(late.names.slice(-3)).toEqual(['output', 'failed', 'end'])
    const rest = await follow(foreman, id, late.events[4]!.id)
    await rest.ended
    expect(rest.events).toEqual(late.events.slice(5))
  })
})

test('a canceled job ends at once for its readers', async () => {
  const { foreman, id } = await halfway(3)
  const reader = await follow(foreman, id)
  await reader.until(({ outputs }) => outputs.length === 3)
  await foreman.post(`/jobs/${id}/cancel`)
  await reader.ended
  expect(reader.names.slice(3)).toEqual(['output', 'output', 'output', 'canceled', 'end'])
  const late = await follow(foreman, id, reader.events[3]!.id)
  await late.ended
  expect(late.names).toEqual(['canceled', 'end'])
})

test('an event is told after its commit: while the disk refuses, nobody hears that the job is done', async () => {
  let full = true
  const heard: string[][] = []
  const readers: Reader[] = []
  const fault = (point: string) => {
    if (point !== 'finish:inside') return
    heard.push(...readers.map(({ names }) => names))
    if (full) throw Object.assign(new Error('no space left'), { code: 'SQLITE_FULL' })
  }
  const clock = new VirtualClock(Date.now())
  const { foreman, id, go } = await halfway(3, { fault, clock })
  const reader = await follow(foreman, id)
  readers.push(reader)
  await reader.told('working')
  go()
  await foreman.logged(({ msg }) => msg === 'the store refuses writes')
  await reader.until(({ outputs }) => outputs.length === 13)
  await turns()
  expect(reader.names).toEqual(whole.slice(0, -2))
  full = false
  await pass(clock, 5000)
  await reader.ended
  expect(reader.names).toEqual(whole)
  expect(heard).toHaveLength(2)
  for (const names of heard) expect(names).not.toContain('done')
})

test('a comment comes every 15 s, so that nobody on the way takes the connection for dead', async () => {
  const clock = new VirtualClock(Date.now())
  const { foreman, id, go } = await halfway(1, { clock })
  const readers = [await follow(foreman, id), await Reader.open(`${foreman.url}/events`)]
  await readers[0]!.until(({ outputs }) => outputs.length === 1)
  for (const times of [1, 2]) {
    clock.advance(14_999)
    await turns()
    for (const { text } of readers) expect(text.split('\n:\n').length).toBe(times)
    clock.advance(1)
    for (const reader of readers) await reader.until(({ text }) => text.split('\n:\n').length === times + 1)
  }
  go()
  await readers[0]!.ended
})

test('who takes nothing is cut and can come back, the others and the job do not notice', async () => {
  const line = (n: number) =>
    `{"message":{"role":"assistant","content":"${String(n).padEnd(256 * 1024, '.')}"},"done":false}\n`
  const stalled = gate()
  const url = await openTarget(async ({ answer }) => {
    await stalled.promise
    for (let n = 0; n < 80; n++)
      if (!answer.write(line(n))) await new Promise((resolve) => answer.once('drain', resolve))
    answer.end('{"done":true,"eval_count":2}\n')
  })
  const clock = new VirtualClock(Date.now())
  const foreman = await openForeman({ settings: { TARGET: url }, clock })
  const { id } = await foreman.submit(chat())
  const slow = await follow(foreman, id)
  await slow.told('working')
  const quick = await follow(foreman, id)
  slow.stall()
  stalled.resolve()
  expect(await quick.ended).toBe('end')
  expect(quick.outputs).toHaveLength(81)
  expect((await foreman.job(id)).state).toBe('done')
  clock.advance(1000)
  slow.answer.resume()
  expect(await slow.ended).toBe('cut')
  expect(slow.names).not.toContain('end')
  const back = await follow(foreman, id, slow.lastId)
  expect(await back.ended).toBe('end')
  expect([...slow.outputs, ...back.outputs]).toEqual(quick.outputs)
})

test('a job that is not there is 404, one that was deleted 410; other methods are told what is possible', async () => {
  const foreman = await openForeman()
  const { id } = await foreman.submit(chat())
  await foreman.ended(id)
  for (const method of ['HEAD', 'POST']) {
    const { status, headers } = await foreman.call(method, `/jobs/${id}/events`)
    expect([status, headers.get('allow')]).toEqual([405, 'GET'])
  }
  await foreman.call('DELETE', `/jobs/${id}`)
  for (const route of ['events', 'stream']) {
    expect((await foreman.get(`/jobs/job_none/${route}`)).json.code).toBe('not_found')
    expect((await foreman.get(`/jobs/${id}/${route}`)).json.code).toBe('gone')
  }
})
