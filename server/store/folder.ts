// The data folder: made where it is missing, foreman's own, and closed to others, since prompts lie in it.

import { chmodSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The data folder cannot be used; the message is one plain line for the operator. */
export class StoreUnusable extends Error {
  override name = 'StoreUnusable'
}

/**
 * Makes the folder if need be, and closes it to other users. Throws StoreUnusable, and leaves it as it is, when it holds what
 * is somebody else's, `besides` the one name; else what the file system says.
 */
export function takeFolder(folder: string, besides?: string): void {
  makeFolder(folder)
  if (!isOwn(folder, besides))
    throw new StoreUnusable(`the data folder ${folder} holds what is not foreman's: give it one of its own`)
  chmodSync(folder, 0o700)
}

/** Closes its files to other users. */
export function closeFiles(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (/^foreman\.(db|lock)/.test(name)) chmodSync(join(folder, name), 0o600)
  }
}

/** Like `mkdir -p`. Node's own recursive one never returns where a file system denies a folder that is there, as /proc does. */
function makeFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return
  const above = dirname(folder)
  if (!existsSync(above)) makeFolder(above)
  mkdirSync(folder, { mode: 0o700 })
}

/** Whether a folder is foreman's, or nobody's: what a file system or a tool keeps there for itself is no sign of others. */
function isOwn(folder: string, besides: string | undefined): boolean {
  const names = readdirSync(folder).filter((name) => name !== besides)
  const isNobodys = (name: string) => name.startsWith('.') || name === 'lost+found'
  return names.some((name) => name.startsWith('foreman.')) || names.every(isNobodys)
}
