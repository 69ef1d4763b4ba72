import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stringify, Verbatim } from './verbatim.ts'

const verbatim = (...text: string[]) => new Verbatim(text.map((part) => Buffer.from(part)))
const written = (value: unknown) => Buffer.concat(stringify(value)).toString()

describe('text that is known already', () => {
  test('goes out byte for byte, wherever it stands', () => {
    const body = verbatim('{"seed": 12345678901234567890,', ' "x":1.0}')
    expect(written({ id: 'a', request: { body }, list: [verbatim('1.50'), 2, verbatim('"ü"')], last: true })).toBe(
      '{"id":"a","request":{"body":{"seed": 12345678901234567890, "x":1.0}},"list":[1.50,2,"ü"],"last":true}',
    )
  })

  test('alone is itself', () => {
    expect(written(verbatim('1.0'))).toBe('1.0')
  })

  test('is not copied: the pieces that go out are the ones that came in', () => {
    const piece = Buffer.from('{"a":1}')
    expect(stringify({ x: new Verbatim([piece]) })).toContain(piece)
  })

  test('may be an iterator, and is read once', () => {
    const one = new Verbatim(
      (function* pieces() {
        yield Buffer.from('[1,')
        yield Buffer.from('2]')
      })(),
    )
    expect([written({ one }), written({ one })]).toEqual(['{"one":[1,2]}', '{"one":[1,2]}'])
    expect(one.parse()).toEqual([1, 2])
  })

  test('of nothing leaves nothing behind but what is around it', () => {
    expect(written([new Verbatim([]), 1])).toBe('[,1]')
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
