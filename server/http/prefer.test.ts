import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { idempotencyKey, prefer } from './prefer.ts'

describe('Prefer', () => {
  test.each<[string | string[] | undefined, { wait?: number; respondAsync: boolean }]>([
    [undefined, { respondAsync: false }],
    ['', { respondAsync: false }],
    ['wait=10', { wait: 10, respondAsync: false }],
    ['Wait = 10', { wait: 10, respondAsync: false }],
    ['wait="10"', { wait: 10, respondAsync: false }],
    ['respond-async, wait=10', { wait: 10, respondAsync: true }],
    ['RESPOND-ASYNC', { respondAsync: true }],
    [['respond-async', 'wait=5'], { wait: 5, respondAsync: true }],
    ['wait=5, wait=9', { wait: 5, respondAsync: false }],
    ['wait=0', { wait: 0, respondAsync: false }],
    ['wait=120', { wait: 120, respondAsync: false }],
    ['wait=99999', { wait: 120, respondAsync: false }],
    ['return=minimal, handling=lenient', { respondAsync: false }],
    ['respond-async; foo=bar, wait=10; x', { wait: 10, respondAsync: true }],
    ['respond-async=""', { respondAsync: true }],
    ['note="a, respond-async, wait=3", wait=4', { wait: 4, respondAsync: false }],
    [String.raw`note="a\", respond-async", wait=4`, { wait: 4, respondAsync: false }],
    ['note="never closed, respond-async', { respondAsync: false }],
    [', ,respond-async,', { respondAsync: true }],
  ])('%j', (header, preferences) => {
    expect(prefer(header)).toEqual(preferences)
  })

  test.each(['wait', 'wait=', 'wait=x', 'wait=-1', 'wait=1.5', 'wait=99999999', 'awaits=1', 'respond-asynchronous'])(
    '%j makes no sense and is ignored',
    (header) => {
      expect(prefer(header)).toEqual({ respondAsync: false })
    },
  )
})

test('a Prefer as long as a head may be is read in one go, however its quotes stand', () => {
  for (const part of ['"', '\\"', '"\\', 'a"', ',"'])
    expect(prefer(`${part.repeat(30_000)}, wait=1`).respondAsync).toBe(false)
})

describe('Idempotency-Key', () => {
  test.each([
    ['a bare token', 'abc-123', 'abc-123'],
    ['a UUID', '8e03978e-40d5-43dd-bc93-6894a57f9324', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    ['a Structured-Fields string', '"abc 123"', 'abc 123'],
    ['one with escapes', String.raw`"a\"b\\c"`, String.raw`a"b\c`],
    ['spaces around it', '  abc  ', 'abc'],
    ['255 characters', 'k'.repeat(255), 'k'.repeat(255)],
    ['a comma inside', 'a,b', 'a,b'],
  ])('%s', (_, header, key) => {
    expect(idempotencyKey(header)).toBe(key)
  })

  test('the same key, quoted or bare, is the same', () => {
    const token = fc.stringMatching(/^[A-Za-z0-9_.:-]{1,40}$/)
    fc.assert(
      fc.property(token, (key) => {
        expect(idempotencyKey(`"${key}"`)).toBe(idempotencyKey(key))
      }),
    )
  })

  test('every printable text is a key when it is quoted', () => {
    const printable = fc.stringMatching(/^[\x20-\x7e]{1,100}$/)
    fc.assert(
      fc.property(printable, (key) => {
        expect(idempotencyKey(`"${key.replaceAll(/["\\]/g, String.raw`\$&`)}"`)).toBe(key)
      }),
    )
  })

  test.each([
    ['nothing', ''],
    ['an empty string', '""'],
    ['256 characters', 'k'.repeat(256)],
    ['256 characters, quoted', `"${'k'.repeat(256)}"`],
    ['a space in a token', 'a b'],
    ['a quote that is not closed', '"abc'],
    ['a quote inside a string', '"a"b"'],
    ['an escape of something else', String.raw`"a\nb"`],
    ['letters beyond ASCII', 'schlüssel'],
  ])('%s is refused', (_, header) => {
    expect(() => idempotencyKey(header)).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        errors: [{ pointer: '/idempotency_key', detail: expect.any(String) }],
      }),
    )
  })
})
