import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { MemberScan, membersOf, valueOf } from './members.ts'

function scanned(text: Buffer, pieceLength: number): [string, string][] {
  const scan = new MemberScan()
  for (let at = 0; at < text.length; at += pieceLength) scan.write(text.subarray(at, at + pieceLength))
  return [...scan.end(text)].map(([key, raw]) => [key, raw.toString()])
}

test('the members of any object are found in any pieces, as JSON.parse finds them', () => {
  const object = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue(), { noNullPrototype: true })
  fc.assert(
    fc.property(object, fc.integer({ min: 0, max: 4 }), fc.integer({ min: 1, max: 7 }), (value, indent, length) => {
      const text = Buffer.from(` ${JSON.stringify(value, null, indent)}\n`)
      const members = scanned(text, length).map(([key, raw]) => [key, JSON.parse(raw)])
      expect(members).toEqual(Object.entries(JSON.parse(text.toString()) as object))
    }),
    { numRuns: 500 },
  )
})

test('a value keeps the text it was written in, escapes and digits', () => {
  const members = membersOf(Buffer.from('{"a" : 9007199254740993 ,"\\u0062":[1.50, 1e3] , "c":"\\u003c\\"}" }'))
  expect([...members].map(([key, raw]) => [key, raw.toString()])).toEqual([
    ['a', '9007199254740993'],
    ['b', '[1.50, 1e3]'],
    ['c', '"\\u003c\\"}"'],
  ])
  expect(valueOf(members, 'c')).toBe('<"}')
  expect(valueOf(members, 'd')).toBeUndefined()
})

test.each([
  '',
  '{',
  '{"a":1',
  '{"a":1,}',
  '{"a"}',
  '{"a":}',
  '{"a":1}x',
  '{"a":1}{}',
  '[1]',
  '"a"',
  'null',
  '<html>',
  '{"a":nonsense}',
  '{"a":1 2}',
  '{a:1}',
])('%s is not one object', (text) => {
  expect(() => membersOf(Buffer.from(text))).toThrow(SyntaxError)
})

test('an object of 32 MB is looked through in steps that hold the loop for a moment each', () => {
  const numbers = Buffer.from(`${'0.123456789,'.repeat(2_700_000)}0`)
  const text = Buffer.concat([Buffer.from('{"embeddings":[['), numbers, Buffer.from(']],"total_duration":5}')])
  const scan = new MemberScan()
  const times: number[] = []
  for (let at = 0; at < text.length; at += 65_536) {
    const began = performance.now()
    scan.write(text.subarray(at, at + 65_536))
    times.push(performance.now() - began)
  }
  expect(valueOf(scan.end(text), 'total_duration')).toBe(5)
  expect(times.sort((a, b) => a - b)[Math.floor(times.length * 0.9)]).toBeLessThan(10)
})
