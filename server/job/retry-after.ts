// What a `Retry-After` header asks for, whoever sent it: a number of seconds, or a date.

/** Nobody waits for longer, and what is longer may be no number that can be told. */
const longest_ms = 365 * 86_400_000

/** Milliseconds from `wall` on, a year at most; undefined when it says nothing. */
export function waitFrom(header: string | string[] | undefined, wall: number): number | undefined {
  const text = [header].flat()[0]?.trim()
  if (!text) return undefined
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - wall
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(0, wait), longest_ms)
}
