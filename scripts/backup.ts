// `npm run backup -- PATH`: a copy of foreman's database while foreman runs, or while it doesn't. PATH is the new file, or a
// folder, in which the file is called after the moment; there `--keep N` then erases all but the latest N.

import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { said } from './keep/contents.ts'
import { copyDatabase } from './keep/copy.ts'
import { placeOf, stamp } from './keep/place.ts'
import { perform, Refusal } from './keep/refusal.ts'

const usage = 'usage: npm run backup -- FILE, or npm run backup -- FOLDER [--keep N]'

function read(args: string[]): { path: string; keep: number | undefined } {
  try {
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { keep: { type: 'string' } } })
    const [path, ...more] = positionals
    const keep = values.keep === undefined ? undefined : Number(values.keep)
    if (path === undefined || more.length > 0) throw new Error('it takes one path')
    if (keep !== undefined && !(Number.isInteger(keep) && keep > 0)) throw new Error('--keep takes a number from 1')
    return { path, keep }
  } catch (error) {
    throw new Refusal(`${(error as Error).message}\n${usage}`, 2)
  }
}

/**
 * Erases all but the latest `keep` backups of a folder, of which `made` is one whatever the clock says, and what older ones
 * have left that were cut off. Names are in the order of time.
 */
function prune(folder: string, keep: number, made: string): string {
  const names = readdirSync(folder).filter((name) => /^foreman-\d{8}T\d{6}Z\.db(\.partial)?$/.test(name))
  const others = names.filter((name) => name.endsWith('.db') && name !== made).sort()
  const kept = new Set([made, ...others.slice(Math.max(0, others.length - keep + 1))])
  const oldest = [...kept].sort()[0]!
  const old = names.filter((name) => !kept.has(name) && (name.endsWith('.db') || name < oldest))
  for (const name of old) rmSync(join(folder, name))
  return old.length === 0 ? '' : `; erased ${old.length} older`
}

perform('backup', () => {
  const { path, keep } = read(process.argv.slice(2))
  const { database } = placeOf()
  if (!existsSync(database)) throw new Refusal(`there is no ${database}: FOREMAN_DATA says where it is`)
  const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
  if (keep !== undefined && !folder) throw new Refusal(`--keep is for a folder, and ${path} is none\n${usage}`, 2)
  const file = folder ? join(path, `foreman-${stamp(Date.now())}.db`) : path
  if (existsSync(file)) throw new Refusal(`${file} is there, and is not replaced`)
  const contents = copyDatabase(database, file)
  return `${file}: ${said(contents)}${keep === undefined ? '' : prune(path, keep, basename(file))}`
})
