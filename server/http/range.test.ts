import { describe, expect, test } from 'vitest'
import { spanOf } from './range.ts'

const all = Buffer.from('0123456789')
const cut = (header: string | undefined, bytes = all) => {
  const span = spanOf(header, bytes.length)
  return span && bytes.subarray(span.start, span.end).toString()
}

describe('a range of ten bytes', () => {
  test.each([
    ['bytes=0-0', '0'],
    ['bytes=2-4', '234'],
    ['bytes=7-', '789'],
    ['bytes=-3', '789'],
    ['bytes=0-9', '0123456789'],
    ['bytes=0-', '0123456789'],
    ['bytes=-10', '0123456789'],
    ['bytes=-11', '0123456789'],
    ['bytes=8-99999999999999999999999', '89'],
    ['bytes=-99999999999999999999999', '0123456789'],
    ['BYTES=1-1', '1'],
    [' bytes = 1-1 ', '1'],
  ])('%s is %s', (header, bytes) => {
    expect(cut(header)).toBe(bytes)
  })

  test.each(['bytes=10-', 'bytes=10-20', 'bytes=99999999999999999999999-', 'bytes=-0'])('%s is not there', (header) => {
    expect(cut(header)).toBeNull()
  })

  test.each([
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=5-4',
    'bytes=a-b',
    'bytes=1',
    'bytes=1.5-2',
    'bytes=--1',
    'bytes=0x1-2',
    'lines=0-1',
    'bytes=0-1,3-4',
    'bytes=0-1,',
    'bytes=1-2 3',
  ])('%s asks for the whole', (header) => {
    expect(cut(header)).toBeUndefined()
  })
})

test('of nothing no range is there', () => {
  for (const header of ['bytes=0-', 'bytes=0-0', 'bytes=-1']) expect(cut(header, Buffer.alloc(0))).toBeNull()
})
