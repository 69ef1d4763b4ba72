// Stretches of time, and what is left of some when others are taken away. Pure.

/** Epoch milliseconds; `to` is Infinity while it goes on. */
export interface Span {
  from: number
  to: number
}

/** Whether any of them touches the time from `from` to `to`. */
export function touches(spans: readonly Span[], from: number, to = from): boolean {
  return spans.some((span) => span.from <= to && span.to >= from)
}

/** The same time in as few spans as it takes, in order. */
export function union(spans: readonly Span[]): Span[] {
  const joined: Span[] = []
  for (const { from, to } of spans.toSorted((a, b) => a.from - b.from)) {
    const last = joined.at(-1)
    if (last && from <= last.to) last.to = Math.max(last.to, to)
    else joined.push({ from, to })
  }
  return joined
}

/** What of `spans` is in none of `others`. */
export function without(spans: readonly Span[], others: readonly Span[]): Span[] {
  const taken = union(others)
  return union(spans).flatMap(({ from, to }) => {
    const left: Span[] = []
    let at = from
    for (const other of taken) {
      if (other.to <= at) continue
      if (other.from >= to) break
      if (other.from > at) left.push({ from: at, to: other.from })
      at = other.to
    }
    if (at < to) left.push({ from: at, to })
    return left
  })
}

/** Each goes on for `ms` longer. */
export function longer(spans: readonly Span[], ms: number): Span[] {
  return spans.map(({ from, to }) => ({ from, to: to + ms }))
}
