// docs/compatibility.md, whose table has one row a program, written by the run that saw it.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { capabilities, type Program } from './program.ts'

const page = join(import.meta.dirname, '..', '..', 'docs', 'compatibility.md')

/** The Go it shows. */
export function shownGo(): string {
  return /^```go\n([\s\S]*?)^```/m.exec(readFileSync(page, 'utf8'))?.[1] ?? ''
}

/** Of a program, with those of its capabilities that were the same as without foreman. */
export function rowOf(program: Program, version: string, same: ReadonlySet<string>): string {
  const { name, token, unpinned, without = {} } = program
  const cells = capabilities.map((capability) => (same.has(capability) ? 'yes' : without[capability] ? '–' : '**no**'))
  const reasons = capabilities.flatMap((capability) =>
    without[capability] ? [`${capability}: ${without[capability]}`] : [],
  )
  return `| ${[name, unpinned ? 'any' : version, token, ...cells, reasons.join('; ')].join(' | ')} |`
}

/** The programs that have one. */
export function rowNames(): string[] {
  const [, ...rows] = readFileSync(page, 'utf8').split('\n| program |')[1]?.match(/^\|.*/gm) ?? []
  return rows.map((row) => row.split(' | ')[0]?.slice(2) ?? '')
}

/** Puts it in the place of the program's row, or under all rows; with `check` it only looks. Throws when it finds another. */
export function keepRow(row: string, check: boolean): void {
  const lines = readFileSync(page, 'utf8').split('\n')
  const start = row.split('|', 2).join('|')
  const at = lines.findIndex((line) => line.startsWith(`${start}|`))
  if (check) {
    if (lines[at] !== row) throw new Error(`docs/compatibility.md has ${lines[at] ?? 'no row'}, seen was ${row}`)
    return
  }
  if (at >= 0) lines[at] = row
  else lines.splice(lines.findLastIndex((line) => line.startsWith('|')) + 1, 0, row)
  writeFileSync(page, lines.join('\n'))
}
