// The bytes of a body as they came. Small pieces are put together, so that what is counted is about what is held: a Buffer
// costs some hundred bytes besides its own.

/** A piece shorter than this is put together with its neighbours. */
const small = 4 * 1024
/** What they are put into grows with them, so that it is never much larger than what is in it. */
const shortestTail = 256
const longestTail = 64 * 1024

export class Pieces {
  /** Where each piece begins, beside the pieces themselves. */
  #starts: number[] = []
  #list: Buffer[] = []
  /** What small pieces are copied into; the last of the list is its filled part. */
  #tail: Buffer | undefined
  #size = 0

  /** Bytes added so far. */
  get size(): number {
    return this.#size
  }

  get all(): readonly Buffer[] {
    return this.#list
  }

  add(piece: Buffer): void {
    const last = this.#list.at(-1)
    const length = (last?.length ?? 0) + piece.length
    if (last === undefined || piece.length >= small || !this.#open(last) || length > longestTail) this.#push(piece)
    else {
      if (!this.#tail || length > this.#tail.length) {
        this.#tail = Buffer.allocUnsafeSlow(Math.min(longestTail, Math.max(shortestTail, length * 2)))
        last.copy(this.#tail)
      }
      piece.copy(this.#tail, last.length)
      this.#list[this.#list.length - 1] = this.#tail.subarray(0, length)
    }
    this.#size += piece.length
  }

  /** Takes the first piece away; it cannot be looked up any more. */
  shift(): Buffer | undefined {
    this.#starts.shift()
    const first = this.#list.shift()
    if (this.#list.length === 0) this.#tail = undefined
    return first
  }

  /** The bytes from `start` to before `end`, without copying. */
  between(start: number, end: number): Buffer[] {
    const out: Buffer[] = []
    for (let i = this.#indexOf(start); i < this.#list.length; i++) {
      const at = this.#starts[i]!
      if (at >= end) break
      const piece = this.#list[i]!.subarray(Math.max(0, start - at), end - at)
      if (piece.length > 0) out.push(piece)
    }
    return out
  }

  #push(piece: Buffer): void {
    this.#tail = undefined
    this.#starts.push(this.#size)
    this.#list.push(piece)
  }

  /** More may be put together with the last piece. */
  #open(last: Buffer): boolean {
    return this.#tail !== undefined || last.length < small
  }

  /** Which piece holds the byte at `offset`. */
  #indexOf(offset: number): number {
    let low = 0
    let high = this.#starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#starts[middle]! <= offset) low = middle
      else high = middle - 1
    }
    return low
  }
}
