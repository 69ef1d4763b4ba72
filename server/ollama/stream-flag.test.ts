import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { withStream } from './stream-flag.ts'

async function flagged(pieces: string[], stream: boolean): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of withStream(
    pieces.map((piece) => Buffer.from(piece)),
    stream,
  ))
    parts.push(part)
  return Buffer.concat(parts).toString()
}

test('stream is written once more before the last brace and nothing else changes', async () => {
  expect(await flagged(['{"model":"m","stream":true}'], false)).toBe('{"model":"m","stream":true,"stream":false}')
  expect(await flagged(['{"seed":9007199254740993}\n'], true)).toBe('{"seed":9007199254740993,"stream":true}\n')
  expect(await flagged(['{}'], true)).toBe('{"stream":true}')
  expect(await flagged(['{ ', ' ', '}'], true)).toBe('{  "stream":true}')
  expect(await flagged(['{"a":{}', '}', ' \n', ' '], true)).toBe('{"a":{},"stream":true} \n ')
})

test('wherever the body is cut into pieces, the result is the same', async () => {
  const value = fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true })
  const lengths = fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(value, lengths, fc.integer({ min: 0, max: 2 }), async (object, lengths, indent) => {
      const text = `${JSON.stringify(object, null, indent)}\n`
      let rest = text
      const pieces = lengths.map((length) => {
        const piece = rest.slice(0, length)
        rest = rest.slice(length)
        return piece
      })
      const whole = await flagged([text], true)
      expect(await flagged([...pieces, rest], true)).toBe(whole)
      expect(JSON.parse(whole)).toEqual({ ...(JSON.parse(text) as object), stream: true })
    }),
    { numRuns: 300 },
  )
})

test.each(['', '  ', '[1]', '"{"'])('a body like %j is refused before anything is sent of its end', async (body) => {
  await expect(flagged([body], true)).rejects.toThrow(TypeError)
})
