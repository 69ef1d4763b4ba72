import { expect, test } from 'vitest'
import { Bench } from './queue.harness.ts'

const states = (events: readonly { job: { state: string } }[] | undefined) => events?.map(({ job }) => job.state)

test('who reads at the same place in the same turn gets the same objects, until something happens', async () => {
  const bench = new Bench()
  const { history } = bench.queue
  const { seq } = await bench.submit()
  const first = history.ofJob(seq, 0)
  expect(states(first)).toEqual(['queued'])
  expect(history.ofJob(seq, 0)).toBe(first)
  expect(history.ofAll(0)).toBe(history.ofAll(0))
  const change = bench.queue.advance(seq, 'load')
  bench.store.commit.flush()
  await change
  expect(states(history.ofJob(seq, 0))).toEqual(['queued', 'loading'])
  expect(states(history.ofAll(0))).toEqual(['queued', 'loading'])
})

test('a state that is past is told with the job as it was: attempts, interruptions and times', async () => {
  const bench = new Bench()
  const row = await bench.submit()
  const happenings = ['load', 'work', 'interrupt', 'load', 'back_off', 'load', 'work', 'fail', 'retry', 'load'] as const
  const then = [bench.queue.view(row)]
  for (const happening of happenings) {
    bench.clock.advance(1000)
    const facts = happening === 'fail' ? { error: { code: 'target_failed', detail: 'because' } } : {}
    then.push(bench.queue.view(await bench.queue.advance(row.seq, happening, facts)))
  }
  const told = bench.queue.history.ofJob(row.seq, 0)!
  // Only what went wrong is kept no longer than the state itself.
  expect(told.map(({ job }) => job)).toEqual(then.map(({ error: _error, ...job }) => job))
  expect(told.map(({ sequence }) => sequence)).toEqual(then.map(({ sequence }) => sequence))
  expect(told.flatMap(({ restarts, job }) => (restarts ? job.sequence : []))).toEqual([4, 6, 10])
})

test('an erased job has no history, and all jobs have a hole', async () => {
  const bench = new Bench()
  const { history } = bench.queue
  const row = await bench.job('done')
  await bench.submit()
  await bench.queue.remove(row.id)
  expect(history.ofJob(row.seq, 0)).toBeUndefined()
  expect(history.ofAll(3)).toBeUndefined()
  expect(states(history.ofAll(4))).toEqual(['queued'])
  expect(history.ofAll(history.last)).toEqual([])
  expect(history.ofAll(history.last + 1)).toBeUndefined()
})
