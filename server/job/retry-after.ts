// What a `Retry-After` header asks for, whoever sent it: a number of seconds, or a date.

/** Milliseconds from `wall` on; undefined when it says nothing. */
export function waitFrom(header: string | string[] | undefined, wall: number): number | undefined {
  const text = (Array.isArray(header) ? header[0] : header)?.trim()
  if (!text) return undefined
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : Math.max(0, date - wall)
}
