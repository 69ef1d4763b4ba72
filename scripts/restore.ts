// `npm run restore -- FILE`: a backup becomes foreman's database, while no foreman runs. The database that was there is put
// aside, never erased. FILE is only read; what it holds and its log, if it has one, is copied and read through first.

import Database from 'better-sqlite3'
import { existsSync, lchownSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { newestIn, takeLock } from '../server/store/database.ts'
import { takeFolder } from '../server/store/folder.ts'
import { said } from './keep/contents.ts'
import { copyDatabase, syncFolder } from './keep/copy.ts'
import { placeOf, stamp, type Place } from './keep/place.ts'
import { perform, Refusal } from './keep/refusal.ts'

/** What a restore that is cut off leaves. */
const copyIn = (folder: string) => join(folder, 'foreman.restored')

function restore(file: string, { folder, database }: Place): string {
  const copy = copyIn(folder)
  const aside = join(folder, `foreman.before-${stamp(Date.now())}.db`)
  if (existsSync(aside)) throw new Refusal(`${aside} is there, and is not replaced`)
  // What a restore that was cut off has left; the lock says that there is no other one.
  for (const left of [copy, `${copy}.partial`]) rmSync(left, { force: true })
  const contents = copyDatabase(file, copy)
  if (contents.schema > newestIn()) {
    rmSync(copy)
    throw new Refusal(`${file} is from a newer foreman (schema ${contents.schema}, this one knows ${newestIn()})`)
  }
  const wasThere = existsSync(database)
  // SQLite erases the log of an empty one.
  if (wasThere && statSync(database).size > 0) writeBack(database)
  putAside(database, aside)
  renameSync(copy, database)
  syncFolder(folder)
  return `${database}: ${said(contents)}${wasThere ? `; what was there is ${aside}` : ''}`
}

/** Renames the database and its log, which the new one would take for its own. */
function putAside(database: string, aside: string): void {
  for (const part of ['', '-wal']) if (existsSync(database + part)) renameSync(database + part, aside + part)
  rmSync(`${database}-shm`, { force: true })
}

/** Puts the log into the database, where that can be done: one file is renamed in one step, and two would not be. */
function writeBack(path: string): void {
  let db: Database.Database | undefined
  try {
    db = new Database(path)
    db.pragma('wal_checkpoint(TRUNCATE)')
  } catch {
    // A damaged one, or no room: it is put aside as it is.
  } finally {
    db?.close()
  }
}

/** The superuser's files would be closed to the foreman whose folder it is. */
function handOver(folder: string): void {
  if (process.getuid?.() !== 0) return
  const { uid, gid } = statSync(folder)
  // Never what a link leads to: whoever has the folder may have put it there.
  for (const name of readdirSync(folder)) if (name.startsWith('foreman.')) lchownSync(join(folder, name), uid, gid)
}

perform('restore', () => {
  const [file, ...more] = process.argv.slice(2)
  if (file === undefined || more.length > 0) throw new Refusal('usage: npm run restore -- FILE', 2)
  const place = placeOf()
  if ([place.database, copyIn(place.folder)].some((own) => resolve(own) === resolve(file)))
    throw new Refusal(`${file} is foreman's own, and no backup`)
  if (!existsSync(file)) throw new Refusal(`there is no ${file}`)
  // On a new machine the backup may be the first thing in it.
  takeFolder(place.folder, relative(place.folder, file).split(sep)[0])
  const lock = takeLock(place.lock, process.pid)
  try {
    return restore(file, place)
  } finally {
    lock.close()
    handOver(place.folder)
  }
})
