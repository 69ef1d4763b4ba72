import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as tick, setTimeout as later } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { ForemanError } from '../job/error.ts'
import { GroupCommit, storageError, type CommitOptions } from './commit.ts'
import { openDatabase } from './database.ts'
import { afterwards, look, rows, temporaryFolder } from './store.harness.ts'

function setup(options: CommitOptions = {}) {
  const folder = temporaryFolder()
  const { db, close } = openDatabase(folder, process.pid)
  afterwards(close)
  const commit = new GroupCommit(db, options)
  const insert = db.prepare('INSERT INTO setting VALUES (?, ?)')
  const put = (name: string, value = '') => commit.run('put', () => insert.run(name, value).changes)
  return { folder, db, commit, put, disk: look(folder) }
}

/** Commits in the write-ahead log: frames that tell the size of the database after them. */
function commitsIn(folder: string): number {
  const log = readFileSync(join(folder, 'foreman.db-wal'))
  const frame = 24 + log.readUInt32BE(8)
  let commits = 0
  for (let at = 32; at + frame <= log.length; at += frame) if (log.readUInt32BE(at + 4) > 0) commits += 1
  return commits
}

const settled = async (promises: Promise<unknown>[]) =>
  (await Promise.allSettled(promises)).map((p) => (p.status === 'fulfilled' ? p.value : (p.reason as Error).message))

describe('the writes of one tick', () => {
  test('share one transaction, a later tick has its own', async () => {
    const commits: number[] = []
    const { put } = setup({ onCommit: ({ writes }) => commits.push(writes) })
    await Promise.all(Array.from({ length: 64 }, (_, i) => put(`a${i}`)))
    expect(commits).toEqual([64])
    await put('b')
    expect(commits).toEqual([64, 1])
  })

  test('are one commit in the log on disk, and so one fsync', async () => {
    const { folder, put } = setup()
    const before = commitsIn(folder)
    await Promise.all(Array.from({ length: 64 }, (_, i) => put(`a${i}`)))
    expect(commitsIn(folder) - before).toBe(1)
    await put('b')
    await put('c')
    expect(commitsIn(folder) - before).toBe(3)
  })

  test('that are asked for while it commits go into the next one', async () => {
    const commits: number[] = []
    const { commit, put } = setup({ onCommit: ({ writes }) => commits.push(writes) })
    let inner: Promise<unknown> | undefined
    await commit.run('outer', () => {
      inner = put('inner')
    })
    await inner
    expect(commits).toEqual([1, 1])
  })

  test('wait for nobody: a lone one is on disk after the next turn of the loop', async () => {
    const { put, disk } = setup()
    void put('a')
    expect(rows(disk, 'setting')).toBe(0)
    await tick()
    expect(rows(disk, 'setting')).toBe(1)
  })

  test('settle with what they made', async () => {
    const { commit } = setup()
    expect(await commit.run('x', () => ({ made: 1 }))).toEqual({ made: 1 })
    expect(await commit.run('x', () => undefined)).toBeUndefined()
  })

  test('tell how long they held the loop', async () => {
    const times: number[] = []
    const { put } = setup({ onCommit: ({ ms }) => times.push(ms) })
    await put('a')
    expect(times[0]).toBeGreaterThan(0)
    expect(times[0]).toBeLessThan(5000)
  })

  test('are committed at once when a flush is asked for, and nothing is left for the tick', async () => {
    const commits: number[] = []
    const { commit, put, disk } = setup({ onCommit: ({ writes }) => commits.push(writes) })
    const promise = put('a')
    commit.flush()
    expect(rows(disk, 'setting')).toBe(1)
    await promise
    await tick()
    commit.flush()
    expect(commits).toEqual([1])
  })
})

describe('a bad write', () => {
  test('never spoils the others', async () => {
    const { commit, put, disk } = setup()
    const bad = commit.run('bad', () => {
      throw new ForemanError('conflict', 'no')
    })
    expect(await settled([put('a'), bad, put('a'), put('b')])).toEqual([
      1,
      'no',
      'UNIQUE constraint failed: setting.name',
      1,
    ])
    expect(disk.prepare('SELECT name FROM setting ORDER BY name').pluck().all()).toEqual(['a', 'b'])
  })

  test('that had written something leaves nothing of it', async () => {
    const { db, commit, put, disk } = setup()
    const half = commit.run('half', () => {
      db.exec("INSERT INTO setting VALUES ('half', '')")
      throw new Error('half')
    })
    expect(await settled([half, put('whole')])).toEqual(['half', 1])
    expect(disk.prepare('SELECT name FROM setting').pluck().all()).toEqual(['whole'])
  })

  test('is told exactly what it threw', async () => {
    const { commit } = setup()
    const error = new ForemanError('queue_full', 'full', { retryAfterS: 30 })
    await expect(
      commit.run('x', () => {
        throw error
      }),
    ).rejects.toBe(error)
  })
})

describe('a promise settles only after the commit that holds its write', () => {
  test('the moments are told in their order, for each write by its label', async () => {
    const seen: string[] = []
    const { db, commit, disk } = setup({ fault: (point) => seen.push(`${point} ${rows(disk, 'setting')} on disk`) })
    const write = (label: string) =>
      commit
        .run(label, () => db.prepare('INSERT INTO setting VALUES (?, ?)').run(label, ''))
        .then(() => seen.push(`${label} settled`))
    await Promise.all([write('submit'), write('finish')])
    expect(seen).toEqual([
      'submit:before 0 on disk',
      'finish:before 0 on disk',
      'submit:inside 0 on disk',
      'finish:inside 0 on disk',
      'submit:after 2 on disk',
      'finish:after 2 on disk',
      'submit settled',
      'finish settled',
    ])
  })

  test('a write that threw settles no sooner than the others', async () => {
    const seen: string[] = []
    const { commit } = setup({ fault: (point) => seen.push(point) })
    const bad = commit.run('bad', () => {
      throw new Error('no')
    })
    await bad.catch(() => seen.push('settled'))
    expect(seen).toEqual(['bad:before', 'bad:inside', 'bad:after', 'settled'])
  })
})

describe('a disk that is full', () => {
  const big = 'x'.repeat(200_000)

  function full(options?: CommitOptions) {
    const made = setup(options)
    const pages = Number(made.db.pragma('page_count', { simple: true }))
    const room = (more: number) => made.db.pragma(`max_page_count = ${pages + more}`)
    return { ...made, room }
  }

  test('is storage_full for every write of the tick, the small ones too, and nothing of them is half there', async () => {
    const { put, disk, room } = full()
    await put('before')
    room(5)
    const failed = await Promise.allSettled([put('small'), put('big', big), put('later')])
    for (const one of failed) expect(one).toMatchObject({ status: 'rejected', reason: { code: 'storage_full' } })
    expect(disk.prepare('SELECT name FROM setting').pluck().all()).toEqual(['before'])
  })

  test('goes on as soon as there is room again', async () => {
    const { db, put, disk, room } = full()
    room(5)
    await expect(put('big', big)).rejects.toMatchObject({ code: 'storage_full', cause: { code: 'SQLITE_FULL' } })
    expect(db.inTransaction).toBe(false)
    room(1000)
    await put('big', big)
    expect(rows(disk, 'setting')).toBe(1)
  })

  test('undoes a transaction that SQLite itself has left open', async () => {
    let failing = true
    const { db, put, disk } = setup({
      fault: (point) => {
        if (failing && point === 'put:inside') throw Object.assign(new Error('x'), { code: 'SQLITE_IOERR_WRITE' })
      },
    })
    await expect(put('a')).rejects.toMatchObject({ code: 'storage_full' })
    expect(db.inTransaction).toBe(false)
    failing = false
    await put('b')
    expect(disk.prepare('SELECT name FROM setting').pluck().all()).toEqual(['b'])
  })

  test.each(['submit', 'ready'])(
    'is told until a %s goes through: what is smaller fits where no job does',
    async (label) => {
      let taken = 0
      const made = full({ onTaken: () => taken++ })
      made.room(5)
      await expect(made.put('big', big)).rejects.toMatchObject({ code: 'storage_full' })
      await made.put('small')
      expect([made.commit.refusal, taken]).toEqual(['database or disk is full', 0])
      for (let i = 0; i < 2; i++) await made.commit.run(label, () => undefined)
      expect([made.commit.refusal, taken]).toEqual([null, 1])
    },
  )

  test('is told with what the disk said', async () => {
    const { put, room } = full()
    room(5)
    await expect(put('big', big)).rejects.toThrow('the job was not stored: database or disk is full')
  })
})

describe('another program that holds the write lock', () => {
  test('makes writes wait, not the event loop, and they are stored in their order once it lets go', async () => {
    const commits: number[] = []
    const { put, disk } = setup({ onCommit: ({ writes }) => commits.push(writes) })
    disk.exec('BEGIN IMMEDIATE')
    let longest = 0
    let last = performance.now()
    const beat = setInterval(() => {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }, 1)
    const first = put('a')
    await later(60)
    const second = put('b')
    await later(60)
    clearInterval(beat)
    disk.exec('COMMIT')
    await Promise.all([first, second])
    expect(commits).toEqual([2])
    expect(disk.prepare('SELECT name FROM setting ORDER BY name').pluck().all()).toEqual(['a', 'b'])
    expect(longest).toBeLessThan(150)
  })

  test('for too long makes the store fail at once, and only until it lets go', async () => {
    const { commit, put, disk } = setup({ patience_ms: 50 })
    disk.exec('BEGIN IMMEDIATE')
    await expect(put('a')).rejects.toMatchObject({ code: 'storage_full' })
    expect(commit.refusal).toBe('database is locked')
    const told = put('b')
    commit.flush()
    await expect(told).rejects.toMatchObject({ code: 'storage_full' })
    disk.exec('COMMIT')
    await commit.run('submit', () => undefined)
    expect([commit.refusal, rows(disk, 'setting')]).toEqual([null, 0])
  })

  test('keeps nobody waiting for a store that is closed', async () => {
    const { commit, put, disk } = setup()
    disk.exec('BEGIN IMMEDIATE')
    const promise = put('a')
    commit.close()
    await expect(promise).rejects.toMatchObject({ code: 'storage_full' })
  })
})

test('a database that is closed refuses, and does not take the process along', async () => {
  const { db, put } = setup()
  const promise = put('a')
  db.close()
  await expect(promise).rejects.toThrow(/not open/)
})

test.each([
  ['SQLITE_FULL', true],
  ['SQLITE_IOERR_WRITE', true],
  ['SQLITE_READONLY', true],
  ['SQLITE_CANTOPEN', true],
  ['SQLITE_BUSY', true],
  ['SQLITE_CORRUPT', true],
  ['SQLITE_CONSTRAINT_UNIQUE', false],
  ['ENOENT', false],
  [undefined, false],
])('%s is a matter of the disk: %s', (code, disk) => {
  const error = Object.assign(new Error('x'), { code })
  const told = storageError(error)
  if (disk) expect(told).toMatchObject({ code: 'storage_full', cause: error })
  else expect(told).toBe(error)
})

describe('a write that can wait', () => {
  test('shares the transaction that somebody else needs, and is written at the close where nobody does', async () => {
    const { db, close } = openDatabase(temporaryFolder(), process.pid)
    afterwards(close)
    db.exec('CREATE TABLE kept (n INTEGER)')
    const put = db.prepare('INSERT INTO kept VALUES (?)')
    const commits: number[] = []
    const commit = new GroupCommit(db, { onCommit: ({ writes }) => commits.push(writes) })
    const first = commit.along('learn', 'one', () => put.run(1).changes)
    await tick()
    await tick()
    expect(commits).toEqual([])
    await commit.run('submit', () => put.run(2))
    expect([await first, commits]).toEqual([1, [2]])
    const last = commit.along('learn', 'one', () => put.run(3).changes)
    commit.close()
    expect([await last, commits]).toEqual([1, [2, 1]])
  })

  test('is written by itself after some time, and of one name only the last is', async () => {
    const { db, close } = openDatabase(temporaryFolder(), process.pid)
    afterwards(close)
    db.exec('CREATE TABLE kept (n INTEGER)')
    const put = db.prepare('INSERT INTO kept VALUES (?)')
    const commits: number[] = []
    const commit = new GroupCommit(db, { onCommit: ({ writes }) => commits.push(writes), along_ms: 1 })
    const written = [1, 2, 3].map((n) => commit.along('learn', 'one', () => put.run(n).changes))
    written.push(commit.along('learn', 'another', () => put.run(4).changes))
    expect(await Promise.all(written)).toEqual([1, 1, 1, 1])
    expect([db.prepare('SELECT n FROM kept').pluck().all(), commits]).toEqual([[3, 4], [2]])
    await commit.along('learn', 'one', () => put.run(5))
    expect(commits).toEqual([2, 1])
  })
})
