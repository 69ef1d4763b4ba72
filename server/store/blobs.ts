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
  /** Something was let go since the sweep that runs last looked. */
  #more = false

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
      'SELECT max(blob) AS blob FROM (SELECT max(blob) AS blob FROM chunk UNION ALL SELECT max(blob) FROM loose)',
    )
    this.#next = (highest.get()?.blob ?? 0) + 1
  }

  /** Takes bytes in. Above 1 MiB they are on disk, unreferenced, when this resolves; below, `attach` writes them. */
  async stage(bytes: readonly Buffer[]): Promise<StagedBlob> {
    const blob = this.#next++
    const size = bytes.reduce((sum, b) => sum + b.length, 0)
    if (size <= pieceBytes * stepPieces) {
      return { blob, size, attach: () => this.#write(blob, pieces(bytes)), discard: () => undefined }
    }
    this.#staging.add(blob)
    const discard = () => {
      this.#staging.delete(blob)
      void this.sweep()
    }
    try {
      await this.#commit.run('blob', () => this.#loosen.run(blob))
      const cut = pieces(bytes)
      for (let step = take(cut, stepPieces); step.length > 0; step = take(cut, stepPieces)) {
        const some = step
        await this.#commit.run('blob', () => this.#write(blob, some))
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

  #write(blob: number, some: Iterable<Piece>): void {
    for (const { n, bytes } of some) this.#insert.run(blob, n, bytes)
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
    this.#more = true
    this.#sweeping ??= this.#sweepAll()
      // A disk that cannot be written now: what is left is swept with the next one, or at the next start.
      .catch(() => undefined)
      .finally(() => {
        this.#sweeping = null
        if (this.#more) return this.sweep()
      })
    return this.#sweeping
  }

  async #sweepAll(): Promise<void> {
    const next = () => {
      this.#more = false
      return this.#looseOnes.all().find(({ blob }) => !this.#staging.has(blob))?.blob
    }
    for (let blob = next(); blob !== undefined; blob = next()) {
      const erasing = blob
      while ((await this.#commit.run('sweep', () => this.#erase.run(erasing).changes)) > 0);
      await this.#commit.run('sweep', () => this.#fasten.run(erasing))
    }
  }
}

interface Piece {
  n: number
  bytes: Buffer
}

/**
 * Cuts buffers into pieces of exactly 256 KiB, the last one shorter; copies only where a piece spans several. Nothing
 * is one empty piece, so that its number is never given again.
 */
function* pieces(bytes: readonly Buffer[]): Generator<Piece> {
  let n = 0
  let open: Buffer[] = []
  let room = pieceBytes
  const close = () => {
    const whole = open.length === 1 ? (open[0] as Buffer) : Buffer.concat(open)
    open = []
    room = pieceBytes
    return { n: n++, bytes: whole }
  }
  for (const buffer of bytes) {
    for (let at = 0; at < buffer.length;) {
      const part = buffer.subarray(at, at + room)
      open.push(part)
      at += part.length
      room -= part.length
      if (room === 0) yield close()
    }
  }
  if (open.length > 0 || n === 0) yield close()
}

/** The next ones of an iterator, `count` at most. */
function take<T>(from: Iterator<T>, count: number): T[] {
  const some: T[] = []
  for (let next = from.next(); !next.done; next = from.next()) {
    some.push(next.value)
    if (some.length === count) break
  }
  return some
}
