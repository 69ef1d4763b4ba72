import { expect, test } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { ForemanError } from '../job/error.ts'
import { Keeper } from './keeper.ts'

/** A disk that is full until it is told otherwise, and what was written to it. */
function open() {
  const clock = new VirtualClock()
  const told: boolean[] = []
  const keeper = new Keeper({ clock, onStorage: (failing) => told.push(failing) })
  const disk = { full: true, written: [] as string[], tries: 0 }
  const write = (what: string) =>
    keeper.keep(async () => {
      disk.tries++
      if (disk.full) throw new ForemanError('storage_full', 'the disk is full')
      disk.written.push(what)
      return what
    })
  return { clock, told, keeper, disk, write }
}

async function turns(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
}

test('all that the disk refuses is tried again every 5 s until it is taken, and that is told once', async () => {
  const { clock, told, keeper, disk, write } = open()
  const all = Promise.all(['a', 'b', 'c'].map(write))
  await turns()
  expect([keeper.failing, told, disk.tries]).toEqual([true, [true], 3])
  clock.advance(5000)
  await turns()
  expect([told, disk.tries]).toEqual([[true], 6])
  disk.full = false
  clock.advance(4999)
  expect(disk.written).toEqual([])
  clock.advance(1)
  expect(await all).toEqual(['a', 'b', 'c'])
  expect([keeper.failing, told]).toEqual([false, [true, false]])
})

test.each([
  [false, ['fulfilled', 'fulfilled']],
  [true, ['rejected', 'rejected']],
])('a stop tries all of it once more at once, and keeps nothing longer: disk full, %s', async (full, ends) => {
  const { keeper, disk, write } = open()
  const all = Promise.allSettled(['a', 'b'].map(write))
  await turns()
  disk.full = full
  keeper.stop()
  expect((await all).map(({ status }) => status)).toEqual(ends)
  expect(disk.tries).toBe(4)
})

test('what has nothing to do with the disk is thrown at once', async () => {
  const { told, keeper } = open()
  await expect(keeper.keep(() => Promise.reject(new Error('a bug')))).rejects.toThrow('a bug')
  expect(told).toEqual([])
})
