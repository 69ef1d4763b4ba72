// Tables of text: a heading, and columns as wide as what is in them.

import type { Colors } from './output.ts'
import { printable } from './printable.ts'

export interface Column<Row> {
  title: string
  cell(row: Row): string
  /** Numbers stand at the right. */
  right?: boolean
  style?(text: string, row: Row, colors: Colors): string
}

/** Lines without spaces at their ends. Columns in which nothing stands are left out. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], colors: Colors): string[] {
  const filled = columns
    .map((column) => ({ column, cells: rows.map((row) => printable(column.cell(row))) }))
    .filter(({ cells }) => cells.some((cell) => cell !== ''))
    .map(({ column, cells }) => {
      const width = Math.max(column.title.length, ...cells.map((cell) => cell.length))
      const fit = (text: string) => (column.right ? text.padStart(width) : text.padEnd(width))
      return { column, title: fit(column.title), cells: cells.map(fit) }
    })
  const last = filled.length - 1
  const trimmed = (text: string, at: number) => (at === last ? text.trimEnd() : text)
  const heading = filled.map(({ title }, at) => trimmed(title, at)).join('  ')
  const body = rows.map((row, i) =>
    filled
      .map(({ column, cells }, at) => {
        const text = trimmed(cells[i] ?? '', at)
        return column.style && text !== '' ? column.style(text, row, colors) : text
      })
      .join('  '),
  )
  return rows.length === 0 ? [] : [colors.dim(heading), ...body].map((line) => line.trimEnd())
}
