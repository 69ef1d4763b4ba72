// An incremental JSON scanner: it is fed a text in pieces cut anywhere, checks the grammar and says where the wanted
// values stand (capture.ts). It parses nothing and holds no bytes, so a body of any size costs neither memory nor a
// stall of the event loop. Strict is RFC 8259 for foreman's own routes; lenient is what Go's decoder would accept,
// for looking at a body that only passes through.
import { Captures, type Capture, type Kind } from './capture.ts'
import { EscapeRun, firstControl, JsonSyntaxError, LiteralRun, NumberRun, StringStops, Utf8Run } from './grammar.ts'

export type { Capture } from './capture.ts'
export { JsonSyntaxError } from './grammar.ts'

export interface ScanOptions {
  /** `strict` throws on anything but RFC 8259; `lenient` ignores the case of keys and what follows the first value, and gives up silently. */
  mode: 'strict' | 'lenient'
  /** Paths of the wanted values; `*` is any key or index, `[]` the whole value. */
  capture: string[][]
  /** Depth from which on keys are compared without case, the root's being 0; lenient: 0, strict: never. */
  foldFrom?: number
  /** How many captures are kept at most (10,000). */
  limit?: number
}

// What may come next.
const VALUE = 0
const ELEMENT_OR_END = 1
const KEY_OR_END = 2
const KEY = 3
const COLON = 4
const COMMA_OR_END = 5
const DONE = 6
const STRING = 7
const ESCAPE = 8
const NUMBER = 9
const LITERAL = 10

const depthLimit = { strict: 1_000, lenient: 10_000 }
const quote = 0x22
const backslash = 0x5c
/** Bytes of a string looked at one by one before the native search is worth its call. */
const shortString = 32

/** One scan of one text. `write` its pieces in order, then `end`. */
export class JsonScan {
  /** Lenient only: the text is not what Go would read, the captures mean nothing. */
  failed = false
  readonly #strict: boolean
  readonly #captures: Captures
  readonly #containers: boolean[] = []
  #state = VALUE
  #isKey = false
  /** The string being read is a key that is followed. */
  #followed = false
  #scalar: Capture | undefined
  /** Offset of the current piece in the whole text. */
  #offset = 0
  readonly #escape = new EscapeRun()
  readonly #number = new NumberRun()
  readonly #literal = new LiteralRun()
  readonly #utf8: Utf8Run | undefined

  constructor(options: ScanOptions) {
    this.#strict = options.mode === 'strict'
    this.#utf8 = this.#strict ? new Utf8Run() : undefined
    this.#captures = new Captures(
      options.capture,
      options.foldFrom ?? (this.#strict ? Infinity : 0),
      options.limit ?? 10_000,
    )
  }

  /** The wanted values in the order they start; complete after `end`. The last of repeated keys wins. */
  get captures(): Capture[] {
    return this.failed ? [] : this.#captures.found
  }

  /** More values matched than the limit. */
  get overflow(): boolean {
    return this.#captures.overflow
  }

  /** The first value is complete. */
  get done(): boolean {
    return this.#state === DONE
  }

  /** Takes the next piece. @throws JsonSyntaxError in strict mode. */
  write(chunk: Buffer): void {
    if (this.failed || (!this.#strict && this.#state === DONE)) return
    this.#scan(chunk)
    if (this.#utf8 && !this.#utf8.write(chunk)) this.#fail('invalid UTF-8', this.#offset)
    this.#offset += chunk.length
  }

  /** The text is over. @throws JsonSyntaxError in strict mode. */
  end(): void {
    if (this.failed) return
    if (this.#state === NUMBER && this.#containers.length === 0 && this.#number.complete) this.#ended(this.#offset)
    if (this.#state !== DONE) this.#fail('unexpected end of JSON', this.#offset)
    else if (this.#utf8?.open) this.#fail('invalid UTF-8', this.#offset)
    else this.#captures.finish()
  }

  #fail(message: string, offset: number): void {
    if (this.#strict) throw new JsonSyntaxError(message, offset)
    this.failed = true
  }

  #scan(chunk: Buffer): void {
    const n = chunk.length
    const base = this.#offset
    const containers = this.#containers
    const captures = this.#captures
    let stops: StringStops | undefined
    let i = 0
    while (i < n) {
      let c = chunk[i]!
      switch (this.#state) {
        case STRING: {
          let from = i
          const near = Math.min(n, i + shortString)
          while (i < near && (c = chunk[i]!) !== quote && c !== backslash && c >= 0x20) i++
          if (i === near && i < n) {
            stops ??= new StringStops(chunk)
            const end = stops.next(i)
            if (this.#strict) {
              const control = firstControl(chunk, i, end)
              if (control >= 0) return this.#fail('control character in a string', base + control)
            }
            i = end
          }
          if (this.#followed) captures.keyPart(chunk, from, i)
          if (i === n) return
          c = chunk[i]!
          if (c === quote) {
            i++
            if (!this.#isKey) this.#ended(base + i)
            else {
              if (this.#followed && !captures.keyEnd()) return this.#fail('invalid key', base + i)
              this.#followed = false
              this.#state = COLON
            }
          } else if (c === backslash) {
            from = i++
            if (this.#followed) captures.keyPart(chunk, from, i)
            this.#escape.start()
            this.#state = ESCAPE
          } else return this.#fail('control character in a string', base + i)
          continue
        }
        case ESCAPE:
          if (!this.#escape.next(c)) return this.#fail('invalid escape', base + i)
          if (this.#followed) captures.keyPart(chunk, i, i + 1)
          i++
          if (this.#escape.complete) this.#state = STRING
          continue
        case NUMBER: {
          const at = this.#number.run(chunk, i)
          if (at < 0) return this.#fail('invalid number', base - at - 1)
          i = at
          if (i < n) this.#ended(base + i)
          continue
        }
        case LITERAL:
          if (!this.#literal.next(c)) return this.#fail('unexpected character', base + i)
          i++
          if (this.#literal.complete) this.#ended(base + i)
          continue
      }
      if (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) {
        i++
        continue
      }
      const at = base + i++
      switch (this.#state) {
        case COMMA_OR_END:
          if (c === 0x2c) this.#state = containers[containers.length - 1] ? KEY : VALUE
          else if (c === (containers[containers.length - 1] ? 0x7d : 0x5d)) this.#close(at + 1)
          else return this.#fail('expected a comma or the end', at)
          continue
        case COLON:
          if (c !== 0x3a) return this.#fail('expected a colon', at)
          this.#state = VALUE
          continue
        case KEY_OR_END:
        case KEY:
          if (c === quote) {
            this.#isKey = true
            this.#followed = captures.level === containers.length
            this.#state = STRING
          } else if (c === 0x7d && this.#state === KEY_OR_END) this.#close(at + 1)
          else return this.#fail('expected a key', at)
          continue
        case DONE:
          if (!this.#strict) return
          return this.#fail('text after the value', at)
        default:
          if (c === 0x5d && this.#state === ELEMENT_OR_END) this.#close(at + 1)
          else if (!this.#start(c, at)) return
      }
    }
  }

  /** A value starts with byte `c`. */
  #start(c: number, at: number): boolean {
    const followed = this.#captures.level === this.#containers.length
    let kind: Kind
    if (c === quote) {
      kind = 'string'
      this.#isKey = false
      this.#state = STRING
    } else if (c === 0x2d || (c >= 0x30 && c <= 0x39)) {
      kind = 'number'
      this.#state = NUMBER
      this.#number.start(c)
    } else if (c === 0x7b || c === 0x5b) {
      const isObject = c === 0x7b
      const capture = followed ? this.#captures.value(isObject ? 'object' : 'array', at) : undefined
      this.#containers.push(isObject)
      if (this.#containers.length > depthLimit[this.#strict ? 'strict' : 'lenient']) {
        this.#fail('nested too deeply', at)
        return false
      }
      if (followed) this.#captures.open(isObject, this.#containers.length, capture)
      this.#state = isObject ? KEY_OR_END : ELEMENT_OR_END
      return true
    } else {
      const literal = this.#literal.start(c)
      if (!literal) this.#fail('unexpected character', at)
      if (!literal) return false
      kind = literal
      this.#state = LITERAL
    }
    this.#scalar = followed ? this.#captures.value(kind, at) : undefined
    return true
  }

  /** The string, number or literal ended before the byte at `end`. */
  #ended(end: number): void {
    if (this.#scalar) this.#scalar.end = end
    this.#scalar = undefined
    this.#state = this.#containers.length === 0 ? DONE : COMMA_OR_END
  }

  #close(end: number): void {
    const depth = this.#containers.length
    if (this.#captures.level === depth || this.#captures.closingAt === depth) this.#captures.close(depth, end)
    this.#containers.length = depth - 1
    this.#state = depth === 1 ? DONE : COMMA_OR_END
  }
}
