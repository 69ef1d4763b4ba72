// The result as people read it: one line for each figure, what is to be reached beside what was measured.

export interface Row {
  what: string
  measured: string
  /** What is to be reached; empty when the figure is told for information. */
  reach: string
  /** Whether it is; null for information. */
  met: boolean | null
}

export function table(rows: readonly Row[]): string {
  const cells = [
    ['what', 'measured', 'reach', ''],
    ...rows.map(({ what, measured, reach, met }) => [
      what,
      measured,
      reach,
      met === null ? '' : met ? 'met' : 'MISSED',
    ]),
  ]
  const widths = [0, 1, 2].map((i) => Math.max(...cells.map((row) => [...row[i]!].length)))
  return cells
    .map((row) => row.map((cell, i) => cell + ' '.repeat(Math.max(0, (widths[i] ?? 0) - [...cell].length))).join('  '))
    .map((line) => line.trimEnd())
    .join('\n')
}
