// The rules of JSON below the level of values: how a number, an escape, a string's bytes and UTF-8 may look. Each
// works on a piece of a text that may be cut anywhere. What follows what is scan.ts.
import { isUtf8 } from 'node:buffer'

/** The text is not JSON: what was wrong, and at which byte of it (in `offset` only). */
export class JsonSyntaxError extends Error {
  readonly offset: number

  constructor(message: string, offset: number) {
    super(message)
    this.name = 'JsonSyntaxError'
    this.offset = offset
  }
}

// Where in a number.
const SIGN = 0
const ZERO = 1
const WHOLE = 2
const POINT = 3
const FRACTION = 4
const E = 5
const E_SIGN = 6
const EXPONENT = 7

/** One number at a time, byte by byte over the pieces of a text. */
export class NumberRun {
  #state = SIGN

  /** A number starts with byte `c`, a minus or a digit. */
  start(c: number): void {
    this.#state = c === 0x2d ? SIGN : c === 0x30 ? ZERO : WHOLE
  }

  /** Whether the number may end here. */
  get complete(): boolean {
    const state = this.#state
    return state === ZERO || state === WHOLE || state === FRACTION || state === EXPONENT
  }

  /** Goes on from `i`: where the number ends (the piece's length: perhaps not yet), or -1 - position of what is wrong. */
  run(chunk: Buffer, i: number): number {
    const n = chunk.length
    let state = this.#state
    while (i < n) {
      const c = chunk[i]!
      if (c >= 0x30 && c <= 0x39) {
        if (state === WHOLE || state === FRACTION || state === EXPONENT) i++
        else if (state === ZERO) return -1 - i
        else {
          state = state === SIGN ? (c === 0x30 ? ZERO : WHOLE) : state === POINT ? FRACTION : EXPONENT
          i++
        }
      } else if (c === 0x2e && (state === ZERO || state === WHOLE)) {
        state = POINT
        i++
      } else if ((c === 0x65 || c === 0x45) && (state === ZERO || state === WHOLE || state === FRACTION)) {
        state = E
        i++
      } else if ((c === 0x2b || c === 0x2d) && state === E) {
        state = E_SIGN
        i++
      } else break
    }
    this.#state = state
    return i < n && !this.complete ? -1 - i : i
  }
}

const literals = ['true', 'false', 'null'] as const

/** One `true`, `false` or `null` at a time. */
export class LiteralRun {
  #text = ''
  #at = 0

  /** The literal that starts with byte `c`. */
  start(c: number): (typeof literals)[number] | undefined {
    const literal = literals.find((text) => text.charCodeAt(0) === c)
    this.#text = literal ?? ''
    this.#at = 1
    return literal
  }

  /** Whether `c` goes on with it. */
  next(c: number): boolean {
    return c === this.#text.charCodeAt(this.#at++)
  }

  get complete(): boolean {
    return this.#at === this.#text.length
  }
}

/** Where strings stop in one piece: the next quote or backslash. Natively searched, each byte once. */
export class StringStops {
  readonly #chunk: Buffer
  #quote = -1
  #backslash = -1

  constructor(chunk: Buffer) {
    this.#chunk = chunk
  }

  /** The first stop from `i` on, or the piece's length. `i` never goes back. */
  next(i: number): number {
    if (this.#quote < i) this.#quote = this.#find(0x22, i)
    if (this.#backslash < i) this.#backslash = this.#find(0x5c, i)
    return Math.min(this.#quote, this.#backslash)
  }

  #find(byte: number, i: number): number {
    const at = this.#chunk.indexOf(byte, i)
    return at < 0 ? this.#chunk.length : at
  }
}

/** One escape at a time, from the byte after its backslash: one of `"\\/bfnrt`, or `u` and four digits. */
export class EscapeRun {
  /** Digits still to come; -1 before the first byte. */
  #left = -1

  start(): void {
    this.#left = -1
  }

  /** Whether `c` may come next. */
  next(c: number): boolean {
    if (this.#left >= 0) {
      this.#left--
      return isHex(c)
    }
    this.#left = c === 0x75 ? 4 : 0
    return c === 0x75 || isEscape(c)
  }

  get complete(): boolean {
    return this.#left === 0
  }
}

function isEscape(c: number): boolean {
  return c === 0x22 || c === 0x5c || c === 0x2f || c === 0x62 || c === 0x66 || c === 0x6e || c === 0x72 || c === 0x74
}

function isHex(c: number): boolean {
  return (c >= 0x30 && c <= 0x39) || (c >= 0x61 && c <= 0x66) || (c >= 0x41 && c <= 0x46)
}

/** The first byte below 0x20 from `start` to `end`, or -1. Looks at four bytes at once. */
export function firstControl(chunk: Buffer, start: number, end: number): number {
  let i = start
  if (end - start >= 64) {
    while ((chunk.byteOffset + i) % 4 !== 0) {
      if (chunk[i]! < 0x20) return i
      i++
    }
    const words = new Int32Array(chunk.buffer, chunk.byteOffset + i, (end - i) >> 2)
    for (let w = 0; w < words.length; w++) {
      const word = words[w]!
      // Non-zero exactly when one of the four bytes is below 0x20.
      if ((word - 0x20202020) & ~word & 0x80808080) break
      i += 4
    }
  }
  for (; i < end; i++) if (chunk[i]! < 0x20) return i
  return -1
}

/** Checks that a text in pieces is UTF-8. */
export class Utf8Run {
  /** The bytes of a sequence that the end of a piece has cut. */
  #cut: Buffer = Buffer.alloc(0)

  /** Whether the text would end inside a sequence. */
  get open(): boolean {
    return this.#cut.length > 0
  }

  /** Whether the text is UTF-8 as far as the end of this piece. */
  write(chunk: Buffer): boolean {
    let rest = chunk
    if (this.#cut.length > 0) {
      const wanted = sequenceLength(this.#cut[0]!) - this.#cut.length
      const sequence = Buffer.concat([this.#cut, chunk.subarray(0, wanted)])
      if (chunk.length < wanted) {
        this.#cut = sequence
        return true
      }
      if (!isUtf8(sequence)) return false
      rest = chunk.subarray(wanted)
    }
    const whole = rest.length - cutLength(rest)
    this.#cut = whole < rest.length ? Buffer.from(rest.subarray(whole)) : Buffer.alloc(0)
    return isUtf8(rest.subarray(0, whole))
  }
}

/** How many bytes at the end belong to a sequence that is not complete. */
function cutLength(chunk: Buffer): number {
  for (let back = 1; back <= 3 && back <= chunk.length; back++) {
    const c = chunk[chunk.length - back]!
    if (c < 0x80) return 0
    if (c >= 0xc0) return sequenceLength(c) > back ? back : 0
  }
  return 0
}

function sequenceLength(first: number): number {
  return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
}
