// An artifact on its way to where its job wanted it: its bytes, read from the store at the pace of whoever takes them.

import { setImmediate as breathe } from 'node:timers/promises'
import type { ArtifactRow } from '../store/artifacts.ts'

/** So much is handed to the network at once: what counts as progress on a slow line. */
const sipBytes = 16 * 1024

/** What describes the bytes: type, length and digest (RFC 9530). */
export function described({ content_type, size_bytes, sha256 }: ArtifactRow): Record<string, string> {
  return {
    'content-type': content_type,
    'content-length': String(size_bytes),
    'content-digest': `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`,
  }
}

/**
 * The bytes in sips, none before it is wanted and none that holds up others; `onSip` is told of each. Throws when they
 * end early: the artifact was erased meanwhile.
 */
export async function* sips(pieces: Iterable<Buffer>, size: number, onSip: () => void): AsyncGenerator<Buffer> {
  let left = size
  for (const piece of pieces) {
    left -= piece.length
    for (let at = 0; at < piece.length; at += sipBytes) {
      onSip()
      yield piece.subarray(at, at + sipBytes)
    }
    await breathe()
  }
  if (left > 0) throw new Error('the artifact was erased while it was sent')
}
