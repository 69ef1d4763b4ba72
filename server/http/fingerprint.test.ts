import * as fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { fingerprint } from './fingerprint.ts'

const of = async (text: string) => (await fingerprint([Buffer.from(text)])).toString('hex')
const same = async (a: string, b: string) => expect(await of(a)).toBe(await of(b))
const different = async (a: string, b: string) => expect(await of(a)).not.toBe(await of(b))

describe('the same request', () => {
  test.each([
    ['in another order', '{"a":1,"b":{"c":2,"d":3}}', '{"b":{"d":3,"c":2},"a":1}'],
    ['with other spacing', '{"a":[1,2,{"b":null}]}', ' {\n\t"a" : [ 1 ,\r\n2 , { "b" : null } ] } '],
    ['with escapes', '{"é/\\"":"é\\n😀"}', String.raw`{"\u00e9\/\u0022":"\u00E9\u000a\ud83d\ude00"}`],
    ['with an escape of what needs none', '{"a":"b"}', String.raw`{"\u0061":"\u0062"}`],
    ['with another key of its own', '{"a":1,"idempotency_key":"x"}', '{"idempotency_key":"y","a":1}'],
    ['with no key of its own', '{"a":1}', '{"idempotency_key":"y","a":1}'],
    ['with that key escaped', '{"a":1}', String.raw`{"a":1,"idempotency\u005fkey":"z"}`],
    ['said twice, the last one counting', '{"a":2}', '{"a":1,"a":2}'],
  ])('%s', (_, a, b) => same(a, b))
})

describe('another request', () => {
  test.each([
    ['another value', '{"a":1}', '{"a":2}'],
    ['another key', '{"a":1}', '{"b":1}'],
    ['a key in other case', '{"a":1}', '{"A":1}'],
    ['one member more', '{"a":1}', '{"a":1,"b":null}'],
    ['a list in another order', '[1,2]', '[2,1]'],
    ['a list in a list', '[[1],2]', '[[1,2]]'],
    ['an empty list in it', '[]', '[[]]'],
    ['two of nothing', '[[],[]]', '[[[]]]'],
    ['an object in a list', '[{},1]', '[{"a":1}]'],
    ['a list or its members', '{"a":[1]}', '{"a":1}'],
    ['a number as text', '{"a":1}', '{"a":"1"}'],
    ['null as text', '{"a":null}', '{"a":"null"}'],
    ['an empty text', '{"a":""}', '{"a":{}}'],
    ['a comma in a text', '["a,b"]', '["a","b"]'],
    ['a quote in a text', String.raw`["a\",\"b"]`, '["a","b"]'],
    ['a space in a text', '["a b"]', '["ab"]'],
    ['where a member stands', '{"a":{"b":1},"c":2}', '{"a":{"b":1,"c":2}}'],
    ['a key that looks like a digest of two', '{"a":{"b":1}}', '{"a":"{\\"b\\":1}"}'],
    ['1.0 or 1', '{"a":1.0}', '{"a":1}'],
    ['1e3 or 1000', '{"a":1e3}', '{"a":1000}'],
    ['1E3 or 1e3', '{"a":1E3}', '{"a":1e3}'],
    ['-0 or 0', '{"a":-0}', '{"a":0}'],
    ['64-bit seeds that are one double', '{"seed":12345678901234567890}', '{"seed":12345678901234567891}'],
    ['the same in a list', '[9007199254740993]', '[9007199254740992]'],
    ['a key below the top', '{"a":{"idempotency_key":"x"}}', '{"a":{"idempotency_key":"y"}}'],
    ['a key below the top or none', '{"a":{"idempotency_key":"x"}}', '{"a":{}}'],
    ['a key in a list', '[{"idempotency_key":"x"}]', '[{"idempotency_key":"y"}]'],
    ['a text of control characters', String.raw`["\u0000"]`, String.raw`["\u0001"]`],
    ['half of a pair', String.raw`["\ud83d"]`, String.raw`["\ude00"]`],
  ])('%s', (_, a, b) => different(a, b))
})

// JSON as a tree, numbers as their text, so that one value can be written in many ways.
type Tree = { kind: 'scalar'; text: string } | { kind: 'string'; value: string } | { kind: 'array'; of: Tree[] } | Node
type Node = { kind: 'object'; of: [string, Tree][] }

const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, depthSize: 'medium' },
    fc
      .constantFrom('0', '1', '1.0', '-1', '1e2', '12345678901234567890', 'true', 'false', 'null')
      .map((text) => ({ kind: 'scalar' as const, text })),
    fc.string({ unit: 'binary', maxLength: 6 }).map((value) => ({ kind: 'string' as const, value })),
    fc.array(tie('tree'), { maxLength: 4 }).map((of) => ({ kind: 'array' as const, of })),
    fc
      .uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'ü', '"', '', 'idempotency_key'), tie('tree')), {
        selector: ([key]) => key,
        maxLength: 4,
      })
      .map((of) => ({ kind: 'object' as const, of })),
  ),
}))

/** One spelling for each value: members sorted, nothing between. */
function canonical(one: Tree, top = true): string {
  switch (one.kind) {
    case 'scalar':
      return one.text
    case 'string':
      return JSON.stringify(one.value)
    case 'array':
      return `[${one.of.map((inner) => canonical(inner, false)).join(',')}]`
    case 'object':
      return `{${one.of
        .filter(([key]) => !top || key !== 'idempotency_key')
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner, false)}`)
        .join(',')}}`
  }
}

/** Some spelling of a value; the dice say which. */
function spelled(one: Tree, dice: () => number): string {
  const gap = () => ['', '', ' ', '\n\t', '  '][dice() % 5] ?? ''
  const text = (value: string) =>
    `"${[
      ...JSON.stringify(value)
        .slice(1, -1)
        .matchAll(/\\u[0-9a-f]{4}|\\.|[^\\]/gu),
    ]
      .map(([part]) => {
        if (part.startsWith('\\') || dice() % 3 > 0) return part
        return part
          .split('')
          .map((unit) => String.raw`\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
          .join('')
      })
      .join('')}"`
  const list = (open: string, parts: string[], close: string) =>
    gap() + open + gap() + parts.map((part) => gap() + part + gap()).join(',') + close + gap()
  switch (one.kind) {
    case 'scalar':
      return gap() + one.text + gap()
    case 'string':
      return gap() + text(one.value) + gap()
    case 'array':
      return list(
        '[',
        one.of.map((inner) => spelled(inner, dice)),
        ']',
      )
    case 'object': {
      const members = one.of.map((member) => [member, dice()] as const).sort(([, a], [, b]) => a - b)
      return list(
        '{',
        members.map(([[key, inner]]) => `${text(key)}${gap()}:${spelled(inner, dice)}`),
        '}',
      )
    }
  }
}

const dice = fc.infiniteStream(fc.nat(999)).map((stream) => () => stream.next().value ?? 0)

test('two requests have one fingerprint exactly when their canonical spellings are one', async () => {
  await fc.assert(
    fc.asyncProperty(tree, tree, dice, async (a, b, roll) => {
      const [first, again, other] = await Promise.all([of(canonical(a)), of(spelled(a, roll)), of(spelled(b, roll))])
      expect(again).toBe(first)
      expect(other === first).toBe(canonical(a) === canonical(b))
    }),
    { numRuns: 1500 },
  )
})

test('however the text is cut into buffers', async () => {
  await fc.assert(
    fc.asyncProperty(tree, fc.array(fc.nat(200), { maxLength: 6 }), async (one, cuts) => {
      const bytes = Buffer.from(canonical(one, false))
      const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
      const parts = at.slice(1).map((end, i) => bytes.subarray(at[i], end))
      expect((await fingerprint(parts)).toString('hex')).toBe(await of(bytes.toString()))
    }),
    { numRuns: 200 },
  )
})

test('long strings are read in pieces, and where they are cut makes no difference', async () => {
  const units = [
    'a',
    'é',
    '😀',
    String.raw`\n`,
    String.raw`\u00e9`,
    String.raw`\ud83d\ude00`,
    String.raw`\ud83d`,
    '\\\\',
    '\\"',
  ]
  for (const unit of units) {
    for (const shift of [0, 1, 2, 3, 5, 7, 11]) {
      const body = 'x'.repeat(shift) + unit.repeat(Math.ceil(140_000 / Buffer.byteLength(unit)))
      const value = JSON.parse(`"${body}"`) as string
      await same(`{"a":"${body}"}`, `{"a":${JSON.stringify(value)}}`)
      await different(`{"a":"${body}"}`, `{"a":${JSON.stringify(`${value}x`)}}`)
    }
  }
  await same(`{"${'k'.repeat(10_000)}":1}`, `{ "${String.raw`\u006b`.repeat(10_000)}" :1}`)
})

describe('a large request stalls nobody', () => {
  const MB = 1 << 20
  test.each([
    ['numbers', () => `[${'0.123456,'.repeat((7 * MB) / 9)}1]`],
    ['one long string', () => `{"a":"${'x'.repeat(7 * MB)}"}`],
    ['one long string of escapes', () => `{"a":"${String.raw`\"\n`.repeat(MB)}"}`],
    ['more than is put in order', () => `{"a":"${'x'.repeat(32 * MB)}"}`],
    ['many small objects', () => `[${'{"role":"user"},'.repeat(MB / 16)}{}]`],
  ])('of %s: it rests at least once in 128 KiB when it looks at the clock and is late', async (_, text) => {
    const bytes = Buffer.from(text())
    // A clock that is late at every look makes each look a rest, however fast or busy the machine is.
    let now = 0
    const looks = vi.spyOn(performance, 'now').mockImplementation(() => (now += 5))
    let turns = 0
    let turning: NodeJS.Immediate
    const turn = () => {
      turns += 1
      turning = setImmediate(turn)
    }
    turn()
    await fingerprint([bytes])
    clearImmediate(turning!)
    looks.mockRestore()
    expect(turns).toBeGreaterThanOrEqual(bytes.length / (128 * 1024))
  })
})

describe('a text that cannot be put in order in small steps is compared by its bytes', () => {
  const members = (count: number) => Array.from({ length: count }, (_, i) => `"k${i}":${i}`)

  test.each([
    ['of more than 8 MiB', `{"a":"${'x'.repeat(9_000_000)}","b":1}`, `{"b":1,"a":"${'x'.repeat(9_000_000)}"}`],
    ['with too many members', `{${members(3_000).join()}}`, `{${members(3_000).toReversed().join()}}`],
    ['with too long a key', `{"${'k'.repeat(70_000)}":1,"b":1}`, `{"b":1,"${'k'.repeat(70_000)}":1}`],
  ])('%s', async (_, a, b) => {
    await same(a, a)
    await different(a, b)
  })

  test('and one with members just as many as may be is not', async () => {
    await same(`{${members(2_000).join()}}`, `{${members(2_000).toReversed().join()}}`)
  })
})
