// JSON text that is sent as it is stored: a job's body and answer reach REST callers with their numbers exact, because
// nobody parses them on the way. They are read while they are sent, so that no answer is ever whole in memory.

import { randomUUID } from 'node:crypto'

/** A value whose JSON text is known already, and of how many bytes it is. It is read when it is sent. */
export class Verbatim {
  readonly text: Iterable<Buffer>
  readonly size: number

  constructor(text: Iterable<Buffer>, size: number) {
    this.text = text
    this.size = size
  }

  /** The value, for callers that take parsed ones (exact to 2^53). */
  parse(): unknown {
    return JSON.parse(Buffer.concat([...this.text]).toString())
  }
}

/** JSON.stringify for values that may hold Verbatim ones: parts to be written one after the other. */
export function stringify(value: unknown): (Buffer | Verbatim)[] {
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
  return parts.map((part, i) => (i % 2 === 0 ? Buffer.from(part) : (found[Number(part)] as Verbatim)))
}

/** Bytes of all parts together. */
export function sizeOf(parts: readonly (Buffer | Verbatim)[]): number {
  return parts.reduce((sum, part) => sum + (part instanceof Verbatim ? part.size : part.length), 0)
}

/** The bytes of the parts, read as they are asked for. Throws when a text has another size than it was said to have. */
export function* piecesOf(parts: readonly (Buffer | Verbatim)[]): Generator<Buffer> {
  for (const part of parts) {
    if (!(part instanceof Verbatim)) {
      yield part
      continue
    }
    let left = part.size
    for (const piece of part.text) {
      left -= piece.length
      yield piece
    }
    // It was erased meanwhile: the answer has to break off, its length was promised.
    if (left !== 0) throw new Error(`the text is ${left} bytes short`)
  }
}
