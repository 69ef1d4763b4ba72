import { expect, test } from 'vitest'
import type { JobRow } from '../store/jobs.ts'
import { Outlines } from './outlines.ts'

/** Requests by job, and whose were read from the start. */
function outlines(bodies: Record<string, string>) {
  const read: string[] = []
  const body = ({ id }: JobRow, start?: number, end?: number) => {
    if (start === undefined) read.push(id)
    return [Buffer.from(bodies[id]!.slice(start, end))]
  }
  const kept = new Outlines({ body }, ['model', 'instructions'])
  return { read, of: (id: string) => kept.of({ id } as JobRow) }
}

test('a request is read once, however often its response is looked at', async () => {
  const { read, of } = outlines({ a: '{"input":"x","Model":"m","instructions":null}', b: '{"model":"n"}' })
  for (let i = 0; i < 3; i++) {
    expect(await of('a')).toEqual({ model: 'm', instructions: null })
    expect(await of('b')).toEqual({ model: 'n' })
  }
  expect(read).toEqual(['a', 'b'])
})

test('those looked at last are kept, as far as there is room for them', async () => {
  const long = JSON.stringify({ instructions: 'x'.repeat(64 * 1024 - 2) })
  const ids = Array.from({ length: 128 }, (_, i) => `job_${i}`)
  const { read, of } = outlines(Object.fromEntries(ids.map((id) => [id, long])))
  for (const id of ids.slice(0, 127)) await of(id)
  await of('job_0')
  await of('job_127')
  read.length = 0
  for (const id of ['job_0', 'job_127', 'job_2', 'job_1']) await of(id)
  expect(read).toEqual(['job_1'])
})

test('short ones are no less bounded: each counts for what it costs besides its text', async () => {
  const ids = Array.from({ length: 40_000 }, (_, i) => `job_${i}`)
  const { read, of } = outlines(Object.fromEntries(ids.map((id) => [id, '{}'])))
  for (const id of ids) await of(id)
  read.length = 0
  for (const id of ['job_39999', 'job_10000', 'job_0']) await of(id)
  expect(read).toEqual(['job_0'])
})
