import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { piecesOf, sizeOf, stringify, Verbatim } from './verbatim.ts'

const sizeOfAll = (text: readonly Buffer[]) => text.reduce((sum, piece) => sum + piece.length, 0)
const verbatim = (...text: string[]) => {
  const pieces = text.map((part) => Buffer.from(part))
  return new Verbatim(pieces, sizeOfAll(pieces))
}
const written = (value: unknown) => {
  const bytes = Buffer.concat([...piecesOf(stringify(value))])
  expect(sizeOf(stringify(value))).toBe(bytes.length)
  return bytes.toString()
}

describe('text that is known already', () => {
  test('goes out byte for byte, wherever it stands', () => {
    const body = verbatim('{"seed": 12345678901234567890,', ' "x":1.0}')
    expect(written({ id: 'a', request: { body }, list: [verbatim('1.50'), 2, verbatim('"ü"')], last: true })).toBe(
      '{"id":"a","request":{"body":{"seed": 12345678901234567890, "x":1.0}},"list":[1.50,2,"ü"],"last":true}',
    )
  })

  test('is written by nothing else, and never as a mark', () => {
    const text = verbatim('1')
    expect(() => JSON.stringify({ text })).toThrow(/stringify/)
    written({ text })
    expect(() => JSON.stringify({ text })).toThrow(/stringify/)
  })

  test('alone is itself', () => {
    expect(written(verbatim('1.0'))).toBe('1.0')
  })

  test('is not copied: the pieces that go out are the ones that came in', () => {
    const piece = Buffer.from('{"a":1}')
    expect([...piecesOf(stringify({ x: new Verbatim([piece], piece.length) }))]).toContain(piece)
  })

  test('is read piece by piece, as it is asked for', () => {
    const read: number[] = []
    const text = function* () {
      for (const n of [1, 2]) {
        read.push(n)
        yield Buffer.from(n === 1 ? '[1,' : '2]')
      }
    }
    const parts = piecesOf(stringify({ one: new Verbatim(text(), 5) }))
    expect([parts.next().value?.toString(), parts.next().value?.toString(), read]).toEqual(['{"one":', '[1,', [1]])
    expect(Buffer.concat([...parts]).toString()).toBe('2]}')
    expect(new Verbatim(text(), 5).parse()).toEqual([1, 2])
  })

  test('that is shorter than it was said to be breaks off', () => {
    expect(() => [...piecesOf(stringify([new Verbatim([Buffer.from('1')], 2)]))]).toThrow(/short/)
  })

  test('of nothing leaves nothing behind but what is around it', () => {
    expect(written([new Verbatim([], 0), 1])).toBe('[,1]')
  })
})

describe('everything else', () => {
  test('is what JSON.stringify makes of it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(written(value)).toBe(JSON.stringify(value))
      }),
    )
  })

  test('in one piece', () => {
    expect(stringify({ a: 1 })).toHaveLength(1)
  })

  test('is untouched beside verbatim text, whatever a caller writes into it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), (value, text) => {
        const exact = verbatim('1.0')
        expect(written({ value, exact, [text]: text, more: [exact, text] })).toBe(
          JSON.stringify({ value, exact: '@', [text]: text, more: ['@', text] })
            .replace('"exact":"@"', '"exact":1.0')
            .replace(/"more":\["@",/, '"more":[1.0,'),
        )
      }),
    )
  })
})
