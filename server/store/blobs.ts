// Bytes of any size in rows of at most 256 KiB: request bodies and artifacts. A large blob is written over several
// ticks as chunks no row refers to yet, so that no other stream waits for it; erasing goes the same way back.

import type Database from 'better-sqlite3'
import type { GroupCommit } from './commit.ts'

const pieceBytes = 256 * 1024
/** What one transaction writes or erases at most: a few milliseconds of the event loop. */
const stepPieces = 4

/** Bytes that are ready to be referred to. `attach` must run inside the transaction that writes the reference. */
export interface StagedBlob {
  blob: number
  size: number
  attach(): void
  /** Forgets the bytes when the referring transaction did not happen. */
  discard(): void
}

export class Blobs {
  #commit: GroupCommit
  #next: number
  #insert
  #piece
  #loosen
  #fasten
  #looseOnes
  #erase
  /** Blobs of this process that are loose because their reference is still to come. */
  #staging = new Set<number>()
  #sweeping: Promise<void> | null = null

  constructor(db: Database.Database, commit: GroupCommit) {
    this.#commit = commit
    this.#insert = db.prepare<[number, number, Buffer]>('INSERT INTO chunk (blob, n, bytes) VALUES (?, ?, ?)')
    this.#piece = db.prepare<[number, number], { bytes: Buffer }>('SELECT bytes FROM chunk WHERE blob = ? AND n = ?')
    this.#loosen = db.prepare<[number]>('INSERT OR IGNORE INTO loose (blob) VALUES (?)')
    this.#fasten = db.prepare<[number]>('DELETE FROM loose WHERE blob = ?')
    this.#looseOnes = db.prepare<[], { blob: number }>('SELECT blob FROM loose ORDER BY blob LIMIT 1000')
    this.#erase = db.prepare<[number]>(
      `DELETE FROM chunk WHERE rowid IN (SELECT rowid FROM chunk WHERE blob = ? ORDER BY n DESC LIMIT ${stepPieces})`,
    )
    const highest = db.prepare<[], { blob: number | null }>(
      'SELECT max((SELECT max(blob) FROM chunk), coalesce((SELECT max(blob) FROM loose), 0)) AS blob',
    )
    this.#next = (highest.get()?.blob ?? 0) + 1
  }

  /** Takes bytes in. Above 1 MiB they are on disk, unreferenced, when this resolves; below, `attach` writes them. */
  async stage(bytes: readonly Buffer[]): Promise<StagedBlob> {
    const blob = this.#next++
    const size = bytes.reduce((sum, b) => sum + b.length, 0)
    if (size <= pieceBytes * stepPieces) {
      return { blob, size, attach: () => this.#write(blob, 0, pieces(bytes)), discard: () => undefined }
    }
    const all = pieces(bytes)
    this.#staging.add(blob)
    const discard = () => {
      this.#staging.delete(blob)
      void this.sweep()
    }
    try {
      await this.#commit.run('blob', () => this.#loosen.run(blob))
      for (let n = 0; n < all.length; n += stepPieces) {
        await this.#commit.run('blob', () => this.#write(blob, n, all.slice(n, n + stepPieces)))
      }
    } catch (error) {
      discard()
      throw error
    }
    const attach = () => {
      this.#fasten.run(blob)
      this.#staging.delete(blob)
    }
    return { blob, size, attach, discard }
  }

  #write(blob: number, from: number, some: readonly Buffer[]): void {
    some.forEach((bytes, i) => this.#insert.run(blob, from + i, bytes))
  }

  /** The bytes, piece by piece, from the byte `start` to before `end`. */
  *read(blob: number, start = 0, end = Infinity): Generator<Buffer> {
    for (let n = Math.floor(start / pieceBytes); n * pieceBytes < end; n++) {
      const row = this.#piece.get(blob, n)
      if (!row) return
      const from = n * pieceBytes
      yield row.bytes.subarray(Math.max(0, start - from), Math.min(row.bytes.length, end - from))
      if (row.bytes.length < pieceBytes) return
    }
  }

  /** Lets a blob go, inside the transaction that drops its last reference. `sweep` erases it afterwards. */
  release(blob: number): void {
    this.#loosen.run(blob)
  }

  /** Erases loose blobs in small steps: what was released, and at start what a killed foreman was still writing. */
  sweep(): Promise<void> {
    this.#sweeping ??= this.#sweepAll()
      // A disk that cannot be written now: what is left is swept with the next one, or at the next start.
      .catch(() => undefined)
      .finally(() => {
        this.#sweeping = null
      })
    return this.#sweeping
  }

  async #sweepAll(): Promise<void> {
    const next = () => this.#looseOnes.all().find(({ blob }) => !this.#staging.has(blob))?.blob
    for (let blob = next(); blob !== undefined; blob = next()) {
      const erasing = blob
      while ((await this.#commit.run('sweep', () => this.#erase.run(erasing).changes)) > 0);
      await this.#commit.run('sweep', () => this.#fasten.run(erasing))
    }
  }
}

/** Cuts buffers into pieces of exactly 256 KiB (the last one shorter), never holding more than one copied piece. */
function pieces(bytes: readonly Buffer[]): Buffer[] {
  const out: Buffer[] = []
  let open: Buffer[] = []
  let room = pieceBytes
  for (const buffer of bytes) {
    for (let at = 0; at < buffer.length;) {
      const part = buffer.subarray(at, at + room)
      open.push(part)
      at += part.length
      room -= part.length
      if (room > 0) continue
      out.push(open.length === 1 ? part : Buffer.concat(open))
      open = []
      room = pieceBytes
    }
  }
  if (open.length > 0) out.push(open.length === 1 ? (open[0] as Buffer) : Buffer.concat(open))
  return out
}
