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
  /** The disk takes writes again. */
  onTaken?: () => void
  /** How long a write waits while another program writes to the database, in milliseconds. */
  patience_ms?: number
  /** How long what goes along waits for somebody else's transaction at most, in milliseconds. */
  along_ms?: number
  /** Named moments at which a test may kill the process: `<label>:before`, `:inside`, `:after`. */
  fault?: (point: string) => void
}

/** Another program's lock is tried again so often; its writes are short as a rule. */
const again_ms = 20
/** What tells that a disk takes writes again: what is smaller fits into what is left of a full one, where no job does. */
const proofs = new Set(['submit', 'ready'])

export class GroupCommit {
  readonly #db: Database.Database
  readonly #options: CommitOptions
  /** Why a transaction could not be written; null when none was refused since a job was taken or a try went through. */
  refusal: string | null = null
  /** Goes up when a transaction begins and when it ends, written or not: odd inside of one. */
  version = 0
  #pending: Write[] = []
  #scheduled = false
  /** Those of the pending that can wait, by name, and the timer of what they wait for at most. */
  #along = new Map<string, { write: Write; promise: Promise<unknown> }>()
  #later: NodeJS.Timeout | undefined
  /** Since when another program's lock has been in the way, and the timer of the next try. */
  #busySince: number | undefined
  #again: NodeJS.Timeout | undefined
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

  /**
   * Like `run`, for what can wait: it shares the next transaction that somebody else needs, or gets its own after some seconds.
   * Of one name only the last is written; all of them settle with that.
   */
  along<T>(label: string, name: string, apply: () => T): Promise<T> {
    const waiting = this.#along.get(name)
    if (waiting) {
      waiting.write.apply = apply
      return waiting.promise as Promise<T>
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const write = { label, apply, resolve, reject }
    this.#along.set(name, { write, promise })
    this.#pending.push(write)
    this.#later ??= setTimeout(() => this.flush(), this.#options.along_ms ?? 5000)
    return promise
  }

  /** Commits what is pending now. Callers normally leave this to the tick. */
  flush(): void {
    const writes = this.#pending
    this.#pending = []
    this.#scheduled = false
    this.#along.clear()
    clearTimeout(this.#again)
    clearTimeout(this.#later)
    this.#later = undefined
    if (writes.length === 0) return
    const started = performance.now()
    let begun = false
    this.version++
    try {
      this.#point(writes, 'before')
      this.#db.exec('BEGIN IMMEDIATE')
      begun = true
      for (const write of writes) this.#apply(write)
      this.#point(writes, 'inside')
      this.#db.exec('COMMIT')
      this.version++
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
      this.version++
      if (!begun && isBusy(error) && this.#waits(started)) {
        this.#pending.unshift(...writes)
        return
      }
      const failure = storageError(error)
      if (failure !== error) this.refusal = (error as Error).message
      for (const write of writes) write.reject(failure)
      return
    }
    if (this.refusal !== null && writes.some(({ label }) => proofs.has(label))) {
      this.refusal = null
      this.#options.onTaken?.()
    }
    this.#busySince = undefined
    this.#options.onCommit?.({ ms: performance.now() - started, writes: writes.length })
    this.#point(writes, 'after')
    for (const { outcome, resolve, reject } of writes) {
      if (outcome && 'value' in outcome) resolve(outcome.value as never)
      else reject(outcome?.error)
    }
  }

  /** Commits what is pending, or rejects it where that cannot be done now; nothing is tried later. */
  close(): void {
    this.flush()
    clearTimeout(this.#again)
    const failure = new ForemanError('storage_full', 'the job was not stored: foreman stopped first')
    for (const write of this.#pending.splice(0)) write.reject(failure)
  }

  /** Whether a write that met another program's lock may wait for it; sees to the next try. */
  #waits(now: number): boolean {
    this.#busySince ??= now
    if (now - this.#busySince >= (this.#options.patience_ms ?? 3000)) return false
    this.#scheduled = true
    this.#again = setTimeout(() => this.flush(), again_ms)
    return true
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

function isBusy(error: unknown): boolean {
  return String((error as { code?: string })?.code).startsWith('SQLITE_BUSY')
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
