// The results of jobs: names and digests in rows of their own, bytes in blobs.

import type Database from 'better-sqlite3'
import type { StagedBlob } from './blobs.ts'

export interface ArtifactRow {
  job: number
  name: string
  content_type: string
  size_bytes: number
  sha256: string
  blob: number
  partial: 0 | 1
}

/** An artifact whose bytes are staged: `attach` happens in the transaction of the transition that brings it. */
export interface NewArtifact {
  name: string
  content_type: string
  sha256: string
  staged: StagedBlob
}

export class Artifacts {
  #insert
  #ofJob
  #one
  #removeAll

  constructor(db: Database.Database) {
    this.#insert = db.prepare(
      `INSERT INTO artifact (job, name, content_type, size_bytes, sha256, blob, partial)
       VALUES (@job, @name, @content_type, @size_bytes, @sha256, @blob, @partial)`,
    )
    this.#ofJob = db.prepare<[number], ArtifactRow>('SELECT * FROM artifact WHERE job = ? ORDER BY name')
    this.#one = db.prepare<[number, string], ArtifactRow>('SELECT * FROM artifact WHERE job = ? AND name = ?')
    this.#removeAll = db.prepare<[number], { blob: number }>('DELETE FROM artifact WHERE job = ? RETURNING blob')
  }

  /** Brings a staged artifact to its job, inside the transaction of the transition that made it. */
  attach(job: number, { name, content_type, sha256, staged }: NewArtifact, partial: boolean): void {
    staged.attach()
    const row: ArtifactRow = {
      job,
      name,
      content_type,
      size_bytes: staged.size,
      sha256,
      blob: staged.blob,
      partial: partial ? 1 : 0,
    }
    this.#insert.run(row)
  }

  ofJob(job: number): ArtifactRow[] {
    return this.#ofJob.all(job)
  }

  one(job: number, name: string): ArtifactRow | undefined {
    return this.#one.get(job, name)
  }

  /** Drops the rows and returns the blobs they referred to, for release. */
  removeAll(job: number): number[] {
    return this.#removeAll.all(job).map((row) => row.blob)
  }
}
