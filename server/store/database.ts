// Opens the one SQLite file of foreman: the lock of its folder, the pragmas that make a commit mean "on disk", and
// the migrations. No query about jobs lives here.

import Database from 'better-sqlite3'
import { chmodSync, mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** The data folder cannot be used; the message is one plain line for the operator. */
export class StoreUnusable extends Error {
  override name = 'StoreUnusable'
}

export interface OpenDatabase {
  db: Database.Database
  /** Why nothing can be written, if so; the daemon then serves passthrough only. */
  readonly: string | null
  close(): void
}

const migrationsFolder = join(import.meta.dirname, 'migrations')

/** Opens (and creates) `folder`/foreman.db for the process `owner`. Throws StoreUnusable when another foreman holds it or it is not ours to read. */
export function openDatabase(folder: string, owner: number, migrations = migrationsFolder): OpenDatabase {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    chmodSync(folder, 0o700)
  } catch (error) {
    if (!isReadonly(error)) throw new StoreUnusable(`cannot use the data folder ${folder}: ${(error as Error).message}`)
  }
  const path = join(folder, 'foreman.db')
  let lock: Database.Database | null = null
  try {
    lock = takeLock(join(folder, 'foreman.lock'), owner)
    const db = openAt(path)
    migrate(db, migrations)
    protect(folder)
    const held = lock
    return { db, readonly: null, close: () => (db.close(), held.close()) }
  } catch (error) {
    lock?.close()
    if (error instanceof StoreUnusable) throw error
    const code = (error as { code?: string }).code ?? ''
    if (code === 'SQLITE_CORRUPT' || code === 'SQLITE_NOTADB') {
      throw new StoreUnusable(`${path} is damaged (${(error as Error).message}): restore a backup or move it away`)
    }
    if (isReadonly(error) || code === 'SQLITE_FULL') return openUnwritable(path, (error as Error).message)
    throw error
  }
}

/** A folder that cannot be written: what is in it can still be read, nothing is accepted. */
function openUnwritable(path: string, why: string): OpenDatabase {
  let db: Database.Database
  try {
    db = new Database(path, { readonly: true, fileMustExist: true })
    db.prepare('SELECT count(*) FROM sqlite_schema').get()
  } catch {
    // Nothing readable either: an empty schema in memory, which refuses writes all the same.
    db = new Database(':memory:')
    migrate(db, migrationsFolder)
    db.pragma('query_only = ON')
  }
  return { db, readonly: why, close: () => db.close() }
}

function isReadonly(error: unknown): boolean {
  const code = (error as { code?: string }).code ?? ''
  return (
    /^(EROFS|EACCES|EPERM|ENOSPC)$/.test(code) ||
    code.startsWith('SQLITE_READONLY') ||
    code.startsWith('SQLITE_CANTOPEN')
  )
}

/**
 * A second small file, locked for life: freed by the kernel when the process dies, however it dies, while sqlite3,
 * backups and replication can still read the main database. Its header tells who holds it.
 */
function takeLock(path: string, owner: number): Database.Database {
  const lock = new Database(path, { timeout: 0 })
  try {
    lock.pragma('locking_mode = EXCLUSIVE')
    lock.exec('BEGIN EXCLUSIVE')
    lock.pragma(`user_version = ${owner}`)
    lock.exec('COMMIT')
    return lock
  } catch (error) {
    lock.close()
    if (String((error as { code?: string }).code).startsWith('SQLITE_BUSY')) {
      throw new StoreUnusable(`another foreman (process ${holder(path)}) is using this data folder: ${path} is locked`)
    }
    throw error
  }
}

/** The process id in the lock's header (user_version, at byte 60), which can be read past the lock. */
function holder(path: string): number {
  return readFileSync(path).readInt32BE(60)
}

function openAt(path: string): Database.Database {
  const db = new Database(path)
  // This order matters: auto_vacuum only takes before WAL, and this build drops synchronous to NORMAL at the switch.
  db.pragma('auto_vacuum = INCREMENTAL')
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.pragma('fullfsync = ON')
  db.pragma('secure_delete = ON')
  db.pragma('foreign_keys = ON')
  return db
}

function migrate(db: Database.Database, folder: string): void {
  const files = readdirSync(folder)
    .filter((name) => /^\d{4}_.*\.sql$/.test(name))
    .sort()
  const newest = Number(files.at(-1)?.slice(0, 4) ?? 0)
  const current = Number(db.pragma('user_version', { simple: true }))
  if (current > newest) {
    throw new StoreUnusable(`the database is from a newer foreman (schema ${current}, this one knows ${newest})`)
  }
  for (const file of files) {
    const version = Number(file.slice(0, 4))
    if (version <= current) continue
    db.transaction(() => {
      db.exec(readFileSync(join(folder, file), 'utf8'))
      db.pragma(`user_version = ${version}`)
    }).immediate()
  }
  // The first write after the switch to WAL is where synchronous silently fell back: say it again, then insist.
  db.pragma('synchronous = FULL')
}

function protect(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (/^foreman\.(db|lock)/.test(name)) chmodSync(join(folder, name), 0o600)
  }
}
