// Space that erased rows have left in the file goes back to the disk, a few pages in a turn of the event loop; and a try of
// whether the disk has room for a job.

import type Database from 'better-sqlite3'
import type { GroupCommit } from './commit.ts'

/** Pages of one step: about a millisecond of the event loop. */
const stepPages = 64
/** Pages that stay for what comes next, rather than be given back and asked for again: 4 MiB. */
const reservePages = 1024
/** What a try of the disk needs: as much as the largest transaction that takes a job in (blobs.ts). */
const tryBytes = 1024 * 1024

export class Space {
  #db: Database.Database
  #commit: GroupCommit
  #free
  #fill
  #clear
  #giving: Promise<void> | null = null

  constructor(db: Database.Database, commit: GroupCommit) {
    this.#db = db
    this.#commit = commit
    this.#free = db.prepare<[], number>('PRAGMA freelist_count').pluck()
    this.#fill = db.prepare<[number]>("INSERT INTO setting (name, value) VALUES ('try', hex(zeroblob(?)))")
    this.#clear = db.prepare("DELETE FROM setting WHERE name = 'try'")
  }

  /** Finds out whether the disk takes a job of any size: all of this goes through its log, and nothing is left in the rows. */
  try(): Promise<void> {
    return this.#commit.run('ready', () => {
      this.#fill.run(tryBytes / 2)
      this.#clear.run()
    })
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
