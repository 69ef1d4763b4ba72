// The results of jobs: names and digests in rows of their own, bytes in blobs.

import type Database from 'better-sqlite3'

export interface ArtifactRow {
  job: number
  name: string
  content_type: string
  size_bytes: number
  sha256: string
  blob: number
  partial: 0 | 1
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

  insert(artifact: ArtifactRow): void {
    this.#insert.run(artifact)
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
