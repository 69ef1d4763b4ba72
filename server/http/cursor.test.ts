import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cursorOf, pageOf, type ListInput } from './cursor.ts'

const refused = (input: ListInput, pointer: string) =>
  expect(() => pageOf(input)).toThrow(
    expect.objectContaining({ code: 'invalid_request', errors: [{ pointer, detail: expect.any(String) }] }),
  )

describe('a page that is asked for', () => {
  test('begins at the newest and holds 50, unless more is said', () => {
    expect(pageOf({})).toEqual({
      states: [],
      before: Number.MAX_SAFE_INTEGER,
      limit: 50,
      model: undefined,
      label: undefined,
      createdAfter: undefined,
      createdBefore: undefined,
    })
  })

  test('takes every filter, models by any of their names', () => {
    const input: ListInput = {
      state: ['done', 'failed'],
      model: 'Llama3',
      label: 'feed:42',
      limit: 7,
      cursor: cursorOf(9),
      created_after: '2026-11-22T00:00:00.000Z',
      created_before: '2026-11-22T02:00:00.000+01:00',
    }
    expect(pageOf(input)).toEqual({
      states: ['done', 'failed'],
      model: 'llama3:latest',
      label: 'feed:42',
      limit: 7,
      before: 9,
      createdAfter: Date.UTC(2026, 10, 22),
      createdBefore: Date.UTC(2026, 10, 22, 1),
    })
  })

  test('goes on below the sequence of its cursor', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 15 - 1 }), (sequence) => {
        expect(pageOf({ cursor: cursorOf(sequence) }).before).toBe(sequence)
        expect(cursorOf(sequence)).toMatch(/^[\w-]+$/)
      }),
    )
  })
})

describe('a cursor that foreman did not make', () => {
  const made = (text: string) => Buffer.from(text).toString('base64url')
  test.each([
    ['nothing', ''],
    ['a number', '42'],
    ['other words', made('after:42')],
    ['no number', made('before:')],
    ['a negative one', made('before:-1')],
    ['a fraction', made('before:1.5')],
    ['one too long to be exact', made(`before:${'9'.repeat(16)}`)],
    ['more behind it', made('before:42 OR 1=1')],
    ['bytes', '\u0000\u0001'],
  ])('is refused: %s', (_, cursor) => refused({ cursor }, '/cursor'))
})

describe('a label', () => {
  test.each(['a:b', 'a:', 'a:b:c', '::b', '::', ' a : b '])('%j is a key and a value', (label) => {
    expect(pageOf({ label }).label).toBe(label)
  })

  test.each(['', 'a', ':b', ':'])('%j is none', (label) => refused({ label }, '/label'))
})
