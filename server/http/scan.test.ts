// The scanner against JSON.parse, at every cut of the text.
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonScan, JsonSyntaxError, type Capture, type ScanOptions } from './scan.ts'

type Mode = ScanOptions['mode']

function scan(mode: Mode, text: string | Buffer, capture: string[][], cuts: number[] = []): JsonScan {
  const bytes = Buffer.from(text)
  const scanner = new JsonScan({ mode, capture })
  let from = 0
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    scanner.write(bytes.subarray(from, cut))
    from = Math.max(from, cut)
  }
  scanner.write(bytes.subarray(from))
  scanner.end()
  return scanner
}

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
    return true
  } catch {
    return false
  }
}

function accepts(bytes: Buffer, cuts: number[] = []): boolean {
  try {
    scan('strict', bytes, [['a'], ['*', 'a'], ['a', '*', '*']], cuts)
    return true
  } catch (error) {
    if (error instanceof JsonSyntaxError) return false
    throw error
  }
}

/** What the captures hold, as `path → value`. */
function values(text: string | Buffer, captures: Capture[]): Record<string, unknown> {
  const bytes = Buffer.from(text)
  return Object.fromEntries(
    captures.map((c) => [JSON.stringify(c.path), JSON.parse(bytes.subarray(c.start, c.end).toString())]),
  )
}

/** The same by JSON.parse and a walk. */
function expected(value: unknown, pattern: string[], path: (string | number)[] = []): [string, unknown][] {
  const [head, ...rest] = pattern
  if (head === undefined) return [[JSON.stringify(path), value]]
  if (typeof value !== 'object' || value === null) return []
  const entries: [string | number, unknown][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
  return entries
    .filter(([key]) => head === '*' || key === head)
    .flatMap(([key, child]) => expected(child, rest, [...path, key]))
}

const odd = [
  '{"a":1,"a":{"a":2}}',
  '{"a":{"b":1},"a":3}',
  '{"\\u0061":[1,{"a":null}]}',
  '{"\\ud83d\\ude00":{"a":"\\ud800"},"😀":1}',
  ' [ -0.5e+10 , 0 , 1E2, -0, 10.01 ] ',
  '{"a":"","":{"a":[]},"b":{}}',
  '"é😀\\n\\u00e9\\/"',
  '-12',
  'true',
  '[[[[{"a":[false,null,true]}]]]]',
]
const refused = [
  ['', ' ', '{', '[', '"', '{"a"', '{"a":', '{"a":1', '{"a":1,', '[1,', '[1 2]', '{"a" 1}', '{a:1}', "{'a':1}"],
  ['01', '1.', '.5', '-', '+1', '1e', '1e+', '1e5.5', '0x1', '--1', '1-', 'NaN', 'Infinity', 'tru', 'nulll', 'True'],
  ['[1,]', '{"a":1,}', '{,}', '[,]', '{"a":1]', '[1}', ']', '}', '1 2', '{} {}', '[]]', '"a" "b"', '// c\n1'],
  ['"\t"', '"\n"', '"\u0000"', '"\\x41"', '"\\u12g4"', '"\\u12"', '"\\', '\ufeff1', '{"a\u001f":1}', '[1,,2]'],
].flat()

describe('the strict scanner', () => {
  it('reads odd but valid texts cut at every byte, and finds the same values each time', () => {
    for (const text of odd) {
      for (let cut = 0; cut <= Buffer.byteLength(text); cut++) {
        for (const pattern of [['a'], ['*'], ['*', 'a'], []]) {
          const found = scan('strict', text, [pattern], [cut])
          expect(values(text, found.captures), `${text} cut at ${cut}`).toEqual(
            Object.fromEntries(expected(JSON.parse(text), pattern)),
          )
        }
      }
    }
  })

  it('refuses what JSON.parse refuses, cut at every byte', () => {
    for (const text of refused) {
      const bytes = Buffer.from(text)
      for (let cut = 0; cut <= bytes.length; cut++) expect(accepts(bytes, [cut]), JSON.stringify(text)).toBe(false)
    }
  })

  it('refuses UTF-8 that is cut short, overlong, a surrogate or beyond the last character', () => {
    for (const hex of [
      '22e28222',
      '22c022',
      '22c0af22',
      '22eda08022',
      '22f490808022',
      '228022',
      '22ff22',
      '22f09f98',
    ]) {
      const bytes = Buffer.from(hex, 'hex')
      for (let cut = 0; cut <= bytes.length; cut++) expect(accepts(bytes, [cut]), hex).toBe(false)
    }
  })

  it('finds a control character anywhere in a long string', () => {
    for (let at = 1; at < 300; at++) {
      const bytes = Buffer.from(`"${'é'.repeat(150)}${'x'.repeat(20)}"`)
      bytes[at] = 0x1f
      const error = (() => {
        try {
          scan('strict', bytes, [])
        } catch (thrown) {
          return thrown as JsonSyntaxError
        }
      })()
      expect(error?.offset).toBe(at)
    }
  })

  it('agrees with JSON.parse on any value, any damage to it and any cuts', () => {
    const damage = fc.array(
      fc.tuple(
        fc.nat(),
        fc.constantFrom('delete', 'replace', 'insert'),
        fc.constantFrom(...'{}[]",:\\0e.-tn \n\u0001é'),
      ),
      { maxLength: 3 },
    )
    fc.assert(
      fc.property(fc.json(), damage, fc.array(fc.nat(), { maxLength: 5 }), (text, wounds, cuts) => {
        const chars = [...text]
        for (const [place, how, char] of wounds) {
          chars.splice(place % (chars.length + 1), how === 'insert' ? 0 : 1, ...(how === 'delete' ? [] : [char]))
        }
        const bytes = Buffer.from(chars.join(''))
        const places = cuts.map((cut) => cut % (bytes.length + 1))
        expect(accepts(bytes, places)).toBe(isJson(bytes))
      }),
      { numRuns: 3_000 },
    )
  })

  it('agrees with JSON.parse on any bytes inside a string', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(80), (inside, cut) => {
        const bytes = Buffer.concat([Buffer.from('"'), inside, Buffer.from('"')])
        expect(accepts(bytes, [Math.min(cut, bytes.length)])).toBe(isJson(bytes))
      }),
      { numRuns: 3_000 },
    )
  })

  it('finds the values JSON.parse has at the wanted paths, the last of repeated keys', () => {
    // Few keys, so that they repeat inside one object and match often.
    const { value } = fc.letrec<{ value: string; object: string; array: string }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom('1', '"a"', 'null', '-2.5e3', 'true'),
        tie('object'),
        tie('array'),
      ),
      object: fc
        .array(fc.tuple(fc.constantFrom('a', 'b', '\\u0061', ' c', '__proto__'), tie('value')), { maxLength: 4 })
        .map((members) => `{${members.map(([key, child]) => ` "${key}" :${child}`).join(',')}}`),
      array: fc.array(tie('value'), { maxLength: 3 }).map((elements) => `[${elements.join(' , ')}]`),
    }))
    const pattern = fc.array(fc.constantFrom('a', 'b', ' c', '*'), { maxLength: 4 })
    fc.assert(
      fc.property(
        value,
        fc.array(pattern, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat()),
        (text, wanted, cuts) => {
          const places = cuts.map((cut) => cut % (text.length + 1))
          const found = scan('strict', text, wanted, places).captures
          const all = Object.fromEntries(wanted.flatMap((one) => expected(JSON.parse(text), one)))
          expect(values(text, found)).toEqual(all)
          expect(found.map((c) => c.start)).toEqual(found.map((c) => c.start).sort((a, b) => a - b))
        },
      ),
      { numRuns: 3_000 },
    )
  })

  it('says what kind each value is and where, with exact bytes', () => {
    const text = '{"request":{"body":{"seed":9007199254740993,"x":"é"},"endpoint":"/api/chat"}}'
    const found = scan('strict', text, [
      ['request', 'body'],
      ['request', 'body', 'seed'],
      ['request', 'endpoint'],
    ])
    expect(found.captures.map((c) => [c.kind, Buffer.from(text).subarray(c.start, c.end).toString()])).toEqual([
      ['object', '{"seed":9007199254740993,"x":"é"}'],
      ['number', '9007199254740993'],
      ['string', '"/api/chat"'],
    ])
  })

  it('comes back from a key that repeats a million times beside many others: the work stays linear', () => {
    const many = Array.from({ length: 9_000 }, (_, i) => `"k${i}":0`).join(',')
    expect(scan('strict', `{${many}${',"k0":0'.repeat(900_000)}}`, [['*']]).overflow).toBe(true)
  })

  it('refuses more than 1,000 levels and keeps no more captures than its limit', () => {
    expect(() => scan('strict', '['.repeat(1_000) + ']'.repeat(1_000), [])).not.toThrow()
    expect(() => scan('strict', '['.repeat(1_001) + ']'.repeat(1_001), [])).toThrow(/nested too deeply/)
    const limited = new JsonScan({ mode: 'strict', capture: [['*']], limit: 2 })
    limited.write(Buffer.from('[1,2,3]'))
    limited.end()
    expect([limited.captures.length, limited.overflow]).toEqual([2, true])
  })
})

describe('the lenient scanner', () => {
  const wanted = [['model'], ['options'], ['shift']]
  const look = (text: string | Buffer, cuts: number[] = []) => {
    const found = scan('lenient', text, wanted, cuts)
    return found.failed
      ? 'failed'
      : Object.fromEntries(Object.entries(values(text, found.captures)).map(([k, v]) => [JSON.parse(k)[0], v]))
  }

  it('reads keys without their case, takes the last, decodes escapes, ignores what follows the first value', () => {
    const text = '{"MODEL":"a","Model":"b","\\u006dodel":"c","optionſ":{"num_ctx":1},"SHIFT":false} trailing } garbage'
    for (let cut = 0; cut <= Buffer.byteLength(text); cut++) {
      expect(look(text, [cut])).toEqual({ model: 'c', options: { num_ctx: 1 }, shift: false })
    }
  })

  it('does not take a member of something deeper for its own', () => {
    expect(look('{"messages":[{"model":"no","options":{}}],"tools":{"model":"no"},"model":"yes"}')).toEqual({
      model: 'yes',
    })
    expect(look('[{"model":"no"}]')).toEqual({})
  })

  it('gives up without a word on what is no JSON', () => {
    const odd = [
      '',
      '{',
      '{"model":"m"',
      '{"model":}',
      '{"model":"m",}',
      '{model:1}',
      '{"a":01}',
      '{"a":1.}',
      '{"a":tru}',
      '[1 2]',
      '"\\x"',
      '{"a" 1}',
      '\ufeff{}',
    ]
    for (const text of odd) {
      expect(look(text), JSON.stringify(text)).toBe('failed')
    }
  })

  it('accepts what Go accepts: invalid UTF-8 inside strings, 5,000 levels', () => {
    expect(scan('lenient', Buffer.from('7b22ff223a22fe227d', 'hex'), wanted).failed).toBe(false)
    expect(scan('lenient', `{"x":${'['.repeat(5_000)}${']'.repeat(5_000)},"model":"m"}`, wanted).captures.length).toBe(
      1,
    )
    expect(scan('lenient', '['.repeat(20_000), wanted).failed).toBe(true)
  })

  it('comes back from 16 MB of escapes, of quotes far away and of one huge string: the work stays linear', () => {
    for (const body of ['\\"'.repeat(8e6), `${'a'.repeat(33)}\\n`.repeat(450_000), 'A'.repeat(16e6)]) {
      expect(scan('lenient', `{"x":"${body}","model":"m"}`, wanted).captures.length).toBe(1)
    }
  })
})
