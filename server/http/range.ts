// The Range header of a download (RFC 9110, section 14): which bytes of a thing of a known size are asked for.

/** Bytes from `start` to before `end`. */
export interface Span {
  start: number
  end: number
}

/**
 * What is asked for of `size` bytes. `null` when that is nothing there is (416); undefined where the whole is the
 * answer: no Range, another unit than bytes, one that makes no sense, or several ranges, which a server need not serve.
 */
export function spanOf(header: string | undefined, size: number): Span | null | undefined {
  const match = /^\s*bytes\s*=\s*(?:(\d+)-(\d*)|-(\d+))\s*$/i.exec(header ?? '')
  if (!match) return undefined
  const [, first, last, suffix] = match
  if (suffix !== undefined)
    return Number(suffix) === 0 || size === 0 ? null : { start: Math.max(0, size - Number(suffix)), end: size }
  const start = Number(first)
  const end = last === '' ? size : Math.min(Number(last) + 1, size)
  if (last !== '' && Number(last) < start) return undefined
  return start < size ? { start, end } : null
}
