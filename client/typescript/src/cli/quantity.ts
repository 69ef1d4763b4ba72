// Quantities as people read them.

/** `8s`, `3m 20s`, `2h 5m`, `4d 1h`; what is negative or below a second is `0s`. */
export function duration(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000))
  if (s < 60) return `${s}s`
  if (s < 3_600) return `${Math.floor(s / 60)}m ${s % 60}s`
  if (s < 86_400) return `${Math.floor(s / 3_600)}h ${Math.floor((s % 3_600) / 60)}m`
  return `${Math.floor(s / 86_400)}d ${Math.floor((s % 86_400) / 3_600)}h`
}

export function tokens(count: number): string {
  return `${count} token${count === 1 ? '' : 's'}`
}

const units = ['B', 'kB', 'MB', 'GB', 'TB']

/** In powers of 1,000, as Ollama has them: `17 B`, `1.2 GB`. */
export function size(bytes: number): string {
  let at = 0
  let rest = bytes
  while (rest >= 999.5 && at < units.length - 1) {
    rest /= 1000
    at++
  }
  return `${at === 0 || rest >= 99.5 ? Math.round(rest) : rest.toFixed(1)} ${units[at]}`
}

/** How far a moment (RFC 3339) is ahead of `now` (milliseconds): `in 8s`; one that has passed is `now`. */
export function ahead(moment: string, now: number): string {
  const ms = Date.parse(moment) - now
  return ms < 1000 ? 'now' : `in ${duration(ms)}`
}
