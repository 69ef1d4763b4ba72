import { describe, expect, test } from 'vitest'
import type { Order } from './orders.ts'
import type { Receipt, Upload } from './receivers.ts'
import { verdict, type Evidence } from './verdict.ts'

const receipt = (more: Partial<Receipt> = {}): Receipt => ({
  id: 'msg_1',
  job: 'job_a',
  state: 'done',
  sequence: 4,
  timestamp: '2026-11-26T02:00:00.000Z',
  digest: 'bytes',
  accepted: true,
  ...more,
})

const upload = (more: Partial<Upload> = {}): Upload => ({
  order: 0,
  name: 'output.txt',
  sha256: 'whole',
  accepted: true,
  ...more,
})

const order = (more: Partial<Order> = {}): Order => ({
  n: 0,
  input: { request: { endpoint: '/api/chat', body: {} }, labels: { n: '0' } },
  ids: new Set(['job_a']),
  events: ['done'],
  deliver: true,
  ...more,
})

/** One job that was done, told of and handed over, as it should be. */
function calm(): Evidence {
  const states = ['queued', 'loading', 'working', 'done']
  return {
    orders: [order()],
    receipts: [receipt()],
    uploads: [upload()],
    disk: {
      jobs: [{ seq: 1, id: 'job_a', state: 'done', n: '0' }],
      events: states.map((state, i) => ({ job: 1, sequence: i + 1, state })),
      artifacts: [{ job: 1, name: 'output.txt', sha256: 'whole' }],
      deliveries: { delivered: 2 },
      damage: [],
    },
  }
}

test('a storm in which nothing was lost has no fault, however often what was refused or cut came again', () => {
  expect(verdict(calm())).toEqual([])
  const again = calm()
  again.receipts = [receipt({ accepted: false }), receipt(), receipt()]
  again.uploads = [upload({ accepted: false }), upload(), upload()]
  expect(verdict(again)).toEqual([])
})

describe('it is found when', () => {
  const faults: [what: string, change: (evidence: Evidence) => void, found: string][] = [
    [
      'an acknowledged job is gone',
      ({ orders }) => orders[0]!.ids.add('job_b'),
      'job_b was acknowledged and is not there',
    ],
    ['a key became two jobs', ({ orders }) => orders[0]!.ids.add('job_b'), 'order 0 became 2 jobs'],
    [
      'an order became two jobs that nobody was told of',
      ({ disk }) => void disk.jobs.push({ seq: 9, id: 'job_b', state: 'done', n: '0' }),
      'job_b and job_a are both order 0',
    ],
    ['a job has not ended', ({ disk }) => (disk.jobs[0]!.state = 'working'), 'job_a has not ended'],
    [
      'a job was done twice',
      ({ disk }) => void disk.events.push({ job: 1, sequence: 5, state: 'done' }),
      'job_a was done 2 times',
    ],
    ['a state has no event', ({ disk }) => void disk.events.pop(), 'job_a is done, its last event says working'],
    ['an event was never told', (evidence) => (evidence.receipts = []), 'done of sequence 4 was never delivered'],
    [
      'nobody took what was told',
      (evidence) => (evidence.receipts = [receipt({ accepted: false })]),
      'done of sequence 4 was never delivered',
    ],
    [
      'an event of a retry before was told, and the second was not',
      ({ disk, orders }) => {
        orders[0]!.events = ['queued', 'done']
        disk.events.unshift({ job: 1, sequence: 0, state: 'queued' })
      },
      'queued of sequence 0 was never delivered',
    ],
    [
      'a state was told that never committed',
      ({ receipts }) => void (receipts as Receipt[]).push(receipt({ id: 'msg_2', state: 'failed', sequence: 5 })),
      'failed of sequence 5 was told and never committed',
    ],
    [
      'a job was told of that never existed',
      ({ receipts }) => void (receipts as Receipt[]).push(receipt({ id: 'msg_2', job: 'job_c' })),
      'job_c was told of and never existed',
    ],
    [
      'a state was told that nobody asked for',
      ({ orders }) => (orders[0]!.events = ['failed']),
      'was told and not asked for',
    ],
    [
      'each try has an id of its own',
      ({ receipts }) => void (receipts as Receipt[]).push(receipt({ id: 'msg_2' })),
      'job_a sequence 4 came as msg_1 and msg_2',
    ],
    [
      'one id stands for two events',
      ({ receipts }) => void (receipts as Receipt[]).push(receipt({ sequence: 3, state: 'working' })),
      'msg_1 told of several events',
    ],
    [
      'the bytes of a second try are others',
      ({ receipts }) => void (receipts as Receipt[]).push(receipt({ digest: 'others' })),
      'msg_1 came with different bytes',
    ],
    [
      'a later event has an earlier time',
      ({ receipts, orders }) => {
        orders[0]!.events = ['working', 'done']
        const earlier = receipt({ id: 'msg_2', state: 'working', sequence: 3, timestamp: '2026-11-26T02:00:01.000Z' })
        ;(receipts as Receipt[]).push(earlier)
      },
      'done of sequence 4 is older than sequence 3',
    ],
    ['a signature is wrong', ({ receipts }) => (receipts[0]!.wrong = 'No matching signature'), 'No matching signature'],
    ['an artifact was never put', (evidence) => (evidence.uploads = []), 'artifact 0/output.txt was never put'],
    ['an artifact was put in part', ({ uploads }) => (uploads[0]!.sha256 = 'part'), 'was put with other bytes'],
    ['an artifact was put that nobody wanted', ({ orders }) => (orders[0]!.deliver = false), 'was put and is none'],
    ['a delivery is pending', ({ disk }) => (disk.deliveries.pending = 1), '1 deliveries are still pending'],
    ['a delivery was given up', ({ disk }) => (disk.deliveries.gave_up = 1), '1 deliveries were given up'],
    ['the database is damaged', ({ disk }) => void disk.damage.push('row 3 missing'), 'the database: row 3 missing'],
  ]

  test.each(faults)('%s', (_, change, found) => {
    const evidence = calm()
    change(evidence)
    expect(verdict(evidence).join('\n')).toContain(found)
  })
})

describe('a job that its caller erased', () => {
  const erased = (more: Partial<Evidence> = {}): Evidence => {
    const { disk, ...evidence } = calm()
    const history = [{ sequence: 4, state: 'done' }]
    const nothing = { ...disk, jobs: [], events: [], artifacts: [] }
    return { ...evidence, orders: [order({ erased: history })], disk: nothing, ...more }
  }

  test('may have been told of or not, but only of what it went through', () => {
    expect(verdict(erased())).toEqual([])
    expect(verdict(erased({ receipts: [], uploads: [] }))).toEqual([])
    expect(verdict(erased({ receipts: [receipt({ sequence: 5 })] }))).toEqual([
      'job_a: done of sequence 5 was told and never committed',
    ])
  })

  test('is not there any more', () => {
    expect(verdict(erased({ disk: calm().disk }))).toContain('job_a was erased and is there')
  })
})
