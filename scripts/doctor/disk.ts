// The disk under the data folder: what kind it is, how much is free, and how long a commit takes there, measured with
// foreman's own database in a hidden folder that is gone afterwards.

import { mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { openDatabase } from '../../server/store/database.ts'
import { about, type Finding } from './finding.ts'

const hidden = '.foreman-doctor-'
const commits = 100
const slow_ms = 25

/** `folder` exists. `bodyMax` is the most that a job asks or is answered, bytes. */
export function examineDisk(folder: string, bodyMax: number): Finding[] {
  const { type, bavail, bsize } = statfsSync(folder)
  return [...kindOf(type), freeSpace(bavail * bsize, bodyMax), commitTime(folder)]
}

/** By the numbers of Linux; elsewhere they mean something else, and nothing is said. */
export function kindOf(type: number, platform = process.platform): Finding[] {
  const { warn, fail } = about('file system')
  if (platform !== 'linux') return []
  if (type === 0x01021994) return [warn('it is in memory (tmpfs): jobs are gone with the machine')]
  if (type === 0x794c7630)
    return [warn("it is a container's own layer (overlay): jobs are gone with the container, /data wants a volume")]
  if ([0x6969, 0xff534d42, 0xfe534d42].includes(type))
    return [fail('it is on the network (NFS or SMB), where SQLite cannot keep its log: use a local disk')]
  return []
}

export function freeSpace(free: number, bodyMax: number): Finding {
  const { ok, warn, fail } = about('free space')
  const said = sized(free)
  // The largest job: what it asks and what it is answered.
  if (free < 2 * bodyMax) return fail(`${said}, and a job may need ${sized(2 * bodyMax)} (twice FOREMAN_BODY_MAX)`)
  return free < 2 ** 30 ? warn(`${said}: jobs are refused when it is used up`) : ok(said)
}

/** In the units of the settings, where a MB has 1,048,576 bytes. */
function sized(bytes: number): string {
  const [size, unit] = bytes < 2 ** 30 ? [bytes / 2 ** 20, 'MB'] : [bytes / 2 ** 30, 'GB']
  return `${size.toFixed(size < 10 ? 1 : 0)} ${unit}`
}

function commitTime(folder: string): Finding {
  const { fail } = about('commits')
  let place: string | undefined
  try {
    // What one that was killed has left.
    const left = readdirSync(folder).filter((name) => name.startsWith(hidden))
    for (const name of left) rmSync(join(folder, name), { recursive: true })
    place = mkdtempSync(join(folder, hidden))
    const { db, readonly, close } = openDatabase(place, process.pid)
    try {
      if (readonly !== null) return fail(`${folder} cannot be written: ${readonly}`)
      const write = db.prepare('INSERT INTO setting VALUES (?, ?)')
      const took = Array.from({ length: commits }, (_, n) => {
        const began = performance.now()
        write.run(String(n), 'x'.repeat(1000))
        return performance.now() - began
      }).sort((a, b) => a - b)
      return pace(took[commits / 2]!, took.at(-1)!)
    } finally {
      close()
    }
  } catch (error) {
    return fail(`${folder} cannot be written: ${(error as Error).message}`)
  } finally {
    if (place !== undefined) rmSync(place, { recursive: true, force: true })
  }
}

/**
 * From the median and the longest of the commits, each of which syncs the log once. A submit is answered after its commit: who
 * waits for one answer after the other gets so many a second. Those who come at the same time share a commit.
 */
export function pace(median_ms: number, longest_ms: number): Finding {
  const { ok, warn } = about('commits')
  const times = `${brief(median_ms)} ms each, ${brief(longest_ms)} ms at most`
  const rate = Math.floor(1000 / median_ms)
  const said = `${times}: ${rate} submits a second one after the other, more at the same time, which share commits`
  return median_ms > slow_ms ? warn(`${said}; slow for a disk`) : ok(said)
}

const brief = (ms: number) => ms.toFixed(ms < 10 ? 2 : 0)
