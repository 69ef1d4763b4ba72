import { expect, test } from 'vitest'
import { evicted } from './evict.ts'
import { sawEvict, sawTogether, unknownRoom, type Room } from './room.ts'

const clash = (...sets: string[]) => sets.reduce<Room>((room, keys) => sawEvict(room, new Set(keys), 0), unknownRoom)
const going = (listed: string, key: string, room: Room, doubtful = '') =>
  evicted({ now: 0, listed: [...listed], room, doubtful: new Set(doubtful) }, key).join('')

test('nobody goes where it fits, or nobody knows', () => {
  expect(going('a', 'b', unknownRoom)).toBe('')
  expect(going('a', 'b', sawTogether(unknownRoom, new Set('ab'), 0))).toBe('')
})

test('only as many go as must, those used longest ago first', () => {
  expect(going('a', 'b', clash('ab'))).toBe('a')
  expect(going('ab', 'c', clash('abc'))).toBe('a')
  expect(going('ab', 'c', clash('bc'))).toBe('b')
  expect(going('abc', 'd', clash('ad', 'bd', 'cd'))).toBe('abc')
})

test('who may be at work for nobody goes too where the target might choose it, and stays where all is known to fit', () => {
  expect(going('ab', 'c', unknownRoom, 'b')).toBe('b')
  expect(going('ab', 'c', clash('ac'), 'bx')).toBe('ab')
  expect(going('ab', 'c', sawTogether(unknownRoom, new Set('abc'), 0), 'b')).toBe('')
})

test('another set of options of the same weights has to go, whatever else could', () => {
  const listed = ['other', 'w num_ctx=1024']
  expect(evicted({ now: 0, listed, room: unknownRoom, doubtful: new Set() }, 'w num_ctx=2048')).toEqual([
    'w num_ctx=1024',
  ])
})

test('so it has when both were taken for one runner before, as an older listing could not tell them apart', () => {
  const room = sawTogether(unknownRoom, new Set(['w', 'w num_ctx=1024']), 0)
  expect(evicted({ now: 0, listed: ['w'], room, doubtful: new Set() }, 'w num_ctx=1024')).toEqual(['w'])
})

test('very many runners are let go in their order until it may fit', () => {
  const listed = Array.from({ length: 20 }, (_, i) => `m${i}`)
  const room = sawEvict(unknownRoom, new Set(['m2', 'x']), 0)
  expect(evicted({ now: 0, listed, room, doubtful: new Set() }, 'x')).toEqual(['m0', 'm1', 'm2'])
})
