// What is told of the queue at a glance, where it takes more than a glance to put together.
import { expect, test } from 'vitest'
import { Bench } from './queue/queue.harness.ts'
import { queuePlan } from './status.ts'
import type { Entry } from './worker/planner.ts'
import type { Worker } from './worker/worker.ts'

test('a long plan is of one moment, though the event loop has its turn and a job leaves meanwhile', async () => {
  const { queue } = new Bench()
  const entries = Array.from({ length: 1_200 }, (_, i) => {
    const job = { id: `job_${i}`, model: 'm' } as Entry['job']
    return { job, position: i + 1, loads: i === 0, startAt: undefined, finishAt: undefined }
  })
  const planner = { entries: entries as Entry[] }
  const asked = queuePlan(queue, { outlook: { planner } } as unknown as Worker, 1_100)
  let left = false
  setImmediate(() => {
    left = true
    planner.entries = planner.entries.slice(1)
    for (const entry of planner.entries) entry.position -= 1
  })
  const { data, jobs, loads } = await asked
  expect(left).toBe(true)
  expect([jobs, loads]).toEqual([1_200, 1])
  expect(data).toEqual(
    entries.slice(0, 1_100).map(({ job: { id } }, i) => ({ id, model: 'm', position: i + 1, loads: i === 0 })),
  )
})
