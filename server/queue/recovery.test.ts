import { describe, expect, test } from 'vitest'
import { newJob } from '../store/store.harness.ts'
import { VirtualClock } from '../clock.ts'
import { Bench } from './queue.harness.ts'

const hour = 3_600_000
const calm = async (bench: Bench) => {
  for (let i = 0; i < 6; i++) {
    await new Promise<void>((resolve) => setImmediate(resolve))
    bench.clock.advance(0)
  }
}
const keys = (bench: Bench) => bench.queue.keys((key) => key)
/** How long each key has starved. */
const ages = (bench: Bench) =>
  keys(bench).map(({ key, starvedSince }) => [key, bench.queue.steady.now() - starvedSince])

describe('at start', () => {
  test('what was running waits again, at no cost, in its old place; the rest is as it was', async () => {
    const bench = new Bench()
    const loading = await bench.job('loading')
    const working = await bench.job('working')
    const others = [await bench.job('queued'), await bench.job('done'), await bench.job('failed')]
    const { bench: next, recovered } = await bench.restart(1000)
    expect(recovered).toBe(2)
    for (const row of [loading, working]) {
      expect(next.queue.at(row.seq)).toMatchObject({
        state: 'queued',
        attempt: 0,
        interruptions: 1,
        place: row.place,
        loading_at: null,
        working_at: null,
        waiting_since: next.queue.steady.now(),
      })
      expect(next.history(row).at(-1)).toBe('interrupt queued')
    }
    for (const row of others) expect(next.queue.at(row.seq)).toEqual(row)
    expect(next.told.map(({ happening }) => happening)).toEqual(['interrupt', 'interrupt'])
  })

  test('with nothing running nothing is written', async () => {
    const bench = new Bench()
    await bench.job('queued')
    const commits: number[] = []
    const { recovered } = await bench.restart(1000, { onCommit: ({ writes }) => commits.push(writes) })
    expect([recovered, commits]).toEqual([0, []])
  })

  test('all that was running goes back in one commit, before anything else can be asked', async () => {
    const bench = new Bench()
    for (let i = 0; i < 5; i++) await bench.job('working')
    const commits: number[] = []
    await bench.restart(0, { onCommit: ({ writes }) => commits.push(writes) })
    expect(commits).toEqual([5])
  })

  test('webhooks that asked for it are told that the job is queued again', async () => {
    const bench = new Bench()
    const row = await bench.job('working', { webhook: { url: 'https://a/', events: ['queued'] } })
    const { bench: next } = await bench.restart(1000)
    expect(next.disk('SELECT event FROM delivery WHERE job = ? ORDER BY seq', row.seq)).toEqual([
      { event: row.seq },
      { event: next.queue.at(row.seq)?.sequence },
    ])
  })

  test('the counts of a long queue are read, not counted again: 20,000 jobs are there in their order', async () => {
    const bench = new Bench()
    await bench.submit({}, { model: 'a' })
    await bench.submit({}, { model: 'b' })
    await bench.store.commit.run('fill', () => {
      for (let seq = 10; seq < 20_010; seq++) bench.store.jobs.insert(newJob(seq, { affinity: 1 + (seq % 2) }))
    })
    const { bench: next } = await bench.restart(1000)
    expect(keys(next).map(({ waiting, head }) => [waiting, head])).toEqual([
      [10_001, 1],
      [10_001, 2],
    ])
    expect(next.queue.total('queued')).toBe(20_002)
  })
})

describe('a wall clock set back an hour', () => {
  test('before a restart makes no job younger and no retry later', async () => {
    const bench = new Bench()
    await bench.submit({}, { model: 'a' })
    bench.clock.advance(5000)
    const failed = await bench.job('working')
    const row = await bench.queue.advance(failed.seq, 'back_off', { backoff_ms: 30_000 })
    const aged = ages(bench)
    const { bench: next } = await bench.restart(-hour)
    expect(ages(next)).toEqual(aged)
    next.clock.advance(29_999)
    await calm(next)
    expect(next.queue.at(row.seq)?.due).not.toBeNull()
    next.clock.advance(1)
    await calm(next)
    expect(next.queue.at(row.seq)?.due).toBeNull()
    // What is new has not waited longer than what is old.
    const young = await next.submit({}, { model: 'young' })
    expect(young.waiting_since).toBeGreaterThanOrEqual(row.waiting_since)
  })

  test('during a run changes no age and no due time', async () => {
    const bench = new Bench()
    await bench.submit({}, { model: 'a' })
    const failed = await bench.job('working')
    const row = await bench.queue.advance(failed.seq, 'back_off', { backoff_ms: 30_000 })
    bench.clock.advance(1000)
    const aged = ages(bench)
    bench.clock.shiftWall(-hour)
    expect(ages(bench)).toEqual(aged)
    expect(bench.queue.oldestWait_ms()).toBe(1000)
    await bench.submit({}, { model: 'b' })
    expect(keys(bench).map(({ key }) => key)).toEqual(['a:latest', 'b:latest'])
    expect(ages(bench).map(([, age]) => age)).toEqual([1000, 0])
    bench.clock.advance(29_000)
    await calm(bench)
    expect(bench.queue.at(row.seq)?.due).toBeNull()
  })

  test('is in the records, which are wall time', async () => {
    const bench = new Bench()
    const before = await bench.submit()
    bench.clock.shiftWall(-hour)
    const after = await bench.submit()
    expect(after.created_at).toBe(before.created_at - hour)
    const done = await bench.bring(before, 'done')
    expect(bench.queue.view(done).usage?.queue_ms).toBe(0)
  })
})

describe('a wall clock set forward', () => {
  test('by years before one start, and right again at the next, delays no retry and ages nothing below none', async () => {
    const bench = new Bench()
    const wrong = (await bench.restart(10 * 365 * 24 * hour)).bench
    const failed = await wrong.job('working')
    const row = await wrong.queue.advance(failed.seq, 'back_off', { backoff_ms: 30_000 })
    await wrong.submit({}, { model: 'a' })
    const right = await wrong.restart(-10 * 365 * 24 * hour)
    for (const [, age] of ages(right.bench)) expect(age).toBeGreaterThanOrEqual(0)
    right.bench.clock.advance(30_000)
    await calm(right.bench)
    expect(right.bench.queue.at(row.seq)?.due).toBeNull()
  })

  test('during a run makes nobody overdue', async () => {
    const bench = new Bench()
    await bench.submit({}, { model: 'a' })
    bench.clock.shiftWall(24 * hour)
    expect(ages(bench)).toEqual([['a:latest', 0]])
  })
})

test('time that foreman was away counts: a job has waited through it', async () => {
  const bench = new Bench({ clock: new VirtualClock() })
  await bench.submit({}, { model: 'a' })
  bench.clock.advance(1000)
  const { bench: next } = await bench.restart(60_000)
  expect(ages(next)).toEqual([['a:latest', 61_000]])
})
