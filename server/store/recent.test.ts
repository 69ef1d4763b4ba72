import { expect, test } from 'vitest'
import { newJob, openStore } from './store.harness.ts'
import type { Store } from './store.ts'

const full = () => {
  throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' })
}

async function filled(fault?: (point: string) => void): Promise<Store> {
  const store = openStore({ fault })
  await store.commit.run('submit', () => {
    store.affinities.idOf('m:latest', 'm:latest')
    for (const seq of [1, 2]) store.jobs.insert(newJob(seq))
  })
  return store
}

/** Looks at a job, and says how often that went to the database. */
function looks(store: Store) {
  let reads = 0
  const find = (id: string) => (reads++, store.jobs.find(id))
  return { look: (id: string) => store.recent.row(id, find), reads: () => reads }
}

test('a row is read once, however many look, until something is written', async () => {
  const store = await filled()
  const { look, reads } = looks(store)
  expect(look('job_1')).toBe(look('job_1'))
  expect(look('job_2')?.id).toBe('job_2')
  expect(reads()).toBe(2)
  await store.commit.run('change', () => store.jobs.change(1, { ...look('job_1')!, state: 'canceled', finished_at: 5 }))
  expect(look('job_1')?.state).toBe('canceled')
  await store.commit.run('delete', () => store.jobs.remove(1))
  expect(look('job_1')).toBeUndefined()
})

test('inside a transaction it is what that has made of it, and nothing of this is remembered', async () => {
  let refused = false
  const store = await filled((point) => void (refused && point === 'change:inside' && full()))
  const { look } = looks(store)
  refused = true
  let inside: string | undefined
  const change = store.commit.run('change', () => {
    store.jobs.change(1, { ...look('job_1')!, state: 'canceled', finished_at: 5 })
    inside = look('job_1')?.state
  })
  await expect(change).rejects.toThrow('full')
  expect(look('job_1')?.state).toBe('queued')
  expect(inside).toBe('canceled')
})

test('a row that its submitter made large is not kept', async () => {
  const store = await filled()
  await store.commit.run('submit', () => store.jobs.insert(newJob(3, { webhook: JSON.stringify('x'.repeat(9000)) })))
  const { look, reads } = looks(store)
  look('job_3')
  look('job_3')
  expect(reads()).toBe(2)
})
