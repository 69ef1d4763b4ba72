// The outbox and the log of tries as rows: what sending asks of them, and that this stays cheap.

import { cpSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openDatabase } from './database.ts'
import { firstOfHost, type NewDelivery } from './deliveries.ts'
import type { Store } from './store.ts'
import { afterwards, look, newJob, openStore, temporaryFolder } from './store.harness.ts'

const write = <T>(store: Store, apply: () => T) => store.commit.run('test', apply)

/** A store with jobs 1 and 2, and what they owe. */
async function owing(more: Partial<NewDelivery>[], folder = temporaryFolder()): Promise<Store> {
  const store = openStore({ folder })
  await write(store, () => {
    store.affinities.idOf('m:latest', 'm:latest')
    for (const seq of [1, 2]) {
      store.jobs.insert(newJob(seq, { webhook: '{}', trace: '{"traceparent":"00"}' }))
      store.events.append({ seq, job: seq, state: 'queued', happening: 'submit', at: 1, steady: 1, attempt: 0 })
    }
    more.forEach((one, i) => store.deliveries.insert({ ...base, id: `msg_${i + 1}`, ...one }))
  })
  return store
}

const base: NewDelivery = {
  id: '',
  job: 1,
  event: 1,
  kind: 'webhook',
  url: 'https://a/x?key=k',
  body: Buffer.from('{}'),
  artifact: null,
  due: 10,
  created_at: 5,
}

const states = (store: Store) => [1, 2].flatMap((job) => store.deliveries.ofJob(job)).map(({ state }) => state)

describe('what waits', () => {
  test('is found by its host, the first due first, whatever else waits', async () => {
    const urls = ['https://a/x', 'https://user@A:443/y?z', 'http://a/', 'https://a:8443/']
    const store = await owing([...urls.map((url, i) => ({ url, due: 50 - i })), { due: 7 }])
    expect(store.deliveries.hosts().sort()).toEqual(['http://a', 'https://a', 'https://a:8443'])
    expect(store.deliveries.first('https://a', 2)).toEqual([
      { seq: 5, due: 7 },
      { seq: 2, due: 49 },
    ])
    expect(store.deliveries.first('https://b', 2)).toEqual([])
  })

  test('is found without looking at what waits for others, and without its bytes', () => {
    const folder = temporaryFolder()
    openStore({ folder })
    const plan = look(folder).prepare(`EXPLAIN QUERY PLAN ${firstOfHost}`).all('https://a', 3) as { detail: string }[]
    expect(plan.map(({ detail }) => detail)).toEqual(['SEARCH delivery USING COVERING INDEX delivery_of_host (host=?)'])
  })

  test('is told once to whoever asks what was written since', async () => {
    const store = await owing([{}, { url: 'https://b/' }, {}])
    expect(store.deliveries.touched().sort()).toEqual(['https://a', 'https://b'])
    expect(store.deliveries.touched()).toEqual([])
    await write(store, () => store.deliveries.renew(store.deliveries.withId('msg_2')!, 20))
    expect(store.deliveries.touched()).toEqual(['https://b'])
  })

  test('is read with all that is sent, until it has ended', async () => {
    const store = await owing([{}])
    expect(store.deliveries.outgoing(1)).toMatchObject({
      id: 'msg_1',
      job_id: 'job_1',
      host: 'https://a',
      body: Buffer.from('{}'),
      trace: '{"traceparent":"00"}',
    })
    await write(store, () => store.deliveries.end(1, 'delivered', 1, 9))
    expect(store.deliveries.outgoing(1)).toBeUndefined()
    expect(store.deliveries.at(1)).toMatchObject({ state: 'delivered', tries: 1, due: null, ended_at: 9 })
  })

  test('never waits longer than it is drawn to', async () => {
    const store = await owing([{ due: 5 }, { due: 500 }, { due: 50 }])
    await write(store, () => store.deliveries.end(3, 'gave_up', 1, 9))
    await write(store, () => store.deliveries.draw(100))
    expect(store.deliveries.ofJob(1).map(({ due }) => due)).toEqual([5, 100, null])
  })
})

describe('a job', () => {
  test('owes something until all of it has ended', async () => {
    const store = await owing([{}, {}, { job: 2, event: 2 }])
    for (const seq of [1, 2]) {
      expect(store.deliveries.owed(1)).toBe(true)
      await write(store, () => store.deliveries.end(seq, 'delivered', 1, 9))
    }
    expect([store.deliveries.owed(1), store.deliveries.owed(2)]).toEqual([false, true])
  })

  test('whose receiver is gone: its webhooks that wait are given up, pushes and others are not', async () => {
    const push = { kind: 'artifact', body: null, artifact: 'a.txt' } as const
    const store = await owing([{}, push, {}, { job: 2, event: 2 }])
    await write(store, () => store.deliveries.end(1, 'delivered', 1, 9))
    await write(store, () => {
      store.deliveries.silence(1, 9)
      store.jobs.leave(1)
    })
    expect(states(store)).toEqual(['delivered', 'pending', 'gave_up', 'pending'])
    expect([store.jobs.at(1)?.webhook, store.jobs.at(2)?.webhook]).toEqual([null, '{}'])
  })
})

test('what an earlier version wrote gets its host', () => {
  const folder = temporaryFolder()
  const [old, all] = [temporaryFolder(), join(import.meta.dirname, 'migrations')]
  for (const name of readdirSync(all).filter((name) => name < '0005')) cpSync(join(all, name), join(old, name))
  const { db, close } = openDatabase(folder, process.pid, old)
  db.pragma('foreign_keys = OFF')
  db.exec(`INSERT INTO delivery (id, job, event, kind, url, body, state, tries, due, created_at)
    VALUES ('msg_1', 1, 1, 'webhook', 'https://user:pass@B.example/x?y', x'7b7d', 'pending', 0, 1, 1)`)
  close()
  const opened = openDatabase(folder, process.pid)
  afterwards(() => opened.close())
  expect(opened.db.prepare('SELECT host FROM delivery').pluck().all()).toEqual(['https://b.example'])
})

describe('the log of tries', () => {
  test('goes on by itself, oldest first', async () => {
    const store = await owing([{}, {}])
    const refused = { at: 1, status: null, reason: 'the connection was refused', ms: 3, answer: null }
    const taken = { at: 2, status: 204, reason: null, ms: 4, answer: '' }
    for (const row of [refused, taken]) await write(store, () => store.tries.add(1, row))
    expect(store.tries.ofDelivery(1)).toEqual([refused, taken])
    expect(store.tries.ofDelivery(2)).toEqual([])
  })

  test('keeps the last fifty of a delivery', async () => {
    const store = await owing([{}])
    const row = { status: 500, reason: null, ms: 1, answer: 'no' }
    await write(store, () => {
      for (let at = 1; at <= 60; at++) store.tries.add(1, { ...row, at })
    })
    expect(store.tries.ofDelivery(1).map(({ at }) => at)).toEqual(Array.from({ length: 50 }, (_, i) => i + 11))
  })
})
