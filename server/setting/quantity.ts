// Durations and sizes as people write them in settings: `500ms`, `10s`, `5m`, `2h`, `7d` and `64KB`, `64MB`, `1GB`.
// Text in, number out. Which setting takes which of them, and whether 0 or `off` is allowed, is for config.ts to say.

const milliseconds: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const bytes: Record<string, number> = { KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 }

/** A hundred years: more than anybody means, and what Ollama can still count in nanoseconds. */
const longest_ms = 36_500 * 86_400_000

/** Milliseconds of a whole number with a unit; a bare `0` needs none. Undefined when the text says no duration, or more than 36500d. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0
  const value = times(/^(\d{1,7})(ms|s|m|h|d)$/.exec(text), milliseconds)
  return value !== undefined && value <= longest_ms ? value : undefined
}

/** Bytes of a whole number with a unit in either case; a KB is 1,024 bytes. Undefined when the text says no size. */
export function parseSize(text: string): number | undefined {
  return times(/^(\d{1,7})(KB|MB|GB)$/.exec(text.toUpperCase()), bytes)
}

function times(match: RegExpExecArray | null, units: Record<string, number>): number | undefined {
  const unit = units[match?.[2] ?? '']
  return match && unit ? Number(match[1]) * unit : undefined
}
