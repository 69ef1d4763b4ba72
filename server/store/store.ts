// The memory of foreman, put together: one file, its parts, and the group commit they share.

import { statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Affinities } from './affinities.ts'
import { Artifacts } from './artifacts.ts'
import { Blobs } from './blobs.ts'
import { GroupCommit, type CommitOptions } from './commit.ts'
import { openDatabase } from './database.ts'
import { Deliveries } from './deliveries.ts'
import { Events } from './events.ts'
import { Jobs } from './jobs.ts'
import { Learning } from './learnt.ts'
import { Pages } from './pages.ts'
import { Recent } from './recent.ts'
import { Settings } from './settings.ts'
import { Space } from './space.ts'
import { Tries } from './tries.ts'

export interface StoreOptions extends CommitOptions {
  folder: string
  /** Process id written into the lock, so that a second foreman can say who holds the folder. */
  owner: number
}

export class Store {
  readonly commit: GroupCommit
  readonly jobs: Jobs
  readonly recent: Recent
  readonly pages: Pages
  readonly affinities: Affinities
  readonly events: Events
  readonly blobs: Blobs
  readonly space: Space
  readonly artifacts: Artifacts
  readonly deliveries: Deliveries
  readonly tries: Tries
  readonly settings: Settings
  readonly learning: Learning
  /** Why nothing can be written, if so. */
  readonly unwritable: string | null
  #folder: string
  #close: () => void

  /** Throws StoreUnusable with a plain line: held by another foreman, damaged, or from a newer one. */
  constructor({ folder, owner, ...commit }: StoreOptions) {
    const { db, readonly, close } = openDatabase(folder, owner)
    this.#folder = folder
    this.#close = close
    this.unwritable = readonly
    this.commit = new GroupCommit(db, commit)
    this.jobs = new Jobs(db)
    this.recent = new Recent(this.commit)
    this.pages = new Pages(db)
    this.affinities = new Affinities(db)
    this.events = new Events(db)
    this.space = new Space(db, this.commit)
    this.blobs = new Blobs(db, this.commit, () => void this.space.giveBack())
    this.artifacts = new Artifacts(db)
    this.deliveries = new Deliveries(db)
    this.tries = new Tries(db)
    this.settings = new Settings(db)
    this.learning = new Learning(db)
  }

  /** Why nothing can be written now, if so: since the start, or since the last try. */
  get refusal(): string | null {
    return this.unwritable ?? this.commit.refusal
  }

  /** Size of the database and its log on disk, in bytes. */
  size(): number {
    return ['foreman.db', 'foreman.db-wal'].reduce(
      (sum, name) => sum + (statSync(join(this.#folder, name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    )
  }

  /** What the disk has left for whoever is not root, in bytes. */
  free(): number {
    const { bavail, bsize } = statfsSync(this.#folder)
    return bavail * bsize
  }

  /** Commits what is pending and lets go of the files. */
  close(): void {
    this.commit.close()
    this.#close()
  }
}
