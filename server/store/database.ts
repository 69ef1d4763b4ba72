// Opens the one SQLite file of foreman: the lock of its folder (folder.ts), the pragmas that make a commit mean "on disk",
// and the migrations. No query about jobs lives here.

import Database from 'better-sqlite3'
import { closeSync, existsSync, openSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { hostOf } from '../job/host.ts'
import { closeFiles, StoreUnusable, takeFolder } from './folder.ts'

export interface OpenDatabase {
  db: Database.Database
  /** Why nothing can be written, if so; the daemon then serves passthrough only. */
  readonly: string | null
  close(): void
}

/** How long the start waits for another program that writes to the database. */
const openWait_ms = 250
/** The same for a statement later on, which holds the event loop; a commit is tried again without that. */
const othersWait_ms = 5

const migrationsFolder = join(import.meta.dirname, 'migrations')

/** Opens (and creates) `folder`/foreman.db for the process `owner`. Throws StoreUnusable when another foreman holds it or it is not ours to read. */
export function openDatabase(folder: string, owner: number, migrations = migrationsFolder): OpenDatabase {
  const path = join(folder, 'foreman.db')
  const lock = join(folder, 'foreman.lock')
  try {
    takeFolder(folder)
  } catch (error) {
    if (error instanceof StoreUnusable) throw error
    const why = (error as Error).message
    // One that may not even be made is a wrong setting, and nothing can be in it.
    const forbidden = codeOf(error) === 'EACCES' && !existsSync(folder)
    if (forbidden || !isReadonly(error)) throw new StoreUnusable(`cannot use the data folder ${folder}: ${why}`)
    if (!existsSync(folder)) return openUnwritable(path, why, migrations)
  }
  const open: Database.Database[] = []
  const close = () => open.toReversed().forEach((db) => db.close())
  try {
    open.push(takeLock(lock, owner))
    const db = new Database(path, { timeout: openWait_ms })
    open.push(db)
    prepare(db)
    migrate(db, migrations)
    insist(db, path)
    db.pragma(`busy_timeout = ${othersWait_ms}`)
    closeFiles(folder)
    return { db, readonly: null, close }
  } catch (error) {
    close()
    if (isReadonly(error) || codeOf(error) === 'SQLITE_FULL')
      return openUnwritable(path, whyUnwritable(lock) ?? (error as Error).message, migrations)
    throw storeUnusable(error, path)
  }
}

/** What the system says of a file that SQLite only says it cannot open. Undefined: it can be written. */
function whyUnwritable(path: string): string | undefined {
  try {
    closeSync(openSync(path, 'a', 0o600))
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** A folder that cannot be written: what is in it can still be read, nothing is accepted. */
function openUnwritable(path: string, why: string, migrations: string): OpenDatabase {
  let db: Database.Database | undefined
  try {
    db = isEmpty(path) ? undefined : (readInPlace(path, migrations) ?? readCopy(path))
    // An empty schema where nothing was ever stored. Both kinds in memory refuse writes all the same.
    db ??= new Database(':memory:')
    if (db.memory) {
      migrate(db, migrations)
      db.pragma('query_only = ON')
    }
    const opened = db
    return { db, readonly: why, close: () => opened.close() }
  } catch (error) {
    db?.close()
    const refusal = storeUnusable(error, path)
    if (refusal instanceof StoreUnusable) throw refusal
    // To answer "no such job" for one that was taken would be worse than not to start.
    throw new StoreUnusable(`${path} cannot be written (${why}) and not be read (${(error as Error).message})`)
  }
}

/** Whether no job can be in it. Throws when that cannot be told. */
function isEmpty(path: string): boolean {
  try {
    return statSync(path).size === 0
  } catch (error) {
    if (/^(ENOENT|ENOTDIR)$/.test(codeOf(error))) return true
    throw error
  }
}

/** Undefined when SQLite would have to write something first: the shared memory of the log, or a migration. */
function readInPlace(path: string, migrations: string): Database.Database | undefined {
  let db: Database.Database | undefined
  try {
    db = new Database(path, { readonly: true, fileMustExist: true })
    refuseNewer(db, migrations)
    if (versionOf(db) === newestIn(migrations)) return db
  } catch (error) {
    if (!isReadonly(error)) {
      db?.close()
      throw error
    }
  }
  db?.close()
  return undefined
}

/** The whole file in memory, which needs no other file beside it; only a log that is left makes it incomplete. */
function readCopy(path: string): Database.Database {
  const log = statSync(`${path}-wal`, { throwIfNoEntry: false })
  if (log && log.size > 0) throw new Error('its log was not written back')
  const bytes = readFileSync(path)
  // The header's versions of writing and reading: 2 asks for a log and its shared memory, 1 for neither.
  bytes[18] = 1
  bytes[19] = 1
  return new Database(bytes)
}

/** StoreUnusable, where what SQLite says about the database at `path` is one plain line for the operator; else `error`. */
export function storeUnusable(error: unknown, path: string): unknown {
  const code = codeOf(error)
  const { message } = error as Error
  if (code.startsWith('SQLITE_IOERR')) return new StoreUnusable(`${path} cannot be read or written (${message})`)
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB')
    return new StoreUnusable(`${path} is damaged (${message}): restore a backup or move it away`)
  if (code.startsWith('SQLITE_BUSY')) return new StoreUnusable(`another program is writing to ${path} (${message})`)
  return error
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code ?? '')
}

function isReadonly(error: unknown): boolean {
  const code = codeOf(error)
  return /^(EROFS|EACCES|EPERM|ENOSPC)$/.test(code) || /^SQLITE_(READONLY|CANTOPEN)/.test(code)
}

/**
 * A second small file, locked for life: freed by the kernel when the process dies, however it dies, while sqlite3,
 * backups and replication can still read the main database. Its header tells who holds it. Throws StoreUnusable when
 * another process does; closing what it answers lets go.
 */
export function takeLock(path: string, owner: number): Database.Database {
  const lock = new Database(path, { timeout: 0 })
  try {
    lock.pragma('locking_mode = EXCLUSIVE')
    lock.exec('BEGIN EXCLUSIVE')
    lock.pragma(`user_version = ${owner}`)
    lock.exec('COMMIT')
    return lock
  } catch (error) {
    lock.close()
    if (!codeOf(error).startsWith('SQLITE_BUSY')) throw storeUnusable(error, path)
    throw new StoreUnusable(`another foreman${holder(path)} is using this data folder: ${path} is locked`)
  }
}

/** Who holds the lock: its header (user_version, at byte 60) can be read past it, once it was written. */
function holder(path: string): string {
  const header = readFileSync(path)
  return header.length < 64 ? '' : ` (process ${header.readInt32BE(60)})`
}

function prepare(db: Database.Database): void {
  // This order matters: auto_vacuum only takes before WAL, and this build drops synchronous to NORMAL at the switch.
  db.pragma('auto_vacuum = INCREMENTAL')
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.pragma('fullfsync = ON')
  db.pragma('secure_delete = ON')
  db.pragma('foreign_keys = ON')
}

function migrationsIn(folder: string): { file: string; version: number }[] {
  return readdirSync(folder)
    .filter((name) => /^\d{4}_.*\.sql$/.test(name))
    .sort()
    .map((file) => ({ file, version: Number(file.slice(0, 4)) }))
}

/** The schema that this foreman brings a database to. */
export function newestIn(folder = migrationsFolder): number {
  return migrationsIn(folder).at(-1)?.version ?? 0
}

function versionOf(db: Database.Database): number {
  return Number(db.pragma('user_version', { simple: true }))
}

function refuseNewer(db: Database.Database, folder: string): void {
  const current = versionOf(db)
  const newest = newestIn(folder)
  if (current <= newest) return
  throw new StoreUnusable(`the database is from a newer foreman (schema ${current}, this one knows ${newest})`)
}

function migrate(db: Database.Database, folder: string): void {
  refuseNewer(db, folder)
  db.function('host_of', { deterministic: true }, (url) => hostOf(String(url)))
  for (const { file, version } of migrationsIn(folder)) {
    if (version <= versionOf(db)) continue
    db.transaction(() => {
      db.exec(readFileSync(join(folder, file), 'utf8'))
      db.pragma(`user_version = ${version}`)
    }).immediate()
  }
  // The first write after the switch to WAL is where synchronous silently fell back: say it again.
  db.pragma('synchronous = FULL')
}

/** SQLite keeps quiet when a file system cannot do what was asked: no shared memory, no log. */
function insist(db: Database.Database, path: string): void {
  const journal = String(db.pragma('journal_mode', { simple: true }))
  const synchronous = Number(db.pragma('synchronous', { simple: true }))
  if (journal === 'wal' && synchronous === 2) return
  const found = `journal_mode is ${journal}, synchronous ${synchronous}`
  throw new StoreUnusable(`the file system of ${path} cannot keep a write-ahead log (${found}): use a local disk`)
}
