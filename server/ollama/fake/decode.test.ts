import { describe, expect, test } from 'vitest'
import { decode } from './decode.ts'

/** As Go 1.26's encoding/json answered, text by text. */
const broken: [text: string, error: string][] = [
  ['', 'EOF'],
  [' ', 'EOF'],
  ['x', "invalid character 'x' looking for beginning of value"],
  ['{', 'unexpected EOF'],
  ['{"a"', 'unexpected EOF'],
  ['{"a":', 'unexpected EOF'],
  ['{"a":1', 'unexpected EOF'],
  ['"abc', 'unexpected EOF'],
  ['-', 'unexpected EOF'],
  ['{"a":nul', 'unexpected EOF'],
  ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
  ["{'a':1}", "invalid character '\\'' looking for beginning of object key string"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":1 "b":2}', `invalid character '"' after object key:value pair`],
  ['{"a":01}', "invalid character '1' after object key:value pair"],
  ['[1,]', "invalid character ']' looking for beginning of value"],
  ['[1 2]', "invalid character '2' after array element"],
  ['{"a":tru}', "invalid character '}' in literal true (expecting 'e')"],
  ['{"a":-x}', "invalid character 'x' in numeric literal"],
  ['{"a":1.x}', "invalid character 'x' after decimal point in numeric literal"],
  ['{"a":1e}', "invalid character '}' in exponent of numeric literal"],
  ['{"a":"x\ny"}', "invalid character '\\n' in string literal"],
  ['{"a":"\\q"}', "invalid character 'q' in string escape code"],
  ['{"a":"\\u12g4"}', "invalid character 'g' in \\u hexadecimal character escape"],
  ['{"a":é}', "invalid character 'Ã' looking for beginning of value"],
]

describe('JSON as Go reads it', () => {
  test.each(broken)('%j is refused in its words', (text, error) => {
    expect(() => decode(text)).toThrow(error)
  })

  test('what follows the first value is ignored', () => {
    expect(decode('{"a":1} trailing')).toEqual({ a: 1 })
    expect(decode('{"a":1}}')).toEqual({ a: 1 })
  })

  test('members stand where they were written last', () => {
    expect(JSON.stringify(decode('{"A":1,"a":2,"A":3}'))).toBe('{"a":2,"A":3}')
    expect(JSON.stringify(decode('{"stream":true,"Stream":true,"stream":false} '))).toBe(
      '{"Stream":true,"stream":false}',
    )
  })

  test('values read slowly are those read fast', () => {
    const text = '{"a":[1,-2.5e3,true,false,null,{}],"b":"\\u00e9\\n\\"\\\\/é","c":{"d":[]}}'
    expect(decode(`${text} x`)).toEqual(JSON.parse(text))
  })
})
