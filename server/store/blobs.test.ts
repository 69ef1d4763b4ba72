import { createHash, randomBytes } from 'node:crypto'
import { setImmediate as tick } from 'node:timers/promises'
import * as fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { Blobs, type StagedBlob } from './blobs.ts'
import { GroupCommit } from './commit.ts'
import { openDatabase } from './database.ts'
import { afterwards, look, openStore, rows, temporaryFolder } from './store.harness.ts'
import type { Store } from './store.ts'

const KiB = 1024
const MiB = 1024 * KiB

let folder: string
let store: Store
let commits: string[]
/** The moment of a commit at which the disk refuses. */
let refused: string

beforeEach(() => {
  folder = temporaryFolder()
  commits = []
  refused = ''
  const fault = (point: string) => {
    commits.push(point)
    if (point === refused) throw Object.assign(new Error('disk is full'), { code: 'SQLITE_FULL' })
  }
  store = openStore({ folder, fault })
})

/** Refers to the blob, as a job does. */
const attach = (staged: StagedBlob) => store.commit.run('attach', () => staged.attach())
const bytesOf = (blobs: Blobs, blob: number, start?: number, end?: number) =>
  Buffer.concat([...blobs.read(blob, start, end)])
const disk = (table: string) => rows(look(folder), table)

/** Stages, refers, and answers the number. */
async function stored(bytes: readonly Buffer[]): Promise<number> {
  const staged = await store.blobs.stage(bytes)
  await attach(staged)
  return staged.blob
}

describe('bytes of any size', () => {
  test.each([
    ['none', 0, 1],
    ['one', 1, 1],
    ['one less than a piece', 256 * KiB - 1, 1],
    ['a piece', 256 * KiB, 1],
    ['one more than a piece', 256 * KiB + 1, 2],
    ['one less than a step', MiB - 1, 4],
    ['a step', MiB, 4],
    ['one more than a step', MiB + 1, 5],
    ['several steps', 3 * MiB + 7, 13],
  ])('%s come out as they went in', async (_, size, pieces) => {
    const bytes = randomBytes(size)
    const staged = await store.blobs.stage([bytes])
    expect(staged.size).toBe(size)
    await attach(staged)
    expect(bytesOf(store.blobs, staged.blob).equals(bytes)).toBe(true)
    expect(disk('chunk')).toBe(pieces)
    expect(disk('loose')).toBe(0)
  })

  test('and so do those that came in buffers cut anywhere', async () => {
    const sizes = fc.array(fc.oneof(fc.nat(40), fc.nat(600 * KiB)), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(sizes, async (list) => {
        const buffers = list.map((size) => randomBytes(size))
        const blob = await stored(buffers)
        expect(bytesOf(store.blobs, blob).equals(Buffer.concat(buffers))).toBe(true)
      }),
      { numRuns: 25 },
    )
  })

  test('each has a number of its own, after a restart too, and even when there was nothing in it', async () => {
    const first = await stored([])
    const second = await stored([Buffer.from('b')])
    expect(second).toBe(first + 1)
    const last = await stored([])
    store.close()
    store = openStore({ folder })
    const next = await stored([Buffer.from('c')])
    expect(next).toBe(last + 1)
    expect(bytesOf(store.blobs, last).length).toBe(0)
    expect(bytesOf(store.blobs, second).toString()).toBe('b')
  })

  test('small ones are written by their reference and by nothing before it', async () => {
    const staged = await store.blobs.stage([randomBytes(MiB)])
    expect(commits).toEqual([])
    expect(disk('chunk')).toBe(0)
    staged.discard()
    await tick()
    expect(disk('chunk')).toBe(0)
  })
})

describe('several at once', () => {
  test('are written by their references while they are small together', async () => {
    const all = Array.from({ length: 4 }, () => [randomBytes(256 * KiB)])
    const staged = await store.blobs.stageAll(all)
    expect([commits, disk('chunk')]).toEqual([[], 0])
    await store.commit.run('attach', () => staged.forEach((one) => one.attach()))
    expect(staged.map(({ blob }) => bytesOf(store.blobs, blob))).toEqual(all.flat())
  })

  test('share commits of a MiB each otherwise, and their references one that writes none of their bytes', async () => {
    const all = Array.from({ length: 100 }, () => [randomBytes(60_000)])
    const staged = await store.blobs.stageAll(all)
    // 14 of them leave less than a piece of a MiB.
    expect(commits.filter((point) => point === 'blob:after')).toHaveLength(Math.ceil(100 / 14))
    expect([disk('chunk'), disk('loose')]).toEqual([100, 100])
    await store.commit.run('attach', () => staged.forEach((one) => one.attach()))
    expect(disk('loose')).toBe(0)
    expect(staged.map(({ blob }) => bytesOf(store.blobs, blob))).toEqual(all.flat())
  })

  test('are all erased when the disk is full in the middle of them', async () => {
    const { db, close } = openDatabase(temporaryFolder(), process.pid)
    afterwards(close)
    const blobs = new Blobs(db, new GroupCommit(db))
    db.pragma(`max_page_count = ${Number(db.pragma('page_count', { simple: true })) + 400}`)
    const staging = blobs.stageAll(Array.from({ length: 40 }, () => [randomBytes(60_000)]))
    await expect(staging).rejects.toMatchObject({ code: 'storage_full' })
    await blobs.sweep()
    expect([rows(db, 'chunk'), rows(db, 'loose')]).toEqual([0, 0])
  })
})

describe('60 MB', () => {
  test('are written over many ticks of a few pieces, and the loop goes round between them', async () => {
    const bytes = Buffer.alloc(60 * MiB, 'foreman')
    let turns = 0
    let turning: NodeJS.Immediate
    const turn = () => {
      turns += 1
      turning = setImmediate(turn)
    }
    turn()
    const staged = await store.blobs.stage([bytes])
    clearImmediate(turning!)
    expect(turns).toBeGreaterThanOrEqual(60)
    // The first one says that they are loose, too.
    expect(commits.filter((point) => point === 'blob:after')).toHaveLength(60)
    expect(disk('loose')).toBe(1)

    await attach(staged)
    expect(disk('loose')).toBe(0)
    const hash = createHash('sha256')
    for (const piece of store.blobs.read(staged.blob)) {
      expect(piece.length).toBe(256 * KiB)
      hash.update(piece)
    }
    expect(hash.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'))
  })

  test('that come in many small buffers are put together piece by piece, not all at once', async () => {
    const part = Buffer.alloc(1000, 'x')
    const concat = Buffer.concat
    const sizes: number[] = []
    Buffer.concat = (list, total) => {
      const made = concat(list, total)
      sizes.push(made.length)
      return made
    }
    afterwards(() => (Buffer.concat = concat))
    let before = -1
    const staging = store.blobs.stage(Array.from({ length: 8000 }, () => part))
    while (!commits.includes('blob:after')) {
      await tick()
      before = sizes.length
    }
    await staging
    Buffer.concat = concat
    expect(before).toBeLessThanOrEqual(8)
    expect(Math.max(...sizes)).toBe(256 * KiB)
  })
})

describe('a range', () => {
  test('of bytes is exactly those bytes, wherever pieces end', async () => {
    const bytes = randomBytes(2 * MiB + 5)
    const blob = await stored([bytes])
    const ranges: [number, number][] = [
      [0, 1],
      [0, 0],
      [256 * KiB - 1, 256 * KiB + 1],
      [256 * KiB, 512 * KiB],
      [100, 2 * MiB],
      [2 * MiB, 2 * MiB + 5],
      [2 * MiB + 4, 9 * MiB],
      [2 * MiB + 5, 9 * MiB],
      [9 * MiB, 10 * MiB],
    ]
    for (const [start, end] of ranges)
      expect(bytesOf(store.blobs, blob, start, end).equals(bytes.subarray(start, end))).toBe(true)
    fc.assert(
      fc.property(fc.nat(3 * MiB), fc.nat(3 * MiB), (start, length) => {
        expect(bytesOf(store.blobs, blob, start, start + length).equals(bytes.subarray(start, start + length))).toBe(
          true,
        )
      }),
      { numRuns: 30 },
    )
  })

  test('reads only the pieces it needs, as they are asked for', async () => {
    const blob = await stored([randomBytes(MiB)])
    const pieces = store.blobs.read(blob)
    expect(pieces.next().value?.length).toBe(256 * KiB)
    await store.commit.run('test', () => store.blobs.release(blob))
    await store.blobs.sweep()
    expect(pieces.next().done).toBe(true)
  })

  test('of a blob that is not there has no bytes', () => {
    expect([...store.blobs.read(99)]).toEqual([])
  })
})

describe('what nobody refers to', () => {
  test('is erased after it was let go, in small steps', async () => {
    const kept = await stored([randomBytes(2 * MiB)])
    const blob = await stored([randomBytes(3 * MiB)])
    commits = []
    await store.commit.run('delete', () => store.blobs.release(blob))
    expect(disk('chunk')).toBe(20)
    await store.blobs.sweep()
    expect(disk('chunk')).toBe(8)
    expect(disk('loose')).toBe(0)
    // Three steps of a MiB, and one that finds nothing more and forgets the number.
    expect(commits.filter((point) => point === 'sweep:after')).toHaveLength(4)
    expect(bytesOf(store.blobs, kept).length).toBe(2 * MiB)
  })

  test('is erased many at a time when it is small, as many as cost no more than a large piece or four', async () => {
    const blobs = await Promise.all(Array.from({ length: 200 }, (_, i) => stored([randomBytes(1 + i)])))
    commits = []
    await store.commit.run('delete', () => blobs.forEach((blob) => store.blobs.release(blob)))
    await store.blobs.sweep()
    expect([disk('chunk'), disk('loose')]).toEqual([0, 0])
    const steps = commits.filter((point) => point === 'sweep:after').length
    expect(steps).toBeGreaterThan(3)
    expect(steps).toBeLessThan(20)
  })

  test('since foreman was killed while it wrote is erased at the next start, and its number is not given to another', async () => {
    const kept = await stored([Buffer.from('kept')])
    const orphan = await store.blobs.stage([randomBytes(2 * MiB)])
    // The reference never comes: the process ends here.
    store.close()
    store = openStore({ folder })
    expect(disk('loose')).toBe(1)
    const swept = store.blobs.sweep()
    const blob = await stored([randomBytes(3 * MiB)])
    await swept
    expect(blob).toBeGreaterThan(orphan.blob)
    expect(disk('loose')).toBe(0)
    expect(disk('chunk')).toBe(1 + 12)
    expect(bytesOf(store.blobs, kept).toString()).toBe('kept')
  })

  test('since it was killed before the first byte is forgotten, and its number is not given to another', async () => {
    look(folder).exec('INSERT INTO loose VALUES (7)')
    store.close()
    store = openStore({ folder })
    const swept = store.blobs.sweep()
    const blob = await stored([Buffer.from('not yours to erase')])
    await swept
    expect(blob).toBe(8)
    expect(disk('loose')).toBe(0)
    expect(bytesOf(store.blobs, blob).toString()).toBe('not yours to erase')
  })

  test('because its reference was undone is erased when it is discarded', async () => {
    const staged = await store.blobs.stage([randomBytes(2 * MiB)])
    const undone = store.commit.run('attach', () => {
      staged.attach()
      throw new Error('no')
    })
    await expect(undone).rejects.toThrow('no')
    staged.discard()
    await store.blobs.sweep()
    expect([disk('chunk'), disk('loose')]).toEqual([0, 0])
  })

  test('because the disk was full in the middle of it is erased, the caller is told, and what fits is taken', async () => {
    const { db, close } = openDatabase(temporaryFolder(), process.pid)
    afterwards(close)
    const blobs = new Blobs(db, new GroupCommit(db))
    db.pragma(`max_page_count = ${Number(db.pragma('page_count', { simple: true })) + 700}`)
    await expect(blobs.stage([randomBytes(5 * MiB)])).rejects.toMatchObject({ code: 'storage_full' })
    await blobs.sweep()
    expect([rows(db, 'chunk'), rows(db, 'loose')]).toEqual([0, 0])
    await blobs.stage([randomBytes(2 * MiB)])
    expect(rows(db, 'chunk')).toBe(8)
  })

  test('is never what is being staged beside a sweep', async () => {
    const staging = Array.from({ length: 5 }, (_, i) => store.blobs.stage([randomBytes(2 * MiB + i)]))
    const sweeps = Array.from({ length: 20 }, async () => {
      await tick()
      await store.blobs.sweep()
    })
    const staged = await Promise.all(staging)
    await Promise.all(sweeps)
    await Promise.all(staged.map(attach))
    await store.blobs.sweep()
    for (const [i, { blob }] of staged.entries()) expect(bytesOf(store.blobs, blob).length).toBe(2 * MiB + i)
    expect(disk('loose')).toBe(0)
  })

  test('is found even when it is let go in the very moment a sweep ends', async () => {
    const staged = await store.blobs.stage([randomBytes(2 * MiB)])
    // The sweep has looked, found nothing but what is being staged, and has not ended yet.
    void store.blobs.sweep()
    staged.discard()
    for (let i = 0; i < 20; i++) await tick()
    expect([disk('chunk'), disk('loose')]).toEqual([0, 0])
  })

  test('stays for the next sweep when the disk refuses, and the process goes on', async () => {
    const blob = await stored([Buffer.from('x')])
    await store.commit.run('delete', () => store.blobs.release(blob))
    refused = 'sweep:inside'
    await store.blobs.sweep()
    expect(disk('loose')).toBe(1)
    refused = ''
    await store.blobs.sweep()
    expect([disk('chunk'), disk('loose')]).toEqual([0, 0])
  })

  test('does not stop a close', async () => {
    const blob = await stored([randomBytes(4 * MiB)])
    await store.commit.run('delete', () => store.blobs.release(blob))
    const swept = store.blobs.sweep()
    await tick()
    store.close()
    await swept
    store = openStore({ folder })
    await store.blobs.sweep()
    expect([disk('chunk'), disk('loose')]).toEqual([0, 0])
  })
})
