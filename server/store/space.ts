// Space that erased rows have left in the file goes back to the disk, a few pages in a turn of the event loop.

import type Database from 'better-sqlite3'
import type { GroupCommit } from './commit.ts'

/** Pages of one step: about a millisecond of the event loop. */
const stepPages = 64
/** Pages that stay for what comes next, rather than be given back and asked for again: 4 MiB. */
const reservePages = 1024

export class Space {
  #db: Database.Database
  #commit: GroupCommit
  #free
  #giving: Promise<void> | null = null

  constructor(db: Database.Database, commit: GroupCommit) {
    this.#db = db
    this.#commit = commit
    this.#free = db.prepare<[], number>('PRAGMA freelist_count').pluck()
  }

  /** Gives free pages back until only the reserve is left. The file shrinks as its log is written back. */
  giveBack(): Promise<void> {
    this.#giving ??= this.#giveAll()
      // A disk that cannot be written now: the next time something is erased.
      .catch(() => undefined)
      .finally(() => (this.#giving = null))
    return this.#giving
  }

  async #giveAll(): Promise<void> {
    for (let over = this.#over(); over > 0; over = this.#over()) {
      const pages = Math.min(over, stepPages)
      await this.#commit.run('vacuum', () => this.#db.pragma(`incremental_vacuum(${pages})`))
    }
  }

  #over(): number {
    return this.#free.get()! - reservePages
  }
}
