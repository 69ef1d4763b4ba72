// docs/operations.md held to the code: every reason, code, outcome, figure and alert is in it, nothing else is, its links
// lead somewhere, and its commands run. The log is operations.log.test.ts.

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { chat, openForeman } from '../server/app.harness.ts'
import { afterwards } from '../server/app.stage.ts'
import { statusOf } from '../server/http/problem.ts'
import { codes, ForemanError, type Code } from '../server/job/error.ts'
import { outcomes } from '../server/job/redelivery.ts'
import { reasons } from '../server/job/schedule.ts'
import { createMetrics } from '../server/metrics/metrics.ts'
import { readFigures, type Figures } from './observe/page.ts'
import { alertsOf } from './observe/promql.ts'
import { anchorsOf, namesIn, rowsOf, sectionOf } from './observe/tables.ts'
import { hasCurl, shownAt, snippetsIn, textOf } from './page.harness.ts'

const page = textOf('docs', 'operations.md')
const firstNames = (rows: string[][]) => rows.flatMap(([cell]) => namesIn(cell))

let figures: Figures

beforeAll(async () => {
  const metrics = createMetrics({
    jobs: () => ({ queued: 1 }),
    oldestWaitSeconds: () => 0,
    starvedSeconds: () => 0,
    people: () => ({ held: 0 }),
    ages: () => ({ turn: 0, yielding: 0, claim: 0 }),
    targetState: () => 'awake',
    outboxPending: () => 0,
    storeBytes: () => 0,
    freeBytes: () => 0,
    writable: () => true,
    waitingFor: () => null,
  })
  metrics.jobRan('/api/chat', 1)
  metrics.proxied('/api/chat', 200, 0)
  figures = readFigures(await metrics.text())
})

describe('the page has a row for', () => {
  test('every reason to wait', () => {
    expect(firstNames(rowsOf(sectionOf(page, 'Why a job waits')))).toEqual([...reasons].map(String))
  })

  test('every error code, with the status it has and whether jobs fail with it', () => {
    const rows = rowsOf(sectionOf(page, 'Error codes'))
    expect(firstNames(rows)).toEqual([...codes])
    const ofJobs = rows.filter(([, where]) => where!.includes('job')).flatMap(([cell]) => namesIn(cell))
    const counted = figures.series.get('foreman_jobs_finished_total')?.get('code') ?? new Set()
    expect(ofJobs.toSorted()).toEqual([...counted].filter((code) => code !== 'none').toSorted())
    for (const [cell, where] of rows) {
      const [code] = namesIn(cell) as [Code]
      const statuses = [...where!.matchAll(/\d+/g)].map(([status]) => Number(status))
      if (statuses.length > 0)
        expect([code, statuses]).toEqual([code, expect.arrayContaining([statusOf(new ForemanError(code, ''))])])
    }
  })

  test('every outcome of a delivery', () => {
    const [, section] = page.split('`outcome` of a delivery:')
    expect(firstNames(rowsOf(section!.split('\n\n**', 1)[0]!))).toEqual([...outcomes])
  })

  test('every figure, with its type and its labels', () => {
    const told = rowsOf(sectionOf(page, 'The figures')).map(([name, type, labels]) => [
      ...namesIn(name),
      type,
      ...namesIn(labels),
    ])
    const own = [...figures.declared].filter(([name]) => name.startsWith('foreman_'))
    const are = own.map(([name, { type }]) => {
      const labels = figures.series.get(name) ?? figures.series.get(`${name}_bucket`)
      return [name, type, ...[...(labels?.keys() ?? [])].filter((label) => label !== 'le')]
    })
    expect(told.toSorted()).toEqual(are.toSorted())
  })
})

test('each alert has a section that says how bad it is, and how long that lasts before it is told', () => {
  const section = sectionOf(page, 'Alerts')
  const told = [...section.matchAll(/^### (\w+)\n\n\*(Critical|Warning)(?:, (\d+) (min|h))?\.\*/gm)]
  const rules = alertsOf(textOf('deploy', 'prometheus', 'alerts.yaml'))
  expect([...section.matchAll(/^### /gm)]).toHaveLength(rules.length)
  expect(
    told.map(([, name, severity, count, unit]) => [name, severity?.toLowerCase(), count && count + unit![0]]),
  ).toEqual(rules.map(({ at, severity, lasts }) => [at, severity, lasts]))
})

test('its links lead to headings that there are', () => {
  const links = [...page.matchAll(/\]\(([^)#]*)#([^)]+)\)/g)]
  expect(links.length).toBeGreaterThan(10)
  const broken = links.filter(([, file, anchor]) => {
    const there = file ? textOf(join(dirname('docs/operations.md'), file)) : page
    return !anchorsOf(there).includes(anchor!)
  })
  expect(broken.map(([link]) => link)).toEqual([])
})

test.skipIf(!hasCurl)('its commands do what they are for', async () => {
  // It wants no more of anything: what it is told is given up at once.
  const receiver = createServer((socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 410 Gone\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')),
  )
  receiver.listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  afterwards(async () => void receiver.close())
  const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
  const foreman = await openForeman({ settings: { WEBHOOK_SECRET: secret, WEBHOOK_ALLOW: '127.0.0.1' } })
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`
  const failed = await foreman.submit({ ...chat('none-of-this-name'), webhook: { url } })
  await foreman.ended(failed.id)
  await foreman.logged(({ msg }) => msg === 'not delivered: given up')
  await foreman.post('/queue/pause')
  const { id } = await foreman.submit(chat('alpha'))
  writeFileSync(join(foreman.folder, 'foreman.log'), foreman.written)

  const shell = async (snippet: string) => {
    const here = snippet.replaceAll(shownAt, foreman.url).replaceAll('job_…', id)
    const script = here.replaceAll('curl -sS', "curl -sSf --noproxy '*'")
    const run = promisify(execFile)('sh', ['-ec', script], { cwd: foreman.folder })
    return (await run).stdout
  }
  const said: string[] = []
  for (const snippet of snippetsIn(page, 'sh')) said.push(await shell(snippet))
  const expected = [
    /"status":"ready"[\s\S]*"reason":"paused"[\s\S]*"state":"awake"[\s\S]*"waiting":1/,
    /"state":"awake"[\s\S]*"msg":"the target is awake"/,
    /"status":"ready"[\s\S]*foreman_store_bytes \d+\nforeman_store_free_bytes \d+\nforeman_store_writable 1\n/,
    /^ +1 "host":"http:\/\/127\.0\.0\.1:\d+","outcome":"gone"\n$/,
    /^\{"id":"msg_[^}]*"kind":"webhook"/,
    new RegExp(`"id":"${id}"[\\s\\S]*"reason":"paused"[\\s\\S]*"msg":"job queued"`),
    /"state":"canceled"/,
    /"paused":false/,
    /^foreman_jobs_finished_total\{state="failed",code="model_missing"\} 1\n\{"data":\[\{"id":"job_/,
    /"msg":"job failed"/,
  ]
  expect(said).toEqual(expected.map((like) => expect.stringMatching(like) as string))
})
