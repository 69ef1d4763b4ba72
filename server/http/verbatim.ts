// JSON text that is sent as it is stored: a job's body and answer reach REST callers with their numbers exact, because
// nobody parses them on the way.

import { randomUUID } from 'node:crypto'

/** A value whose JSON text is known already. */
export class Verbatim {
  readonly text: readonly Buffer[]

  constructor(text: Iterable<Buffer>) {
    this.text = [...text]
  }

  /** The value, for callers that take parsed ones (exact to 2^53). */
  parse(): unknown {
    return JSON.parse(Buffer.concat(this.text).toString())
  }
}

/** JSON.stringify for values that may hold Verbatim ones: pieces to be written one after the other. */
export function stringify(value: unknown): Buffer[] {
  const found: Verbatim[] = []
  // Nobody can guess the mark, so no string of a caller is ever taken for one.
  let mark = ''
  const text = JSON.stringify(value, (_, inner: unknown) => {
    if (!(inner instanceof Verbatim)) return inner
    mark ||= randomUUID()
    return mark + String(found.push(inner) - 1)
  })
  if (found.length === 0) return [Buffer.from(text)]
  const parts = text.split(new RegExp(`"${mark}(\\d+)"`))
  return parts.flatMap((part, i) => (i % 2 === 0 ? [Buffer.from(part)] : (found[Number(part)]?.text ?? [])))
}
