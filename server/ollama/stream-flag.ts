// Whether the target streams its answer is foreman's to say, whatever a job's body says: `"stream"` is written once
// more before the closing brace, where it wins, as Ollama takes the last of duplicates. No other byte changes.

const brace = 0x7d
const openBrace = 0x7b
const isSpace = (byte: number | undefined) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

/** The body of a job with its `stream` set. Throws TypeError when it doesn't end like a JSON object. */
export async function* withStream(
  body: AsyncIterable<Buffer> | Iterable<Buffer>,
  stream: boolean,
): AsyncGenerator<Buffer, void, undefined> {
  // The last byte that isn't space, and the space behind it, wait until it is known what follows.
  let held: Buffer[] = []
  let before: number | undefined
  for await (const piece of body) {
    const last = lastSolid(piece)
    if (last === -1) {
      held.push(piece)
      continue
    }
    const solid = piece.subarray(0, last)
    before = solid[lastSolid(solid)] ?? held[0]?.[0]
    yield* held
    if (solid.length > 0) yield solid
    held = [piece.subarray(last)]
  }
  if (held[0]?.[0] !== brace) throw new TypeError('the body of a job must be a JSON object')
  yield Buffer.from(`${before === openBrace ? '' : ','}"stream":${stream}`)
  yield* held
}

function lastSolid(piece: Buffer): number {
  let at = piece.length - 1
  while (at >= 0 && isSpace(piece[at])) at--
  return at
}
