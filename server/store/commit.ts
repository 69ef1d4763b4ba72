// Group commit: every write of one event-loop tick shares one transaction and so one fsync. A lone write waits for
// nobody, 64 at once cost one. Each write runs in a savepoint of its own, so a bad one never spoils the others, and
// a promise settles only after the commit that holds its write.

import type Database from 'better-sqlite3'
import { ForemanError } from '../job/error.ts'

interface Write {
  label: string
  apply: () => unknown
  resolve: (value: never) => void
  reject: (error: unknown) => void
  outcome?: { value: unknown } | { error: unknown }
}

export interface CommitOptions {
  /** Called once a tick, with how long the commit held the event loop and how many writes shared it. */
  onCommit?: (facts: { ms: number; writes: number }) => void
  /** Named moments at which a test may kill the process: `<label>:before`, `:inside`, `:after`. */
  fault?: (point: string) => void
}

export class GroupCommit {
  readonly #db: Database.Database
  readonly #options: CommitOptions
  /** Why the last transaction could not be written; null when it was. */
  refusal: string | null = null
  #pending: Write[] = []
  #scheduled = false
  #savepoint
  #release
  #rollback

  constructor(db: Database.Database, options: CommitOptions = {}) {
    this.#db = db
    this.#options = options
    this.#savepoint = db.prepare('SAVEPOINT write')
    this.#release = db.prepare('RELEASE write')
    this.#rollback = db.prepare('ROLLBACK TO write')
  }

  /**
   * Applies `apply` inside the transaction of this tick and settles once it is on disk: with its value, with what it
   * threw (its changes undone, the others' kept), or with `storage_full` when the transaction could not be written.
   */
  run<T>(label: string, apply: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#pending.push({ label, apply, resolve, reject })
      if (this.#scheduled) return
      this.#scheduled = true
      setImmediate(() => this.flush())
    })
  }

  /** Commits what is pending now. Callers normally leave this to the tick. */
  flush(): void {
    const writes = this.#pending
    this.#pending = []
    this.#scheduled = false
    if (writes.length === 0) return
    const started = performance.now()
    try {
      this.#point(writes, 'before')
      this.#db.exec('BEGIN IMMEDIATE')
      for (const write of writes) this.#apply(write)
      this.#point(writes, 'inside')
      this.#db.exec('COMMIT')
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
      const failure = storageError(error)
      if (failure !== error) this.refusal = (error as Error).message
      for (const write of writes) write.reject(failure)
      return
    }
    this.refusal = null
    this.#options.onCommit?.({ ms: performance.now() - started, writes: writes.length })
    this.#point(writes, 'after')
    for (const { outcome, resolve, reject } of writes) {
      if (outcome && 'value' in outcome) resolve(outcome.value as never)
      else reject(outcome?.error)
    }
  }

  #apply(write: Write): void {
    this.#savepoint.run()
    try {
      write.outcome = { value: write.apply() }
    } catch (error) {
      // A full disk rolls the whole transaction back by itself; then no savepoint is left to go back to.
      if (!this.#db.inTransaction || isStorage(error)) throw error
      this.#rollback.run()
      write.outcome = { error }
    }
    this.#release.run()
  }

  #point(writes: readonly Write[], moment: string): void {
    if (this.#options.fault) for (const { label } of writes) this.#options.fault(`${label}:${moment}`)
  }
}

function isStorage(error: unknown): boolean {
  return /^SQLITE_(FULL|IOERR|READONLY|CANTOPEN|CORRUPT|NOTADB|NOMEM|BUSY)/.test(
    String((error as { code?: string })?.code),
  )
}

/** What a caller is told when the database cannot be written. */
export function storageError(error: unknown): unknown {
  if (!isStorage(error)) return error
  return new ForemanError('storage_full', `the job was not stored: ${(error as Error).message}`, { cause: error })
}
