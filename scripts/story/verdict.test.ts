import { describe, expect, test } from 'vitest'
import type { Books } from './books.ts'
import { Chronicle, type Errand, type Said, type Told } from './chronicle.ts'
import { verdict, type Evidence } from './verdict.ts'

const evening = Date.UTC(2026, 10, 22, 23)
/** So many seconds after the beginning. */
const at = (seconds: number) => evening + seconds * 1000
const span = (from: number, to: number) => ({ from: at(from), to: at(to) })
const MB = 1024 * 1024

const errand = (n: number, model: string): Errand => ({
  n,
  model,
  input: { request: { endpoint: '/api/chat', body: {} }, labels: { n: String(n) } },
  ids: new Set([`job_${n}`]),
  events: ['done'],
  deliver: n === 0,
})

const told = (n: number, more: Partial<Told> = {}): Told => ({
  id: `msg_${n}`,
  job: `job_${n}`,
  state: 'done',
  sequence: 10 * n + 4,
  timestamp: '2026-11-22T23:05:00.000Z',
  digest: `bytes ${n}`,
  accepted: true,
  at: at(300),
  ...more,
})

const states = ['queued', 'loading', 'working', 'done']

/**
 * Six jobs over two models in turn, for a Mac that sleeps for a minute: it loads twice, and serves three of each. Then a person
 * asks, beside a pause and a full disk.
 */
function calm(): Evidence {
  const chronicle = new Chronicle()
  const errands = Array.from({ length: 9 }, (_, n) => errand(n, n % 2 === 0 ? 'alpha' : 'beta'))
  chronicle.errands.push(...errands)
  const order = [0, 2, 4, 6, 8, 1, 3, 5, 7]
  const begin = (i: number) => 100 + 30 * i + (i >= 5 ? 20 : 0)
  for (const [i, n] of order.entries()) {
    const { model } = errands[n]!
    if (i === 0 || i === 5)
      chronicle.works.push({ what: 'load', model, label: model, ...span(begin(i) - 20, begin(i)) })
    chronicle.works.push({ what: 'job', model, label: `summary ${n}`, ...span(begin(i), begin(i) + 30) })
  }
  const waits: Books['waits'] = order.map((n, i) => ({ n, ...span(0, begin(i)) }))
  chronicle.spans.asleep.push(span(0, 70))
  chronicle.packets.push(at(10))
  chronicle.log.push({ at: at(5), level: 30, msg: 'the target is asleep: nothing answers there' })
  chronicle.samples.push(
    { at: at(40), running: undefined, waiting: errands.map(({ n, model }) => said(n, model, 'target_asleep')) },
    {
      at: at(115),
      running: 'alpha',
      waiting: order
        .slice(1)
        .map((n, i) =>
          said(n, errands[n]!.model, i === 0 ? 'next' : n % 2 === 0 ? 'behind_others' : 'draining_another_model'),
        ),
    },
  )
  chronicle.spans.people.push(span(500, 560))
  chronicle.works.push({ what: 'person', model: 'beta', label: 'question 0', ...span(550, 555) })
  chronicle.answers.push({ label: 'question 0', asked: at(500), status: 200, whole: true })
  chronicle.spans.full.push(span(600, 700))
  chronicle.refusals.push({ at: at(650), status: 507, text: 'the job was not stored: disk I/O error' })
  chronicle.receipts.push(...errands.map(({ n }) => told(n)))
  chronicle.uploads.push({ order: 0, name: 'output.txt', sha256: 'whole', accepted: true })
  chronicle.memory.push({ at: at(60), bytes: 160 * MB }, { at: at(900), bytes: 120 * MB })
  const books: Books = {
    jobs: errands.map(({ n }) => ({ seq: n + 1, id: `job_${n}`, state: 'done', n: String(n) })),
    events: errands.flatMap(({ n }) => states.map((state, i) => ({ job: n + 1, sequence: 10 * n + i + 1, state }))),
    artifacts: [{ job: 1, name: 'output.txt', sha256: 'whole' }],
    deliveries: { delivered: 10 },
    damage: [],
    waits,
    failures: new Map(),
    arrivals: errands.map(({ model }) => ({ model, at: evening })),
  }
  return { chronicle, books, avoided: 7 }
}

function said(n: number, model: string, reason: string | undefined): Said {
  return { id: `job_${n}`, model, reason }
}

const faults = (evidence: Evidence) => verdict(evidence).flatMap((finding) => finding.faults)

test('a day in which all was as it should be has no fault', () => {
  expect(faults(calm())).toEqual([])
})

test('what may come of a redeploy and of a kill is no fault', () => {
  const { chronicle, ...rest } = calm()
  chronicle.spans.gone.push(span(290, 320))
  chronicle.kills.push(at(300))
  chronicle.refusals.push({ at: at(300), status: 503, text: 'foreman is stopping' })
  chronicle.receipts.push(told(0, { at: at(330) }))
  expect(faults({ chronicle, ...rest })).toEqual([])
})

describe('it is found when', () => {
  const broken: [what: string, change: (evidence: Evidence) => void, found: string][] = [
    ['an acknowledged job is gone', ({ books }) => void books.jobs.pop(), 'job_8 was acknowledged and is not there'],
    ['a job has not ended', ({ books }) => (books.jobs[0]!.state = 'working'), 'job_0 has not ended'],
    ['a job was never taken', ({ chronicle }) => chronicle.errands[0]!.ids.clear(), '1 jobs were never taken'],
    [
      'a job failed that was to be done',
      ({ books }) => books.failures.set(3, 'target_failed'),
      'job 3 failed with target_failed',
    ],
    [
      'a job was done that was to fail',
      ({ chronicle }) => (chronicle.errands[3]!.fails = 'model_missing'),
      'job 3 did not fail with model_missing',
    ],
    ['the database is damaged', ({ books }) => void books.damage.push('row 3 missing'), 'row 3 missing'],
    ['an event was never told', ({ chronicle }) => void chronicle.receipts.pop(), 'was never delivered'],
    [
      'an event was told under two ids',
      ({ chronicle }) => void chronicle.receipts.push(told(0, { id: 'msg_x' })),
      'came as msg_0 and msg_x',
    ],
    [
      'an event that was taken came again',
      ({ chronicle }) => void chronicle.receipts.push(told(0)),
      'msg_0 was taken and came again',
    ],
    [
      'a webhook is not signed',
      ({ chronicle }) => (chronicle.receipts[0]!.wrong = 'msg_0 is not signed'),
      'msg_0 is not signed',
    ],
    ['a delivery is pending', ({ books }) => (books.deliveries.pending = 1), '1 deliveries are pending'],
    ['an artifact has other bytes', ({ chronicle }) => (chronicle.uploads[0]!.sha256 = 'part'), 'with other bytes'],
    [
      'a submit was refused for nothing',
      ({ chronicle }) => void chronicle.refusals.push({ at: at(800), status: 507, text: 'the job was not stored' }),
      'a submit was answered 507',
    ],
    ['a full disk refused nobody', ({ chronicle }) => void chronicle.refusals.pop(), 'nobody was refused'],
    [
      'a waiting job does not say why',
      ({ chronicle }) => ((chronicle.samples[1]!.waiting as Said[])[0]!.reason = undefined),
      'that explains nothing',
    ],
    [
      'a job says the target is asleep and it is awake',
      ({ chronicle }) => (chronicle.samples[0]!.at = at(95)),
      'it is awake',
    ],
    [
      'a job says it is next and the target is away',
      ({ chronicle }) => ((chronicle.samples[0]!.waiting as Said[])[0]!.reason = 'next'),
      'says next, but the target is away',
    ],
    [
      'a job says it steps aside and no person is there',
      ({ chronicle }) => ((chronicle.samples[1]!.waiting as Said[])[0]!.reason = 'yielding_to_people'),
      'no person was there',
    ],
    [
      'a job says it is paused and nobody paused',
      ({ chronicle }) => ((chronicle.samples[1]!.waiting as Said[])[0]!.reason = 'paused'),
      'nobody paused',
    ],
    [
      'a job says the disk refuses and it has room',
      ({ chronicle }) => ((chronicle.samples[1]!.waiting as Said[])[0]!.reason = 'storage_failing'),
      'the disk has room',
    ],
    [
      'two jobs are next',
      ({ chronicle }) => ((chronicle.samples[1]!.waiting as Said[])[1]!.reason = 'next'),
      'another is next as well',
    ],
    [
      'the target had nothing to do although jobs waited',
      ({ chronicle }) => void chronicle.works.splice(3, 1),
      'jobs waited for 30 s for nothing',
    ],
    [
      'the log does not say that the target was asleep',
      ({ chronicle }) => void chronicle.log.pop(),
      'no line says "the target is asleep"',
    ],
    [
      'the log says that the target was asleep and it was not',
      ({ chronicle }) => (chronicle.log[0]!.at = at(200)),
      'the log says "the target is asleep": it is not so',
    ],
    [
      'a packet went out for nobody',
      ({ chronicle }) => void chronicle.packets.push(at(200)),
      'a Wake-on-LAN packet went out for nobody',
    ],
    ['a person was refused', ({ chronicle }) => (chronicle.answers[0]!.status = 503), 'question 0 was answered 503'],
    [
      'a person waited for longer than a job and a load take',
      ({ chronicle }) => (chronicle.answers[0]!.asked = at(400)),
      'question 0 waited for 150 s',
    ],
    [
      'a job pushed out the model of a conversation',
      ({ chronicle }) => void chronicle.works.push({ what: 'load', model: 'alpha', label: 'alpha', ...span(580, 600) }),
      'alpha was loaded while a person paused',
    ],
    [
      'draining saved nothing',
      ({ chronicle }) => {
        const load = { what: 'load' as const, model: 'alpha', label: 'alpha', ...span(470, 480) }
        chronicle.works.push(load, load)
      },
      'that saves too little',
    ],
    [
      'foreman holds too much',
      ({ chronicle }) => void chronicle.memory.push({ at: at(960), bytes: 151 * MB }),
      '151 MB where 150 MB are the limit',
    ],
    [
      'the script had cause to complain',
      ({ chronicle }) => void chronicle.wrong.push('foreman ended with 1'),
      'ended with 1',
    ],
    [
      'the log has an error that nothing has caused',
      ({ chronicle }) => void chronicle.log.push({ at: at(400), level: 50, msg: 'worker' }),
      'the log has an error',
    ],
  ]

  test.each(broken)('%s', (_, change, found) => {
    const evidence = calm()
    change(evidence)
    expect(faults(evidence).join('\n')).toContain(found)
  })
})
