// Lines of text out of a body that is still coming.

/**
 * Each line as it is complete, without its end, and what comes after the last. Throws when the body breaks off; leaving
 * early cancels it. `heard` is called with every piece.
 */
export async function* linesOf(
  body: ReadableStream<Uint8Array> | null,
  heard?: () => void,
): AsyncGenerator<string, void> {
  if (!body) return
  const reader = body.getReader()
  const text = new TextDecoder()
  let begun: string[] = []
  try {
    for (;;) {
      const { value, done } = await reader.read()
      heard?.()
      const [first = '', ...more] = text.decode(value, { stream: !done }).split('\n')
      begun.push(first)
      for (const next of more) {
        yield begun.join('')
        begun = [next]
      }
      if (done) break
    }
    const last = begun.join('')
    if (last !== '') yield last
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}
