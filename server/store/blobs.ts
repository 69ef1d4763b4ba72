// Bytes of any size in rows of at most 256 KiB: request bodies and artifacts. A large blob is written over several
// ticks as chunks no row refers to yet, so that no other stream waits for it; erasing goes the same way back.

import type Database from 'better-sqlite3'
import type { GroupCommit } from './commit.ts'

const pieceBytes = 256 * 1024
/** What one transaction writes or erases at most: a few milliseconds of the event loop. */
const stepPieces = 4
const stepBytes = pieceBytes * stepPieces
/** What it costs to erase a small piece, in bytes of a large one. */
const leastCost = 16 * 1024

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
  #lastPieces
  #erase
  #onSwept: () => void
  /** Blobs of this process that are loose because their reference is still to come. */
  #staging = new Set<number>()
  #sweeping: Promise<void> | null = null
  /** Something was let go since the sweep that runs last looked. */
  #more = false

  /** `onSwept`: no bytes are left to be erased. */
  constructor(db: Database.Database, commit: GroupCommit, onSwept = () => {}) {
    this.#commit = commit
    this.#onSwept = onSwept
    this.#insert = db.prepare<[number, number, Buffer]>('INSERT INTO chunk (blob, n, bytes) VALUES (?, ?, ?)')
    this.#piece = db.prepare<[number, number], { bytes: Buffer }>('SELECT bytes FROM chunk WHERE blob = ? AND n = ?')
    this.#loosen = db.prepare<[number]>('INSERT OR IGNORE INTO loose (blob) VALUES (?)')
    this.#fasten = db.prepare<[number]>('DELETE FROM loose WHERE blob = ?')
    this.#looseOnes = db.prepare<[], { blob: number }>('SELECT blob FROM loose ORDER BY blob LIMIT 1000')
    this.#lastPieces = db.prepare<[number], { id: number; size: number }>(
      `SELECT rowid AS id, length(bytes) AS size FROM chunk WHERE blob = ? ORDER BY n DESC LIMIT ${stepPieces}`,
    )
    this.#erase = db.prepare<[number]>('DELETE FROM chunk WHERE rowid = ?')
    const highest = db.prepare<[], { blob: number | null }>(
      'SELECT max(blob) AS blob FROM (SELECT max(blob) AS blob FROM chunk UNION ALL SELECT max(blob) FROM loose)',
    )
    this.#next = (highest.get()?.blob ?? 0) + 1
  }

  /** Takes bytes in. Above 1 MiB they are on disk, unreferenced, when this resolves; below, `attach` writes them. */
  async stage(bytes: readonly Buffer[]): Promise<StagedBlob> {
    const [staged] = await this.stageAll([bytes])
    return staged!
  }

  /** The same for several whose references will share a transaction: they share the 1 MiB too. */
  async stageAll(all: readonly (readonly Buffer[])[]): Promise<StagedBlob[]> {
    const blobs = all.map((bytes) => ({ blob: this.#next++, bytes, size: bytes.reduce((sum, b) => sum + b.length, 0) }))
    if (blobs.reduce((sum, { size }) => sum + size, 0) <= stepBytes)
      return blobs.map(({ blob, bytes, size }) => {
        return { blob, size, attach: () => this.#write(cut(blob, bytes)), discard: () => undefined }
      })
    for (const { blob } of blobs) this.#staging.add(blob)
    const discard = (blob: number) => {
      this.#staging.delete(blob)
      void this.sweep()
    }
    try {
      for (const step of steps(blobs)) await this.#commit.run('blob', () => this.#writeLoose(step))
    } catch (error) {
      for (const { blob } of blobs) discard(blob)
      throw error
    }
    return blobs.map(({ blob, size }) => {
      const attach = () => {
        this.#fasten.run(blob)
        this.#staging.delete(blob)
      }
      return { blob, size, attach, discard: () => discard(blob) }
    })
  }

  #write(some: Iterable<Piece>): void {
    for (const { blob, n, bytes } of some) this.#insert.run(blob, n, bytes)
  }

  #writeLoose(some: readonly Piece[]): void {
    for (const { blob, n } of some) if (n === 0) this.#loosen.run(blob)
    this.#write(some)
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
    const isLeft = () => {
      this.#more = false
      return this.#looseOnes.all().some(({ blob }) => !this.#staging.has(blob))
    }
    while (isLeft()) await this.#commit.run('sweep', () => this.#eraseSome())
    this.#onSwept()
  }

  /** Erases as many loose bytes as one step may, last pieces first. Must run inside a write. */
  #eraseSome(): void {
    let room = stepBytes
    for (const { blob } of this.#looseOnes.all()) {
      if (this.#staging.has(blob)) continue
      const pieces = this.#lastPieces.all(blob)
      for (const { id, size } of pieces) {
        if (room <= 0) return
        this.#erase.run(id)
        room -= Math.max(size, leastCost)
      }
      if (pieces.length === stepPieces || room <= 0) return
      this.#fasten.run(blob)
      room -= leastCost
    }
  }
}

interface Piece {
  blob: number
  n: number
  bytes: Buffer
}

/**
 * Cuts the buffers of a blob into pieces of exactly 256 KiB, the last one shorter; copies only where a piece spans several.
 * Nothing is one empty piece, so that its number is never given again.
 */
function* cut(blob: number, bytes: readonly Buffer[]): Generator<Piece> {
  let n = 0
  let open: Buffer[] = []
  let room = pieceBytes
  const close = () => {
    const whole = open.length === 1 ? (open[0] as Buffer) : Buffer.concat(open)
    open = []
    room = pieceBytes
    return { blob, n: n++, bytes: whole }
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

/** The pieces of all these blobs in order, as many together as one transaction writes. */
function* steps(blobs: readonly { blob: number; bytes: readonly Buffer[] }[]): Generator<Piece[]> {
  let step: Piece[] = []
  let room = stepBytes
  for (const { blob, bytes } of blobs) {
    for (const piece of cut(blob, bytes)) {
      step.push(piece)
      room -= piece.bytes.length
      if (room >= pieceBytes) continue
      yield step
      step = []
      room = stepBytes
    }
  }
  if (step.length > 0) yield step
}
