// Examples of deliveries in the documents; those of everything else are in examples.ts.

import type { Delivery } from '../job/delivery.ts'

/** What a job owes whose receiver has no time yet and whose text was pushed at the second try. */
export function deliveriesOf(job_id: string): [webhook: Delivery, artifact: Delivery] {
  const of = { job_id, type: 'job.done', created_at: '2026-11-25T21:52:38.143Z' }
  return [
    {
      ...of,
      id: 'msg_019ac0de-98c1-7d20-8a4e-6b1f0c9d2e37',
      kind: 'webhook',
      url: 'https://example.com/hook?…',
      state: 'pending',
      next_try_at: '2026-11-25T21:52:43.412Z',
      attempts: [{ at: '2026-11-25T21:52:38.150Z', status: 503, ms: 41, answer: 'not now' }],
    },
    {
      ...of,
      id: 'msg_019ac0de-98c1-7d21-b7d3-1c5e8f2a4b60',
      kind: 'artifact',
      artifact: 'output.txt',
      url: 'https://example.com/upload/output.txt',
      state: 'delivered',
      ended_at: '2026-11-25T21:52:43.377Z',
      attempts: [
        { at: '2026-11-25T21:52:38.151Z', reason: 'the connection was refused', ms: 3 },
        { at: '2026-11-25T21:52:43.301Z', status: 204, ms: 76, answer: '' },
      ],
    },
  ]
}
