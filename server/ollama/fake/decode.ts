// JSON as Go's decoder reads it: the first value of the text, anything after it ignored, errors in Go's words, members in
// the order in which they were written last. Which fields a route has, and that their names have no case, is in request.ts.

export class SyntaxFault extends Error {}

const spaces = new Set([' ', '\t', '\r', '\n'])
const escapes: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  first(): unknown {
    this.#space()
    if (this.#at >= this.#text.length) throw new SyntaxFault('EOF')
    return this.#value('looking for beginning of value')
  }

  #value(context: string): unknown {
    const c = this.#peek()
    if (c === '{') return this.#object()
    if (c === '[') return this.#array()
    if (c === '"') return this.#string()
    if (c === 't') return this.#literal('true', true)
    if (c === 'f') return this.#literal('false', false)
    if (c === 'n') return this.#literal('null', null)
    if (c === '-' || (c >= '0' && c <= '9')) return this.#number()
    throw this.#invalid(context)
  }

  #object(): unknown {
    const object: Record<string, unknown> = {}
    this.#at++
    this.#space()
    if (this.#peek() === '}') {
      this.#at++
      return object
    }
    for (;;) {
      if (this.#peek() !== '"') throw this.#invalid('looking for beginning of object key string')
      const name = this.#string()
      this.#space()
      if (this.#peek() !== ':') throw this.#invalid('after object key')
      this.#at++
      this.#space()
      const value = this.#value('looking for beginning of value')
      // Where a name stands is where it was written last.
      delete object[name]
      object[name] = value
      this.#space()
      const c = this.#peek()
      if (c !== ',' && c !== '}') throw this.#invalid('after object key:value pair')
      this.#at++
      if (c === '}') return object
      this.#space()
    }
  }

  #array(): unknown[] {
    const items: unknown[] = []
    this.#at++
    this.#space()
    if (this.#peek() === ']') {
      this.#at++
      return items
    }
    for (;;) {
      items.push(this.#value('looking for beginning of value'))
      this.#space()
      const c = this.#peek()
      if (c !== ',' && c !== ']') throw this.#invalid('after array element')
      this.#at++
      if (c === ']') return items
      this.#space()
    }
  }

  #string(): string {
    let text = ''
    this.#at++
    for (;;) {
      const c = this.#peek()
      if (c < ' ') throw this.#invalid('in string literal')
      this.#at++
      if (c === '"') return text
      if (c !== '\\') {
        text += c
        continue
      }
      const escape = this.#peek()
      if (escape === 'u') {
        this.#at++
        let code = ''
        while (code.length < 4) {
          if (!/[0-9a-fA-F]/.test(this.#peek())) throw this.#invalid('in \\u hexadecimal character escape')
          code += this.#text[this.#at++]
        }
        text += String.fromCharCode(Number.parseInt(code, 16))
        continue
      }
      if (!'"\\/bfnrt'.includes(escape)) throw this.#invalid('in string escape code')
      this.#at++
      text += escapes[escape] ?? escape
    }
  }

  #number(): number {
    const match = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/.exec(this.#text.slice(this.#at, this.#at + 400))
    if (!match) {
      this.#at++
      throw this.#invalid('in numeric literal')
    }
    this.#at += match[0].length
    const c = this.#text[this.#at]
    if (c === '.' && match[2] === undefined && match[3] === undefined) {
      this.#at++
      this.#peek()
      throw this.#invalid('after decimal point in numeric literal')
    }
    if ((c === 'e' || c === 'E') && match[3] === undefined) {
      this.#at += /^[eE][+-]/.test(this.#text.slice(this.#at, this.#at + 2)) ? 2 : 1
      this.#peek()
      throw this.#invalid('in exponent of numeric literal')
    }
    return Number(match[0])
  }

  #literal<T>(word: string, value: T): T {
    for (let i = 0; i < word.length; i++) {
      if (this.#peek() !== word[i]) throw this.#invalid(`in literal ${word} (expecting '${word[i]}')`)
      this.#at++
    }
    return value
  }

  #space(): void {
    while (spaces.has(this.#text[this.#at] ?? '')) this.#at++
  }

  #peek(): string {
    const c = this.#text[this.#at]
    if (c === undefined) throw new SyntaxFault('unexpected EOF')
    return c
  }

  #invalid(context: string): SyntaxFault {
    const c = this.#text[this.#at]
    if (c === undefined) return new SyntaxFault('unexpected EOF')
    // Go reads bytes: of a character beyond ASCII it names the first one.
    const byte = String.fromCharCode(Buffer.from(c)[0] ?? 0)
    const shown = c === "'" ? "'\\''" : c === '"' ? `'"'` : `'${JSON.stringify(byte).slice(1, -1)}'`
    return new SyntaxFault(`invalid character ${shown} ${context}`)
  }
}

/** The first JSON value of the text; throws SyntaxFault in Go's words, `EOF` for nothing at all. */
export function decode(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    // JSON.parse is far faster but forgets which of two spellings of one name came last.
    if (!hasTwins(value)) return value
  } catch {
    // Go may still be content (text after the first value), or knows better words for what is wrong.
  }
  return new Reader(text).first()
}

function hasTwins(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const names = Object.keys(value)
  return new Set(names.map((name) => name.toLowerCase())).size !== names.length
}
