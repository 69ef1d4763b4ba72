// Two request headers with a grammar of their own: Prefer (RFC 7240) and Idempotency-Key.

import { ForemanError } from '../job/error.ts'

/** The longest a call waits, in seconds. Gateways cut idle connections at 30 to 100 s: callers loop. */
export const longestWait_s = 120

/** One element of a list: a comma within quotes does not end it, nor does one that is never closed leave any to look for. */
const element = /(?:[^",]|"(?:[^"\\]|\\.)*(?:"|\\?$))+/g

/** What of `Prefer` foreman understands. A preference that makes no sense is ignored, as the RFC has it. */
export function prefer(header: string | string[] | undefined): { wait?: number; respondAsync: boolean } {
  const preferences = [header ?? []].flat().join(',').match(element) ?? []
  const wait = preferences.map((p) => /^\s*wait\s*=\s*"?(\d{1,6})"?\s*(;|$)/i.exec(p)?.[1]).find((p) => p !== undefined)
  return {
    respondAsync: preferences.some((p) => /^\s*respond-async\s*(=\s*""\s*)?(;|$)/i.test(p)),
    ...(wait === undefined ? {} : { wait: Math.min(Number(wait), longestWait_s) }),
  }
}

/** The key of an `Idempotency-Key` header: a Structured-Fields string or a bare token. */
export function idempotencyKey(header: string | string[]): string {
  const text = [header].flat().join(',').trim()
  const quoted = /^"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/.exec(text)?.[1]
  const key = quoted === undefined ? text : quoted.replaceAll(/\\(["\\])/g, '$1')
  if (key.length >= 1 && key.length <= 255 && (quoted !== undefined || /^[\x21\x23-\x7e][\x21-\x7e]*$/.test(key)))
    return key
  throw new ForemanError('invalid_request', 'Idempotency-Key must be a string of 1 to 255 characters', {
    errors: [{ pointer: '/idempotency_key', detail: '1 to 255 printable characters' }],
  })
}
