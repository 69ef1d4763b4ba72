import { describe, expect, test } from 'vitest'
import { labelsOf } from './labels.ts'

describe('X-Foreman-Labels', () => {
  test.each<[string | string[] | undefined, Record<string, string> | undefined]>([
    [undefined, undefined],
    ['', {}],
    ['a=1', { a: '1' }],
    ['a=1,b=2', { a: '1', b: '2' }],
    [['a=1', 'b=2'], { a: '1', b: '2' }],
    [' a = 1 2 ,\tb=2', { a: '1 2', b: '2' }],
    ['a=', { a: '' }],
    ['a=b=c', { a: 'b=c' }],
    ['a=%41;b', { a: '%41;b' }],
    [',a=1,,', { a: '1' }],
    ['=x', { '': 'x' }],
  ])('%j', (header, labels) => {
    expect(labelsOf(header)).toEqual(labels)
  })

  test('a name that objects have of themselves is a name like any other, for the schema to refuse', () => {
    expect(Object.keys(labelsOf('__proto__=x') ?? {})).toEqual(['__proto__'])
  })

  test.each(['a', 'a=1,b', 'a=1,a=2', 'a=1, a =1', 'a=\u00fc', 'a=\u0007'])('%j is refused', (header) => {
    const errors = [{ pointer: '/labels', detail: expect.any(String) as string }]
    expect(() => labelsOf(header)).toThrow(expect.objectContaining({ code: 'invalid_request', errors }))
  })
})
