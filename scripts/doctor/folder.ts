// The data folder: whose it is, who may read it, and the database in it. Nothing is changed.

import Database from 'better-sqlite3'
import { existsSync, readdirSync, statSync, type Stats } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { newestIn, storeUnusable } from '../../server/store/database.ts'
import { about, type Finding } from './finding.ts'

const { ok, warn, fail } = about('data folder')

/** The folder itself, or while it is not there the one in which it will be made. */
export function standingFolder(folder: string): string {
  const path = resolve(folder)
  return existsSync(path) ? path : standingFolder(dirname(path))
}

/** `uid` is who asks; undefined where there are no users. */
export function examineFolder(folder: string, uid: number | undefined): Finding[] {
  try {
    return lookInto(folder, uid)
  } catch (error) {
    return [fail(`it cannot be looked into: ${(error as Error).message}`)]
  }
}

function lookInto(folder: string, uid: number | undefined): Finding[] {
  const stats = statSync(folder, { throwIfNoEntry: false })
  if (!stats) return [ok(`${folder} is not there yet: it is made at the first start`)]
  if (!stats.isDirectory()) return [fail(`${folder} is no folder`)]
  if (uid !== undefined && uid !== 0 && stats.uid !== uid)
    return [fail(`${folder} belongs to user ${stats.uid}, and this is user ${uid}, who cannot close it to others`)]
  const strangers = readdirSync(folder).filter(
    (name) => name.startsWith('foreman.') && !isOf(join(folder, name), stats),
  )
  if (strangers.length > 0)
    return [fail(`${strangers.join(', ')} in ${folder} do not belong to user ${stats.uid}, whose the folder is`)]
  const mode = (stats.mode & 0o777).toString(8)
  const closed = (stats.mode & 0o077) === 0
  const finding = closed
    ? ok(`${folder}, of user ${stats.uid}, mode ${mode}`)
    : warn(`${folder} is open to others (mode ${mode}): foreman closes it when it starts`)
  return [finding, ...examineDatabase(join(folder, 'foreman.db'))]
}

/** A file of SQLite's may go away meanwhile. */
function isOf(path: string, { uid }: Stats): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.uid ?? uid) === uid
}

function examineDatabase(path: string): Finding[] {
  const database = about('database')
  if (!existsSync(path)) return [database.ok('none yet')]
  let db: Database.Database | undefined
  try {
    db = new Database(path, { readonly: true })
    const schema = Number(db.pragma('user_version', { simple: true }))
    const newest = newestIn()
    if (schema > newest)
      return [database.fail(`it is from a newer foreman (schema ${schema}, this one knows ${newest})`)]
    const jobs = schema === 0 ? 0 : db.prepare('SELECT count(*) FROM job').pluck().get()
    // What was written last is still in the log.
    const bytes = ['', '-wal'].map((part) => statSync(path + part, { throwIfNoEntry: false })?.size ?? 0)
    const size = `${((bytes[0]! + bytes[1]!) / 1e6).toFixed(1)} MB`
    const next = schema < newest ? `, brought to ${newest} at the next start` : ''
    return [database.ok(`${String(jobs)} jobs, ${size}, schema ${schema}${next}`)]
  } catch (error) {
    return [database.fail((storeUnusable(error, path) as Error).message)]
  } finally {
    db?.close()
  }
}
