// The digest under which an idempotency key remembers its request: the same for any order of members, spacing or
// spelling of strings, different for any other difference, numbers compared as their source text. It walks JSON that
// is known to be valid, in slices, so that a body of any size stalls nobody. A text of more than 8 MiB, with an object
// of more than 2,048 members or with a key of more than 64 KiB, is compared by its bytes instead: sorting those would
// take steps without a bound, and who repeats such a request has its text.

import { createHash, type Hash } from 'node:crypto'
import { setImmediate as breathe } from 'node:timers/promises'

/** An object being read: the digests of its members by key, and the hash its own digest goes into. */
interface Members {
  digests: Map<string, string>
  key: string | null
  outer: Hash
}

const slice_ms = 4
/** Strings are read in pieces of about this many bytes. */
const pieceBytes = 64 * 1024

const longestText = 8 * 1024 * 1024
const mostMembers = 2_048

/** SHA-256 over the input in its canonical form, a top member `idempotency_key` left out, or over its bytes. */
export async function fingerprint(text: readonly Buffer[]): Promise<Buffer> {
  const size = text.reduce((sum, part) => sum + part.length, 0)
  return (size <= longestText && (await ofValue(text))) || ofBytes(text)
}

async function ofBytes(text: readonly Buffer[]): Promise<Buffer> {
  const hash = createHash('sha256').update('bytes:')
  let began = performance.now()
  for (const part of text) {
    for (let at = 0; at < part.length; at += pieceBytes) {
      hash.update(part.subarray(at, at + pieceBytes))
      if (performance.now() - began <= slice_ms) continue
      await breathe()
      began = performance.now()
    }
  }
  return hash.digest()
}

/** Undefined for what cannot be put in order in small steps. */
async function ofValue(text: readonly Buffer[]): Promise<Buffer | undefined> {
  const bytes = text.length === 1 ? (text[0] as Buffer) : Buffer.concat(text)
  const root = createHash('sha256')
  const open: (Members | null)[] = []
  let hash = root
  // Bytes from `run` to before the current token have not been hashed yet.
  let run = -1
  const flush = (end: number) => {
    if (run >= 0) hash.update(bytes.subarray(run, end))
    run = -1
  }
  const ended = () => {
    const frame = open.at(-1)
    if (!frame || frame.key === null) return
    const dropped = open.length === 1 && frame.key === 'idempotency_key'
    if (!dropped) frame.digests.set(frame.key, hash.digest('hex'))
    frame.key = null
  }
  let began = performance.now()
  const tired = () => performance.now() - began > slice_ms
  const rest = async () => {
    await breathe()
    began = performance.now()
  }
  for (let at = 0, n = 0; at < bytes.length; n++) {
    if ((n & 1023) === 0) {
      flush(at)
      if (tired()) await rest()
    }
    const c = bytes[at] as number
    const frame = open.at(-1)
    if (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09 || (frame && (c === 0x2c || c === 0x3a))) {
      flush(at)
      at += 1
    } else if (c === 0x7b) {
      flush(at)
      open.push({ digests: new Map(), key: null, outer: hash })
      at += 1
    } else if (c === 0x7d) {
      flush(at)
      const { digests, outer } = open.pop() as Members
      hash = outer
      for (const [key, digest] of [...digests].sort(([a], [b]) => (a < b ? -1 : 1)))
        hash.update(`{${JSON.stringify(key)}:${digest}`)
      hash.update('}')
      ended()
      at += 1
    } else if (c === 0x5b || c === 0x5d) {
      if (run < 0) run = at
      at += 1
      if (c === 0x5b) open.push(null)
      else {
        flush(at)
        open.pop()
        ended()
      }
    } else if (c === 0x22 && frame && frame.key === null) {
      const end = keyEnd(bytes, at)
      if (end === undefined || frame.digests.size >= mostMembers) return undefined
      frame.key = JSON.parse(bytes.toString('utf8', at, end)) as string
      hash = createHash('sha256')
      at = end
    } else if (c === 0x22) {
      if (run < 0) run = at
      at += 1
      for (let closed = false; !closed;) {
        const piece = pieceOf(bytes, at)
        if (piece.escaped) {
          flush(at)
          hash.update(JSON.stringify(JSON.parse(`"${bytes.toString('utf8', at, piece.end)}"`)).slice(1, -1))
          run = piece.end
        }
        at = piece.end
        closed = piece.closed
        if (closed) at += 1
        else {
          flush(at)
          run = at
          if (tired()) await rest()
        }
      }
      if (frame) {
        flush(at)
        ended()
      }
    } else {
      if (run < 0) run = at
      at = c === 0x2c ? at + 1 : scalarEnd(bytes, at)
      if (frame) {
        flush(at)
        ended()
      }
    }
  }
  flush(bytes.length)
  return root.digest()
}

/** Where a key ends, unless it is too long a one. */
function keyEnd(bytes: Buffer, start: number): number | undefined {
  const { end, closed } = pieceOf(bytes, start + 1)
  return closed ? end + 1 : undefined
}

/**
 * The part of a string from `start` on: up to its closing quote, or where it can be cut, which is never inside a
 * character, an escape or a pair of escaped surrogates.
 */
function pieceOf(bytes: Buffer, start: number): { end: number; escaped: boolean; closed: boolean } {
  let escaped = false
  for (let at = start; ;) {
    const c = bytes[at]
    if (c === 0x22) return { end: at, escaped, closed: true }
    if (c === 0x5c) {
      escaped = true
      const unicode = bytes[at + 1] === 0x75
      const half = unicode && /^d[89ab]/i.test(bytes.toString('latin1', at + 2, at + 4))
      at += unicode ? 6 : 2
      if (half) continue
    } else at += 1
    if (at - start >= pieceBytes && ((bytes[at] as number) & 0xc0) !== 0x80) return { end: at, escaped, closed: false }
  }
}

function scalarEnd(bytes: Buffer, start: number): number {
  let at = start
  for (; at < bytes.length; at++) {
    const c = bytes[at] as number
    // , ] } and white space end a number or a literal.
    if (c === 0x2c || c === 0x5d || c === 0x7d || c <= 0x20) break
  }
  return at
}
