// Which values inside a JSON text are wanted, and where they were found. It follows the path of the scanner
// (scan.ts), which tells it of keys, values and ends; it reads no JSON itself and keeps no bytes, only offsets.

export type Kind = 'object' | 'array' | 'string' | 'number' | 'true' | 'false' | 'null'

/** One wanted value: `start` (first byte) to `end` (one past the last) in the whole text. Its path has the keys as written; when they are compared without case, as the pattern has them. */
export interface Capture {
  path: (string | number)[]
  start: number
  end: number
  kind: Kind
}

interface Frame {
  /** Patterns (as bits) that may still match below this container. */
  mask: number
  /** Patterns that match the current member or element. */
  hit: number
  isObject: boolean
  name: string | number
  index: number
  /** The keys that came, each with the place its captures start at: they stand together. */
  seen: Map<string, number> | undefined
}

/** Follows wanted paths. A `*` in a pattern stands for any key or index. At most 31 patterns. */
export class Captures {
  found: Capture[] = []
  /** More values matched than `limit`, repeated keys counted each time; those beyond it were not kept. */
  overflow = false
  /** How many containers from the root on are followed; deeper ones hold nothing wanted. */
  level = 0
  /** The depth of the innermost captured container that is open, or -1. */
  closingAt = -1
  /** Keys longer than this (in bytes, as written) match nothing. */
  readonly #longestKey: number
  readonly #patterns: string[][]
  /** The patterns as keys are compared with them: folded from `foldFrom` on. */
  readonly #folded: string[][]
  readonly #foldFrom: number
  readonly #limit: number
  readonly #frames: Frame[] = []
  readonly #open: { depth: number; capture: Capture }[] = []
  /** What the value that starts next may still match below itself. */
  #below = 0
  #forgotten = false
  /** The key that is being read, one character a byte. */
  #key = ''

  /** Keys from the depth `foldFrom` on (the root's are 0) are compared without case. */
  constructor(patterns: string[][], foldFrom: number, limit: number) {
    if (patterns.length > 31) throw new RangeError('at most 31 patterns')
    this.#patterns = patterns
    this.#foldFrom = foldFrom
    this.#folded = patterns.map((pattern) => pattern.map((name, depth) => (depth < foldFrom ? name : fold(name))))
    this.#limit = limit
    let longest = 0
    for (const segment of patterns.flat()) longest = Math.max(longest, segment === '*' ? Infinity : segment.length)
    // A character may be written as \uXXXX, one beyond the basic plane as two of them.
    this.#longestKey = longest * 6
  }

  /** The next bytes of the coming member's key, as written, in the innermost container. */
  keyPart(chunk: Buffer, start: number, end: number): void {
    if (this.#key.length <= this.#longestKey) this.#key += chunk.toString('latin1', start, end)
  }

  /** The key is complete. False when it can't be decoded. */
  keyEnd(): boolean {
    let text = this.#key
    this.#key = ''
    this.#frames[this.level - 1]!.hit = 0
    if (text.length > this.#longestKey) return true
    if (notPlain.test(text)) {
      try {
        text = JSON.parse(`"${Buffer.from(text, 'latin1').toString()}"`) as string
      } catch {
        return false
      }
    }
    this.#named(text)
    return true
  }

  #named(text: string): void {
    const frame = this.#frames[this.level - 1]!
    const depth = this.level - 1
    const wanted = depth < this.#foldFrom ? text : fold(text)
    let name = text
    for (let i = 0; i < this.#patterns.length; i++) {
      if (!(frame.mask & (1 << i))) continue
      const segment = this.#patterns[i]![depth]!
      if (segment === '*') frame.hit |= 1 << i
      else if (this.#folded[i]![depth] === wanted) {
        frame.hit |= 1 << i
        name = segment
      }
    }
    if (frame.hit === 0) return
    frame.name = name
    frame.seen ??= new Map()
    this.#forget(name, frame.seen.get(name))
    frame.seen.set(name, this.found.length)
  }

  /** A value starts where a followed path leads. Returns its capture if it is wanted itself. */
  value(kind: Kind, start: number): Capture | undefined {
    const frame = this.#frames[this.level - 1]
    let hit: number
    if (frame === undefined) hit = ~(~0 << this.#patterns.length)
    else {
      if (!frame.isObject) frame.name = frame.index++
      hit = frame.hit
    }
    this.#below = 0
    if (hit === 0) return undefined
    let wanted = false
    for (let i = 0; i < this.#patterns.length; i++) {
      if (!(hit & (1 << i))) continue
      if (this.#patterns[i]!.length === this.level) wanted = true
      else this.#below |= 1 << i
    }
    if (!wanted) return undefined
    if (this.found.length >= this.#limit) {
      this.overflow = true
      return undefined
    }
    const capture: Capture = { path: this.#frames.map((f) => f.name), start, end: -1, kind }
    this.found.push(capture)
    return capture
  }

  /** The value just started is a container, now the one at `depth` (the root is 1). */
  open(isObject: boolean, depth: number, capture: Capture | undefined): void {
    if (capture) {
      this.#open.push({ depth, capture })
      this.closingAt = depth
    }
    if (this.level !== depth - 1 || this.#below === 0) return
    let hit = 0
    if (!isObject) {
      for (let i = 0; i < this.#patterns.length; i++) {
        if (this.#below & (1 << i) && this.#patterns[i]![this.level] === '*') hit |= 1 << i
      }
      if (hit === 0) return
    }
    this.level++
    this.#frames.push({ mask: this.#below, hit, isObject, name: '', index: 0, seen: undefined })
  }

  /** The container at `depth` has ended before the byte at `end`. */
  close(depth: number, end: number): void {
    if (this.level === depth) {
      this.level--
      this.#frames.pop()
    }
    if (this.closingAt === depth) {
      this.#open.pop()!.capture.end = end
      this.closingAt = this.#open.at(-1)?.depth ?? -1
    }
  }

  /** The text is over: drops what a repeated key has replaced. */
  finish(): void {
    if (this.#forgotten) this.found = this.found.filter((capture) => capture.end !== forgotten)
  }

  /** If a key came again, what its earlier value held counts no more. */
  #forget(name: string, since: number | undefined): void {
    if (since === undefined) return
    for (let i = since; i < this.found.length && this.found[i]!.path[this.level - 1] === name; i++) {
      this.found[i]!.end = forgotten
      this.#forgotten = true
    }
  }
}

const forgotten = -2

/** An escape or a byte beyond ASCII. */
const notPlain = /[\\\x80-\xff]/

/** Folds case as Go's JSON decoder does where it goes beyond lower case: the long s and the Kelvin sign. */
function fold(text: string): string {
  return text.toLowerCase().replaceAll('ſ', 's')
}
