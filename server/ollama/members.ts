// The members of one JSON object as the text they were written in, so that numbers, escapes and field order survive
// unchanged. Knows JSON's structure only; what a member says is read with JSON.parse where it is needed.

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a

/** Member name → its value's raw text, in the order of the object; of duplicates the last wins. */
export type Members = Map<string, Buffer>

/** Up to this many bytes the whole text is parsed as well; a longer one would hold the event loop. */
const checked = 256 * 1024

type Span = { key: [number, number]; value: [number, number] }
type Phase = 'before' | 'key' | 'colon' | 'value' | 'after'

/**
 * Finds the members of one object in text that arrives in pieces: a little work for each piece, so that an answer of
 * many megabytes never holds the event loop.
 */
export class MemberScan {
  #position = 0
  #depth = 0
  #inString = false
  #escaped = false
  #phase: Phase = 'before'
  #key: [number, number] = [0, 0]
  #valueStart = -1
  #valueEnd = -1
  #spans: Span[] = []

  /** Throws SyntaxError when the text can't be one object. */
  write(chunk: Buffer): void {
    const base = this.#position
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i] as number
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false
        else if (byte === backslash) this.#escaped = true
        else if (byte === quote) this.#closeString(base + i + 1)
      } else if (byte > 0x20) this.#structure(byte, base + i)
    }
    this.#position = base + chunk.length
  }

  /** The members, cut out of the whole text. Throws SyntaxError when it isn't one complete object. */
  end(text: Buffer): Members {
    if (text.length <= checked) JSON.parse(text.toString())
    if (this.#phase !== 'after') throw new SyntaxError('the JSON object is not complete')
    const members: Members = new Map()
    for (const { key, value } of this.#spans) {
      members.set(JSON.parse(text.toString('utf8', ...key)) as string, text.subarray(...value))
    }
    return members
  }

  #closeString(end: number): void {
    this.#inString = false
    if (this.#depth !== 1) return
    if (this.#phase === 'key') {
      this.#key[1] = end
      this.#phase = 'colon'
    } else this.#valueEnd = end
  }

  #structure(byte: number, at: number): void {
    if (this.#depth > 1) {
      if (byte === quote) this.#inString = true
      else if (byte === 0x7b || byte === 0x5b) this.#depth++
      else if (byte === 0x7d || byte === 0x5d) {
        this.#depth--
        if (this.#depth === 1) this.#valueEnd = at + 1
      }
      return
    }
    if (this.#phase === 'value') this.#inValue(byte, at)
    else if (this.#phase === 'before' && byte === 0x7b) {
      this.#depth = 1
      this.#phase = 'key'
    } else if (this.#phase === 'key' && byte === quote) {
      this.#key = [at, at]
      this.#inString = true
    } else if (this.#phase === 'key' && byte === 0x7d && this.#spans.length === 0) {
      this.#depth = 0
      this.#phase = 'after'
    } else if (this.#phase === 'colon' && byte === colon) {
      this.#phase = 'value'
      this.#valueStart = -1
    } else throw new SyntaxError(`unexpected byte at ${at} of what should be one JSON object`)
  }

  #inValue(byte: number, at: number): void {
    if (byte === comma || byte === 0x7d) {
      if (this.#valueStart === -1) throw new SyntaxError(`a member without a value at ${at}`)
      this.#spans.push({ key: this.#key, value: [this.#valueStart, this.#valueEnd] })
      this.#phase = byte === comma ? 'key' : 'after'
      if (byte === 0x7d) this.#depth = 0
      return
    }
    if (this.#valueStart === -1) this.#valueStart = at
    if (byte === quote) this.#inString = true
    else if (byte === 0x7b || byte === 0x5b) this.#depth = 2
    this.#valueEnd = at + 1
  }
}

/** The members of the object `text` is. Throws SyntaxError when it isn't one. */
export function membersOf(text: Buffer): Members {
  const scan = new MemberScan()
  scan.write(text)
  return scan.end(text)
}

/** The value of a member, undefined when it is absent. Throws SyntaxError when it isn't JSON. */
export function valueOf(members: Members, key: string): unknown {
  const text = members.get(key)
  return text ? (JSON.parse(text.toString()) as unknown) : undefined
}
