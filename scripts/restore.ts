// `npm run restore -- FILE`: a backup becomes foreman's database, while no foreman runs. The database that was there is put
// aside, never erased. FILE is only read; what it holds and its log, if it has one, is copied and read through first.

import { chownSync, existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { newestIn, takeLock } from '../server/store/database.ts'
import { takeFolder } from '../server/store/folder.ts'
import { said } from './keep/contents.ts'
import { copyDatabase, sync } from './keep/copy.ts'
import { placeOf, stamp, type Place } from './keep/place.ts'
import { perform, Refusal } from './keep/refusal.ts'

function restore(file: string, { folder, database }: Place): string {
  const copy = join(folder, 'foreman.restored')
  // What a restore that was cut off has left; the lock says that there is no other one.
  for (const left of [copy, `${copy}.partial`]) rmSync(left, { force: true })
  const contents = copyDatabase(file, copy)
  if (contents.schema > newestIn()) {
    rmSync(copy)
    throw new Refusal(`${file} is from a newer foreman (schema ${contents.schema}, this one knows ${newestIn()})`)
  }
  const aside = putAside(folder, database)
  renameSync(copy, database)
  sync(folder)
  return `${database}: ${said(contents)}${aside === undefined ? '' : `; what was there is ${aside}`}`
}

/** Renames the database and its log, which the new one would take for its own. */
function putAside(folder: string, database: string): string | undefined {
  const aside = join(folder, `foreman.before-${stamp(Date.now())}.db`)
  const there = ['', '-wal'].filter((part) => existsSync(database + part))
  for (const part of there) renameSync(database + part, aside + part)
  rmSync(`${database}-shm`, { force: true })
  return there.includes('') ? aside : undefined
}

/** The superuser's files would be closed to the foreman whose folder it is. */
function handOver(folder: string): void {
  if (process.getuid?.() !== 0) return
  const { uid, gid } = statSync(folder)
  for (const name of readdirSync(folder)) if (name.startsWith('foreman.')) chownSync(join(folder, name), uid, gid)
}

perform('restore', () => {
  const [file, ...more] = process.argv.slice(2)
  if (file === undefined || more.length > 0) throw new Refusal('usage: npm run restore -- FILE', 2)
  const place = placeOf()
  if (!existsSync(file)) throw new Refusal(`there is no ${file}`)
  if (resolve(file) === resolve(place.database)) throw new Refusal(`${file} is foreman's database already`)
  takeFolder(place.folder)
  const lock = takeLock(place.lock, process.pid)
  try {
    return restore(file, place)
  } finally {
    lock.close()
    handOver(place.folder)
  }
})
