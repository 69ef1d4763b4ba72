// Quantiles and how figures are written.

/** The value below which the share `q` of them lies. */
export function quantile(values: Iterable<number>, q: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Round by round one over the other: what the machine does meanwhile meets both, and falls out. */
export function ratios(over: readonly number[], under: readonly number[]): number[] {
  return over.map((value, i) => value / under[i]!)
}

/** Milliseconds as microseconds. */
export function us(ms: number): string {
  return `${Math.round(ms * 1000)} µs`
}

export function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 0)} ms`
}

/** Bytes as megabytes of 2²⁰ bytes, which is what MB means in foreman's settings. */
export function mb(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MB`
}

/** Figures of several rounds in the order they were measured. */
export function rounds(values: readonly number[], digits = 0): string {
  return values.map((value) => value.toFixed(digits)).join(' ')
}
