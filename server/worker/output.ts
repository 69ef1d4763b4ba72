// What the target has said in the running attempt, line by line: kept once, for the artifact it becomes and for all who
// read along. A reader is a line number; who reads at the same one gets the same batch.

/** Lines that follow each other. */
export interface Batch {
  /** The number of the event with which the attempt began to work. */
  sequence: number
  /** How many lines come before the first. */
  from: number
  /** Without their line ends. */
  lines: readonly Buffer[]
}

/** So many bytes of lines are read at a time, or one line. */
const batchBytes = 64 * 1024
/** Batches that are remembered for those who read close behind each other. */
const remembered = 16

export class Output {
  /** The number of the event with which this attempt began to work; 0 before. */
  sequence = 0
  #lines: Buffer[] = []
  /** Bytes up to the end of each line. */
  #ends: number[] = []
  #batches = new Map<number, Batch>()
  #onLines: () => void
  #telling = false
  #closed = false

  /** `onLines` is told of more lines, once for all that came in one piece. */
  constructor(onLines: () => void) {
    this.#onLines = onLines
  }

  add(line: Buffer): void {
    this.#lines.push(line)
    this.#ends.push(this.bytes + line.length)
    if (this.#telling) return
    this.#telling = true
    queueMicrotask(() => {
      this.#telling = false
      this.#onLines()
    })
  }

  /** Without their line ends; none once it is closed. */
  get lines(): readonly Buffer[] {
    return this.#lines
  }

  /** How many lines there are; still known when it is closed. */
  get count(): number {
    return this.#ends.length
  }

  /** Bytes of all lines. */
  get bytes(): number {
    return this.#ends.at(-1) ?? 0
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Bytes of the lines that come after the first `line` ones. */
  bytesAfter(line: number): number {
    return this.bytes - (this.#ends[line - 1] ?? 0)
  }

  /** The lines after the first `from` ones, as many as are read at a time; undefined when there are none (any more). */
  after(from: number): Batch | undefined {
    const known = this.#batches.get(from)
    if (known) return known
    if (this.#closed || from >= this.count) return undefined
    const most = (this.#ends[from - 1] ?? 0) + batchBytes
    let to = from + 1
    while (to < this.count && this.#ends[to]! <= most) to++
    const batch = { sequence: this.sequence, from, lines: this.#lines.slice(from, to) }
    const [oldest] = this.#batches.keys()
    if (oldest !== undefined && this.#batches.size === remembered) this.#batches.delete(oldest)
    this.#batches.set(from, batch)
    return batch
  }

  /** The attempt is over, and what was said is stored or void: lets go of it. */
  close(): void {
    this.#closed = true
    this.#lines = []
    this.#batches.clear()
  }
}
