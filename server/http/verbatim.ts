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

  /** Its mark, for `stringify`, which puts the text there. */
  toJSON(): string {
    if (!marks) throw new Error('a text that is known already is written by stringify')
    marks.mark ||= randomUUID()
    return marks.mark + String(marks.found.push(this) - 1)
  }
}

/** What the call of `stringify` that runs now has met. Nobody can guess the mark, so no string of a caller is taken for one. */
let marks: { mark: string; found: Verbatim[] } | undefined

/** A piece of JSON text, or a text that is known already. */
export type Part = string | Verbatim

/** JSON.stringify for values that may hold Verbatim ones: parts to be written one after the other. */
export function stringify(value: unknown): Part[] {
  const { found } = (marks = { mark: '', found: [] as Verbatim[] })
  try {
    const text = JSON.stringify(value)
    if (found.length === 0) return [text]
    const parts = text.split(new RegExp(`"${marks.mark}(\\d+)"`))
    return parts.map((part, i) => (i % 2 === 0 ? part : (found[Number(part)] as Verbatim)))
  } finally {
    marks = undefined
  }
}

/** Bytes of all parts together. */
export function sizeOf(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + (part instanceof Verbatim ? part.size : Buffer.byteLength(part)), 0)
}

/** The bytes of the parts, read as they are asked for. Throws when a text has another size than it was said to have. */
export function* piecesOf(parts: readonly Part[]): Generator<Buffer> {
  for (const part of parts) {
    if (!(part instanceof Verbatim)) {
      yield Buffer.from(part)
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
