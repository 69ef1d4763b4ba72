// Puts a run into docs/benchmark.md, between its two marks; the words around them are a person's.

import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

const begin = '<!-- the last run; written by npm run bench -->'
const end = '<!-- end of the last run -->'

/** Replaces the recorded run. Throws when the marks are not there. */
export function record(path: string, raw: string): void {
  const text = readFileSync(path, 'utf8')
  const from = text.indexOf(begin)
  const to = text.indexOf(end)
  if (from < 0 || to < from) throw new Error(`${path} has lost its marks`)
  const day = new Date().toISOString().slice(0, 10)
  const run = `${begin}\n\n\`npm run bench\`, ${day}, Node ${process.versions.node}, ${availableParallelism()} shared cores:\n\n`
  writeFileSync(path, `${text.slice(0, from)}${run}\`\`\`text\n${raw.trimEnd()}\n\`\`\`\n\n${text.slice(to)}`)
}
