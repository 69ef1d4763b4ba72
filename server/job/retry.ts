// When a failed attempt is tried again. Pure: the randomness of the jitter is an argument.

const steps_ms = [5_000, 30_000, 120_000, 600_000, 1_800_000]

/** The longest wait between two attempts, jitter included; a stored due time further away is a broken clock. */
export const longestBackoff_ms = Math.ceil(1_800_000 * 1.2)

/**
 * Milliseconds to wait after attempt number `attempt` (1 = the first) failed. `random` in [0, 1) spreads by ±20 %.
 * A wait the target asked for (`retryAfter_ms`) is never undercut, within the longest step.
 */
export function backoff(attempt: number, random: number, retryAfter_ms = 0): number {
  const step = steps_ms[Math.min(Math.max(attempt, 1), steps_ms.length) - 1] as number
  const spread = Math.round(step * (0.8 + 0.4 * random))
  return Math.min(Math.max(spread, retryAfter_ms), longestBackoff_ms)
}
