// What can come of a try to deliver something, and when one that failed is tried again. Pure: the randomness of the
// jitter is an argument.

/** The first three are answers: a 2xx, any other status, a 410. The last two never left foreman. */
export const outcomes = [
  'delivered',
  'refused',
  'gone',
  'timed_out',
  'unreachable',
  'broken_off',
  'forbidden',
  'unsigned',
  'lost',
] as const
export type Outcome = (typeof outcomes)[number]

const second = 1000
const minute = 60 * second
const hour = 60 * minute

/** The waits between the tries; the first try is at once. */
const steps_ms = [
  5 * second,
  30 * second,
  2 * minute,
  10 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  24 * hour,
]

/** The longest wait between two tries, jitter included; a stored due time further away is a broken clock. */
export const longestRedelivery_ms = 24 * hour * 1.2

/**
 * Milliseconds to wait after try number `tries` (1 = the first) failed; null when that was the last. `random` in [0, 1)
 * spreads by ±20 %. A wait the receiver asked for (`retryAfter_ms`) is never undercut, within the longest step.
 */
export function redelivery(tries: number, random: number, retryAfter_ms = 0): number | null {
  const step = steps_ms[tries - 1]
  if (step === undefined) return null
  const spread = Math.round(step * (0.8 + 0.4 * random))
  return Math.min(Math.max(spread, retryAfter_ms), longestRedelivery_ms)
}
