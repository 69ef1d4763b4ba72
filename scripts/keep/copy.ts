// A database as one new file: what was committed when the copy began, whoever writes meanwhile, without the pages that
// erased rows have left. It is on disk, closed to others and read through before it has its name.

import Database from 'better-sqlite3'
import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { storeUnusable } from '../../server/store/database.ts'
import { contentsOf, type Contents } from './contents.ts'
import { Refusal } from './refusal.ts'

/** Makes `to`, replacing one that is there; what is not finished is called `to`.partial. Throws Refusal or StoreUnusable, and leaves nothing. */
export function copyDatabase(from: string, to: string): Contents {
  const partial = `${to}.partial`
  make(partial)
  try {
    // Not SQLite's own backup in steps: each write of another process would begin that anew.
    const db = new Database(from, { readonly: true, fileMustExist: true })
    try {
      db.prepare('VACUUM INTO ?').run(partial)
    } finally {
      db.close()
    }
    sync(partial)
    const contents = contentsOf(partial)
    renameSync(partial, to)
    syncFolder(dirname(to))
    return contents
  } catch (error) {
    rmSync(partial, { force: true })
    const { code = '', message } = error as { code?: string; message: string }
    if (/^SQLITE_(CANTOPEN|READONLY)/.test(code))
      throw new Refusal(`${from} cannot be read (${message}); a database with a log needs a folder that can be written`)
    // Only the copy is written.
    if (/^SQLITE_(FULL|IOERR_WRITE)/.test(code)) throw new Refusal(`${to} cannot be written (${message})`)
    throw storeUnusable(error, from)
  }
}

/** An empty file that nobody else may read, which SQLite fills. */
function make(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new Refusal(`there is no folder ${dirname(path)}`)
    if (code !== 'EEXIST') throw error
    throw new Refusal(`${path} is there: another copy is being made, or one was cut off; if it was, remove it`)
  }
}

function sync(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** The names in a folder; not every share can be asked for that, and what is in the file is on disk. */
export function syncFolder(path: string): void {
  try {
    sync(path)
  } catch (error) {
    if (!/^(EINVAL|ENOTSUP)$/.test((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}
