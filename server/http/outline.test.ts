import { describe, expect, test } from 'vitest'
import { membersIn, withMembers, type Read } from './outline.ts'
import { piecesOf, sizeOf } from './verbatim.ts'

/** A text that is stored in pieces of so many bytes. */
function stored(text: string, size: number): Read {
  const bytes = Buffer.from(text)
  return function* (start = 0, end = bytes.length) {
    for (let at = start; at < end; at += size) yield bytes.subarray(at, Math.min(at + size, end))
  }
}

/** The stored text with the members said anew, and whether its size is what it was said to be. */
async function anew(text: string, size: number, members: Record<string, unknown>): Promise<string> {
  const parts = await withMembers(stored(text, size), Buffer.byteLength(text), members)
  const whole = Buffer.concat([...piecesOf(parts)])
  expect(sizeOf(parts)).toBe(whole.length)
  return whole.toString()
}

const sizes = [1, 3, 7, 1024]

describe.each(sizes)('an object that is stored in pieces of %i bytes', (size) => {
  test('has members said anew where they stand, and no other byte changed', async () => {
    const text = ' {"id": "resp_1" ,"n":9007199254740993.10,\n"metadata":{"id":"é"},"a":[{"id":1}]}\n'
    expect(await anew(text, size, { id: 'resp_é', metadata: { k: 'v' } })).toBe(
      ' {"id": "resp_é" ,"n":9007199254740993.10,\n"metadata":{"k":"v"},"a":[{"id":1}]}\n',
    )
  })

  test('gets those it does not have behind its own', async () => {
    expect(await anew('{"a":1}\n', size, { a: 2, b: null, c: [] })).toBe('{"a":2,"b":null,"c":[]}\n')
    expect(await anew('{"a":1}', size, { b: true })).toBe('{"a":1,"b":true}')
    expect(await anew('{}', size, { b: true, c: 1 })).toBe('{"b":true,"c":1}')
    expect(await anew('{"a":1}', size, {})).toBe('{"a":1}')
  })

  test('tells the members that are asked for as the target reads them: in any case, the last of two', async () => {
    const text = '{"model":"a","metadata":{"k":"é"},"input":"metadata","Model":"b","top_p":null}'
    expect(await membersIn(stored(text, size), ['model', 'metadata', 'top_p', 'tools'])).toEqual({
      model: 'b',
      metadata: { k: 'é' },
      top_p: null,
    })
  })
})

test('a member that is too large to be repeated is left out', async () => {
  const fits = 'x'.repeat(64 * 1024 - 2)
  const text = JSON.stringify({ instructions: `${fits}x`, user: fits })
  expect(await membersIn(stored(text, 4096), ['instructions', 'user'])).toEqual({ user: fits })
})
