// What may go wrong on foreman's side while something is delivered: the disk, the clock, a stop, a delete.

import { describe, expect, test, vi } from 'vitest'
import { longestRedelivery_ms } from '../job/redelivery.ts'
import { submission } from '../queue/queue.harness.ts'
import { openReceiver as open, Voice } from './voice.harness.ts'

const second = 1000
const hour = 3_600_000
const day = 24 * hour

/** Some turns of the event loop: enough for what is on the loopback to arrive, and for a commit. */
async function turns(count = 100): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** A disk that refuses the writes of tries while it is told to. */
function openDisk() {
  const disk = {
    full: false,
    fault: (point: string) => {
      if (disk.full && point === 'deliver:inside') throw Object.assign(new Error('disk full'), { code: 'SQLITE_FULL' })
    },
  }
  return disk
}

describe('a disk that refuses what came of a try', () => {
  test('stops all deliveries until it is written: no receiver is called twice for that', async () => {
    const receiver = await open()
    const disk = openDisk()
    const voice = Voice.start({ fault: disk.fault })
    disk.full = true
    const job = await voice.done({ webhook: { url: receiver.url } })
    await voice.until(() => voice.storage.includes(true))
    const nobody = await open()
    const other = await voice.done({ webhook: { url: nobody.url } })
    voice.clock.advance(60 * second)
    await turns()
    expect([receiver.begun, nobody.begun, voice.tried.length]).toEqual([1, 0, 0])
    disk.full = false
    voice.clock.advance(5 * second)
    await voice.hasTried(2)
    expect(voice.storage).toEqual([true, false])
    expect([...voice.rows(job), ...voice.rows(other)].map(({ state, tries }) => [state, tries])).toEqual([
      ['delivered', 1],
      ['delivered', 1],
    ])
    expect([receiver.begun, nobody.begun]).toEqual([1, 1])
  })

  test('until the end costs the receiver a second call, under the same id', async () => {
    const receiver = await open()
    const disk = openDisk()
    const voice = Voice.start({ fault: disk.fault })
    disk.full = true
    const job = await voice.done({ webhook: { url: receiver.url } })
    await voice.until(() => voice.storage.includes(true))
    const later = await voice.restart(0, { fault: undefined })
    await later.hasTried(1)
    expect(later.rows(job)).toMatchObject([{ state: 'delivered', tries: 1 }])
    const [first, again] = receiver.received
    expect([again?.headers['webhook-id'], again?.body]).toEqual([first?.headers['webhook-id'], first?.body])
  })
})

describe('a stop', () => {
  test('lets those under way end within the grace, and begins no other', async () => {
    const answers: (() => void)[] = []
    const receiver = await open(() => (answer) => answers.push(() => answer.end()))
    const voice = Voice.start()
    const job = await voice.done({ webhook: { url: receiver.url } })
    const other = await voice.done({ webhook: { url: receiver.url } })
    await receiver.got(1)
    const stopped = voice.deliverer.stop(10 * second)
    answers[0]?.()
    await stopped
    expect([...voice.rows(job), ...voice.rows(other)].map(({ state }) => state)).toEqual(['delivered', 'pending'])
    expect(receiver.begun).toBe(1)
  })

  test('breaks off what takes longer, at no cost: it is sent again by the next foreman at once', async () => {
    const receiver = await open((_, n) => (n === 0 ? () => undefined : 200))
    const voice = Voice.start()
    const job = await voice.done({ webhook: { url: receiver.url } })
    await receiver.got(1)
    const stopped = voice.deliverer.stop(10 * second)
    voice.clock.advance(10 * second)
    await stopped
    expect(voice.rows(job)).toMatchObject([{ state: 'pending', tries: 0 }])
    expect(voice.log(job)).toEqual([])
    const later = await voice.restart()
    await later.hasTried(1)
    expect(later.rows(job)).toMatchObject([{ state: 'delivered', tries: 1 }])
  })
})

describe('the wall clock', () => {
  test.each([
    ['set back an hour', -hour],
    ['set back a year', -365 * day],
    ['set forward a year', 365 * day],
  ])('%s before a restart: nothing is lost, and nothing later than the longest step', async (_, shift) => {
    const receiver = await open((_, n) => (n < 9 ? 500 : 200))
    const voice = Voice.start()
    const job = await voice.done({ webhook: { url: receiver.url } })
    for (const [i, wait] of [5, 30, 120, 600, 1800, 7200, 18_000, 36_000].entries()) {
      await voice.hasTried(i + 1)
      voice.clock.advance(wait * second)
    }
    await voice.hasTried(9)
    // Due in 24 hours, two days after the last event of the job: steady time begins with that.
    const later = await voice.restart(shift)
    await turns()
    const [row] = later.rows(job)
    const left = (row?.due ?? 0) - later.bench.queue.steady.now()
    expect(left).toBeLessThanOrEqual(longestRedelivery_ms)
    if (left > 0) later.clock.advance(left)
    await later.hasTried(1)
    expect(later.rows(job)).toMatchObject([{ state: 'delivered', tries: 10 }])
  })

  test('set back during a run changes nothing', async () => {
    const receiver = await open((_, n) => (n === 0 ? 500 : 200))
    const voice = Voice.start()
    await voice.done({ webhook: { url: receiver.url } })
    await voice.hasTried(1)
    voice.clock.shiftWall(-day)
    voice.clock.advance(5 * second)
    await voice.hasTried(2)
    expect(receiver.received.length).toBe(2)
  })
})

describe('a job that is deleted', () => {
  test('while one of its webhooks is under way is gone with it, and the others go on', async () => {
    const answers: (() => void)[] = []
    const receiver = await open((_, n) => (n === 0 ? (answer) => answers.push(() => answer.end()) : 200))
    const voice = Voice.start()
    const job = await voice.done({ webhook: { url: receiver.url } })
    await receiver.got(1)
    await voice.bench.queue.remove(job.id)
    answers[0]?.()
    const other = await voice.done({ webhook: { url: receiver.url } })
    await voice.hasTried(1)
    expect(voice.rows(other)).toMatchObject([{ state: 'delivered' }])
    expect([voice.errors, voice.bench.disk('SELECT count(*) AS n FROM delivery_try')]).toEqual([[], [{ n: 1 }]])
  })

  test('because its time was over is deleted as soon as nothing of it waits', async () => {
    const receiver = await open((_, n) => (n === 0 ? 500 : 200))
    const keep = { done: second, failed: null }
    const voice = Voice.start({ keep })
    await voice.bench.queue.recover()
    const job = await voice.done({ webhook: { url: receiver.url } })
    await voice.hasTried(1)
    voice.clock.advance(2 * second)
    await turns()
    expect(voice.bench.store.jobs.at(job.seq)).toBeDefined()
    voice.clock.advance(3 * second)
    await voice.hasTried(2)
    await turns()
    expect(voice.bench.store.jobs.at(job.seq)).toBeUndefined()
  })
})

test('what cannot be read is said, and all is looked at again after a while', async () => {
  const receiver = await open()
  const voice = Voice.start()
  const { deliveries } = voice.bench.store
  const broken = vi.spyOn(deliveries, 'first').mockImplementation(() => {
    throw new Error('disk I/O error')
  })
  const job = await voice.done({ webhook: { url: receiver.url } })
  await voice.until(() => voice.errors.length > 0)
  broken.mockRestore()
  await turns()
  expect(receiver.begun).toBe(0)
  voice.clock.advance(5 * second)
  await voice.hasTried(1)
  expect(voice.rows(job)).toMatchObject([{ state: 'delivered' }])
})

test('what cannot be read just when a try begins is not taken for one under way', async () => {
  const receiver = await open()
  const voice = Voice.start()
  const { deliveries } = voice.bench.store
  const first = deliveries.first.bind(deliveries)
  let reads = 0
  const broken = vi.spyOn(deliveries, 'first').mockImplementation((...asked) => {
    // It is looked for when it is written, and found when its turn comes.
    if (++reads > 2) throw new Error('disk I/O error')
    return first(...asked)
  })
  const job = await voice.done({ webhook: { url: receiver.url } })
  await voice.until(() => voice.errors.length > 0)
  broken.mockRestore()
  await turns()
  voice.clock.advance(5 * second)
  await voice.until(() => voice.rows(job)[0]?.state === 'delivered')
  await voice.deliverer.stop(0)
  expect(receiver.begun).toBe(1)
})

test('what waits for many hosts at the start is looked at some of them in a turn of the event loop', async () => {
  const voice = new Voice({ secrets: [] })
  const { store, queue } = voice.bench
  const webhook = (i: number) => ({ url: `https://host-${i}.test/`, events: ['queued'] })
  await queue.submit(Array.from({ length: 1000 }, (_, i) => submission({ webhook: webhook(i) })))
  const first = vi.spyOn(store.deliveries, 'first')
  let most = 0
  const watch = () => {
    most = Math.max(most, first.mock.calls.length)
    first.mockClear()
    if (voice.tried.length < 1000) setImmediate(watch)
  }
  watch()
  voice.deliverer.start()
  await voice.hasTried(1000)
  expect(most).toBeLessThan(500)
})
