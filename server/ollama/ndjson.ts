// Cuts a stream of bytes into the lines of NDJSON, whatever the pieces it comes in. Bytes in, bytes out: what a line
// means is for fold.ts to say.

const newline = 0x0a

/** Collects pieces and gives each line once its newline has come; lines come without it. */
export class LineSplitter {
  #parts: Buffer[] = []

  /** The lines this piece completes, oldest first. They may share memory with `chunk`. */
  write(chunk: Buffer): Buffer[] {
    const lines: Buffer[] = []
    let start = 0
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      lines.push(this.#join(chunk.subarray(start, end)))
      start = end + 1
    }
    if (start < chunk.length) this.#parts.push(chunk.subarray(start))
    return lines
  }

  /** What came after the last newline, null if nothing did. Ollama ends errors and load answers so. */
  end(): Buffer | null {
    return this.#parts.length === 0 ? null : this.#join(Buffer.alloc(0))
  }

  #join(last: Buffer): Buffer {
    if (this.#parts.length === 0) return last
    const line = Buffer.concat([...this.#parts, last])
    this.#parts = []
    return line
  }
}
