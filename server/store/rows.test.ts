// The smaller tables: keys, events, artifacts, deliveries, settings.
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { EventRow } from './events.ts'
import type { Store } from './store.ts'
import { look, newJob, openStore, rows, temporaryFolder } from './store.harness.ts'

const write = <T>(store: Store, apply: () => T) => store.commit.run('test', apply)

const event = (seq: number, more: Partial<EventRow> = {}): EventRow => ({
  seq,
  job: 1,
  state: 'queued',
  happening: 'submit',
  at: 1,
  steady: seq * 10,
  attempt: 0,
  ...more,
})

/** A store with job 1 in it. */
async function withJob(folder = temporaryFolder()): Promise<Store> {
  const store = openStore({ folder })
  await write(store, () => {
    store.affinities.idOf('m:latest', 'm:latest')
    store.jobs.insert(newJob(1))
  })
  return store
}

describe('affinity keys', () => {
  test('have one id each, made on first use and found ever after', async () => {
    const folder = temporaryFolder()
    const store = openStore({ folder })
    const [a, b, again] = await write(store, () =>
      ['a', 'b', 'a'].map((key) => store.affinities.idOf(key, `${key}:latest`)),
    )
    expect(a).not.toBe(b)
    expect(again).toBe(a)
    store.affinities.remember('a', a as number)
    expect(await write(store, () => store.affinities.idOf('a', 'a:latest'))).toBe(a)
    store.close()
    const next = openStore({ folder })
    expect(await write(next, () => next.affinities.idOf('b', 'b:latest'))).toBe(b)
    expect(next.affinities.all()).toEqual([
      { id: a, key: 'a', model: 'a:latest', last_start: null },
      { id: b, key: 'b', model: 'b:latest', last_start: null },
    ])
  })

  test('of a write that was undone are not remembered: the id may be another’s by then', async () => {
    const store = openStore()
    const failed = write(store, () => {
      store.affinities.idOf('undone', 'm')
      throw new Error('no')
    })
    await expect(failed).rejects.toThrow('no')
    const other = await write(store, () => store.affinities.idOf('other', 'm'))
    const undone = await write(store, () => store.affinities.idOf('undone', 'm'))
    expect(undone).not.toBe(other)
  })

  test('remember when a job of theirs last started', async () => {
    const store = openStore()
    const id = await write(store, () => store.affinities.idOf('a', 'a'))
    await write(store, () => store.affinities.started(id, 77))
    expect(store.affinities.all()).toEqual([{ id, key: 'a', model: 'a', last_start: 77 }])
  })

  test('may be very many: what is remembered has an end, and ids stay right beyond it', async () => {
    const store = openStore()
    const id = await write(store, () => store.affinities.idOf('first', 'm'))
    store.affinities.remember('first', id)
    for (let i = 0; i < 10_050; i++) store.affinities.remember(`k${i}`, i + 100)
    expect(await write(store, () => store.affinities.idOf('first', 'm'))).toBe(id)
  })
})

describe('events', () => {
  test('have numbers that go on after a restart and are never given twice, not even those of erased jobs', async () => {
    const folder = temporaryFolder()
    const store = await withJob(folder)
    await write(store, () => {
      for (const seq of [store.events.next(), store.events.next()]) store.events.append(event(seq))
    })
    await write(store, () => store.jobs.remove(1))
    store.close()
    const next = openStore({ folder })
    expect(rows(look(folder), 'event')).toBe(0)
    expect(next.events.next()).toBe(3)
  })

  test('of one job are listed in order, all or after one', async () => {
    const store = await withJob()
    await write(store, () => {
      store.jobs.insert(newJob(9))
      for (const seq of [1, 2, 3, 4]) store.events.append(event(seq, { job: seq === 3 ? 9 : 1 }))
    })
    expect(store.events.ofJob(1).map(({ seq }) => seq)).toEqual([1, 2, 4])
    expect(store.events.ofJob(1, 2)).toEqual([event(4)])
    expect(store.events.ofJob(7)).toEqual([])
  })

  test('tell the steady time of the newest one', async () => {
    const folder = temporaryFolder()
    const store = await withJob(folder)
    expect(store.events.lastSteady).toBe(0)
    await write(store, () => [2, 5].forEach((seq) => store.events.append(event(seq))))
    store.close()
    expect(openStore({ folder }).events.lastSteady).toBe(50)
  })

  test('leave an id behind when their job is erased', async () => {
    const store = openStore()
    expect(store.events.buriedAt('job_1')).toBeUndefined()
    await write(store, () => store.events.bury('job_1', 5))
    expect(store.events.buriedAt('job_1')).toBe(5)
  })

  test('forget the ids of jobs that were erased long ago', async () => {
    const store = openStore()
    expect(store.events.oldestBurial()).toBeUndefined()
    await write(store, () => [5, 6, 7].forEach((at) => store.events.bury(`job_${at}`, at)))
    expect(store.events.oldestBurial()).toBe(5)
    await write(store, () => store.events.forget(6))
    expect([5, 6, 7].map((at) => store.events.buriedAt(`job_${at}`))).toEqual([undefined, 6, 7])
  })
})

describe('artifacts', () => {
  const artifact = (name: string, blob: number) => ({
    job: 1,
    name,
    content_type: 'text/plain',
    size_bytes: 3,
    sha256: 'a'.repeat(64),
    blob,
    partial: 0 as const,
  })

  test('are listed by name, found one by one, and dropped with the blobs they leave', async () => {
    const store = await withJob()
    const attached: number[] = []
    const staged = (blob: number) => ({ blob, size: 3, attach: () => attached.push(blob), discard: () => {} })
    await write(store, () => {
      for (const { name, content_type, sha256, blob } of [artifact('b', 8), artifact('a', 7)])
        store.artifacts.attach(1, { name, content_type, sha256, staged: staged(blob) }, false)
    })
    expect(attached).toEqual([8, 7])
    expect(store.artifacts.ofJob(1)).toEqual([artifact('a', 7), artifact('b', 8)])
    expect(store.artifacts.one(1, 'b')).toEqual(artifact('b', 8))
    expect(store.artifacts.one(1, '../b')).toBeUndefined()
    expect(store.artifacts.one(2, 'b')).toBeUndefined()
    expect((await write(store, () => store.artifacts.removeAll(1))).sort()).toEqual([7, 8])
    expect(store.artifacts.ofJob(1)).toEqual([])
  })
})

describe('deliveries', () => {
  test('wait from the moment they are written, with no try behind them', async () => {
    const folder = temporaryFolder()
    const store = await withJob(folder)
    await write(store, () => {
      store.events.append(event(1))
      const base = { job: 1, event: 1, url: 'https://a/', due: 10, created_at: 5 }
      store.deliveries.insert({ ...base, id: 'msg_1', kind: 'webhook', body: Buffer.from('{}'), artifact: null })
      store.deliveries.insert({ ...base, id: 'msg_2', kind: 'artifact', body: null, artifact: 'a.txt' })
    })
    expect(store.deliveries.pending()).toBe(2)
    const db = look(folder)
    expect(db.prepare('SELECT id, state, tries, due, ended_at FROM delivery ORDER BY seq').all()).toEqual([
      { id: 'msg_1', state: 'pending', tries: 0, due: 10, ended_at: null },
      { id: 'msg_2', state: 'pending', tries: 0, due: 10, ended_at: null },
    ])
    db.exec("UPDATE delivery SET state = 'delivered', due = NULL, ended_at = 9 WHERE id = 'msg_1'")
    expect(store.deliveries.pending()).toBe(1)
  })
})

describe('settings', () => {
  test('are found again after a restart, the last value of each', async () => {
    const folder = temporaryFolder()
    const store = openStore({ folder })
    expect(store.settings.get('paused')).toBeUndefined()
    await write(store, () => store.settings.set('paused', '1'))
    await write(store, () => store.settings.set('paused', '0'))
    store.close()
    expect(openStore({ folder }).settings.get('paused')).toBe('0')
  })
})

describe('the store', () => {
  test('knows its size on disk, log included', async () => {
    const folder = temporaryFolder()
    const store = openStore({ folder })
    const size = (name: string) => statSync(join(folder, name)).size
    expect(store.size()).toBe(size('foreman.db') + size('foreman.db-wal'))
    const before = store.size()
    await write(store, () => store.settings.set('x', 'x'.repeat(100_000)))
    expect(store.size()).toBeGreaterThan(before + 100_000)
  })

  test('commits what is pending when it closes, and can be closed twice', async () => {
    const folder = temporaryFolder()
    const store = openStore({ folder })
    const promise = write(store, () => store.settings.set('last', 'word'))
    store.close()
    await promise
    store.close()
    expect(openStore({ folder }).settings.get('last')).toBe('word')
  })

  test('says why it cannot be written', () => {
    expect(openStore().unwritable).toBeNull()
    const folder = '/sys/there-is-no-such-folder'
    if (process.platform === 'linux') expect(openStore({ folder }).unwritable).toMatch(/\w/)
  })
})
