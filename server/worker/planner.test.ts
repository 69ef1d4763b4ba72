// How a plan is made beside everything else that goes on. What it says is tested in job/plan.test.ts and app.plan.test.ts.
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { snapshot } from '../job/facts.harness.ts'
import { Target } from '../ollama/target.ts'
import { Bench, submission } from '../queue/queue.harness.ts'
import type { Submitted } from '../queue/intake.ts'
import { afterwards } from '../store/store.harness.ts'
import { Estimates } from './estimates.ts'
import { Planner, type PlannerOptions } from './planner.ts'

/** A queue of so many jobs over a few models, whose changes a planner is told of as by the worker. */
async function planning(count: number, more: Partial<PlannerOptions> = {}) {
  const clock = new VirtualClock()
  const bench = new Bench({
    clock,
    queueMax: 20_000,
    onChange: (row) => planner.changed(row),
  })
  const { queue } = bench
  const target = new Target({ url: 'http://127.0.0.1:9', clock, graceMs: 60_000, answerMax: 1 << 26 })
  afterwards(() => target.close())
  let plans = 0
  const planner: Planner = new Planner({
    queue,
    target,
    clock,
    estimates: new Estimates(),
    snapshot: () => {
      plans += 1
      return snapshot({ keys: queue.keys((key) => key) })
    },
    run: () => null,
    look: () => undefined,
    ...more,
  })
  const jobs = Array.from({ length: count }, (_, i) => submission({}, { model: `m${i % 5}` }))
  const rows = (await queue.submit(jobs)).map(({ job }) => queue.find(job.id))
  const sequences = () => planner.entries.map(({ job }) => job.seq)
  return { clock, bench, queue, planner, rows, sequences, plans: () => plans }
}

/** How often others have their turn until `what` is there. */
async function turnsUntil(what: Promise<unknown>): Promise<number> {
  let turns = 0
  let turning = setImmediate(function turn() {
    turns += 1
    turning = setImmediate(turn)
  })
  await what
  clearImmediate(turning)
  return turns
}

test('a plan over 10,000 jobs lets others have their turn after every 500 that it reads or plans', async () => {
  const { planner } = await planning(10_500)
  expect(await turnsUntil(planner.ready())).toBeGreaterThanOrEqual(2 * 20)
  expect(planner.entries).toHaveLength(10_000)
  expect(await turnsUntil(planner.ready())).toBeLessThanOrEqual(1)
})

test('all who ask while a plan is made share it, and a second later there is another', async () => {
  const { clock, planner, plans } = await planning(1_200)
  const first = planner.ready()
  await turn()
  await Promise.all([first, planner.ready(), planner.ready()])
  expect(plans()).toBe(1)
  clock.advance(999)
  await planner.ready()
  expect(plans()).toBe(1)
  clock.advance(1)
  await planner.ready()
  expect(plans()).toBe(2)
})

test('once others have come a plan is good for a tenth of a millisecond for each job in it', async () => {
  const { clock, queue, planner, plans } = await planning(1_200)
  await planner.ready()
  const [{ job }] = (await queue.submit([submission()])) as [Submitted]
  clock.advance(119)
  await planner.ready()
  expect(plans()).toBe(1)
  clock.advance(1)
  await planner.ready()
  expect(plans()).toBe(2)
  expect(planner.entry(queue.find(job.id).seq)?.position).toBeGreaterThan(0)
  clock.advance(500)
  await planner.ready()
  expect(plans()).toBe(2)
})

test('an error reaches all who ask, and whoever asks after it gets a new plan', async () => {
  let broken = true
  const { planner, sequences, rows } = await planning(3, {
    snapshot: () => {
      if (broken) throw new Error('cannot be read')
      return snapshot()
    },
  })
  const asked = await Promise.allSettled([planner.ready(), planner.ready()])
  expect(asked.map((one) => one.status === 'rejected' && String(one.reason))).toEqual([
    'Error: cannot be read',
    'Error: cannot be read',
  ])
  broken = false
  await planner.ready()
  expect(sequences().toSorted((a, b) => a - b)).toEqual(rows.map(({ seq }) => seq))
})

test.each([
  ['read', 1, 5],
  // The load that was to be for it is in the next plan.
  ['planned', 6, 4],
])('who leaves while others are %s is left out, and all behind move up', async (_, turns, loads) => {
  const { queue, planner, rows, sequences } = await planning(2_000)
  const ready = planner.ready()
  for (let i = 0; i < turns; i++) await turn()
  const [started, canceled] = [rows[0]!, rows[450]!]
  await Promise.all([queue.advance(started.seq, 'load'), queue.advance(canceled.seq, 'cancel')])
  await ready
  const left = new Set([started.seq, canceled.seq])
  expect(sequences().toSorted((a, b) => a - b)).toEqual(rows.map(({ seq }) => seq).filter((seq) => !left.has(seq)))
  expect(planner.entries.map(({ position }) => position)).toEqual(Array.from({ length: 1_998 }, (__, i) => i + 1))
  expect(planner.entries.filter((entry) => entry.loads)).toHaveLength(loads)
  expect(planner.entry(started.seq)).toBeUndefined()
})

test('who leaves and comes back while others are read is in the next plan, and in none twice', async () => {
  const { clock, queue, planner, rows, sequences } = await planning(3_000)
  const [retried, requeued] = [rows[3]!, rows[7]!]
  const ready = planner.ready()
  await turn()
  const retry = queue.advance(retried.seq, 'cancel').then(() => queue.advance(retried.seq, 'retry'))
  const requeue = queue.advance(requeued.seq, 'load').then(() => queue.advance(requeued.seq, 'interrupt'))
  await Promise.all([retry, requeue])
  await ready
  expect(sequences()).toHaveLength(2_998)
  expect(new Set(sequences()).size).toBe(2_998)
  clock.advance(1_000)
  await planner.ready()
  expect(sequences()).toHaveLength(3_000)
  expect(new Set(sequences()).size).toBe(3_000)
})

test('who leaves after the plan was made is in it no longer, and the next one comes first', async () => {
  const { queue, planner, rows } = await planning(10)
  await planner.ready()
  const [first, , , , , second] = rows
  expect(planner.entry(second!.seq)?.position).toBe(2)
  await queue.advance(first!.seq, 'load')
  expect(planner.entry(second!.seq)?.position).toBe(1)
  expect(planner.entries[0]?.job.seq).toBe(second!.seq)
})

test('the job that starts is not planned, though its row says that it waits until that is written', async () => {
  const row = { seq: 0, model: 'm0', key: 'm0' }
  const run = () => ({ row })
  const { planner, rows, sequences } = await planning(6, { run: run as unknown as PlannerOptions['run'] })
  row.seq = rows[0]!.seq
  await planner.ready()
  expect(sequences()).not.toContain(row.seq)
  expect(sequences()).toHaveLength(5)
})

test('a plan that is being made ends with foreman, before it reads again', async () => {
  const { bench, planner } = await planning(1_200)
  const ready = planner.ready()
  await turn()
  planner.end()
  bench.store.close()
  await expect(ready).rejects.toMatchObject({ code: 'stopping' })
  await expect(planner.ready()).rejects.toMatchObject({ code: 'stopping' })
})
