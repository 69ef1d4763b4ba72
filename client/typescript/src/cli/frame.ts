// One drawing of the queue on a terminal: a pure function of what was seen, the time and the room there is.

import pico from 'picocolors'
import type { Job, Outputs } from '../api.ts'
import { jobColumns, rowOfJob, rowOfPlanned, shortId, type JobRow } from './job-row.ts'
import type { Colors } from './output.ts'
import { printable } from './printable.ts'
import { queueLines } from './queue.ts'
import { table } from './table.ts'

/** Lines of a frame beside the jobs': the queue's, the heading, what is left out, the cursor's. */
const otherLines = 8

/** What a frame shows. */
export interface View {
  queue: Outputs['queue']['get']
  running: readonly Job[]
  plan: Outputs['queue']['plan']
}

export interface Frame {
  view: View
  /** Milliseconds. */
  now: number
  /** Of the terminal. */
  rows: number
  columns: number
  colors: Colors
  /** Why the view is an old one. */
  trouble?: string
}

/** The lines of one drawing, no more and no longer than the terminal has room for. */
export function frame({ view, now, rows, columns, colors, trouble }: Frame): string[] {
  const all = rowsOf(view, now)
  const shown = all.slice(0, Math.max(1, rows - otherLines))
  const left = view.running.length + view.plan.waiting - shown.length
  return [
    ...queueLines(view.queue, colors, columns),
    '',
    ...table(fitting(columns, shown), shown, colors),
    ...(left > 0 ? [colors.dim(`and ${left} more`)] : []),
    ...(trouble === undefined ? [] : [colors.yellow(printable(trouble))]),
  ]
}

/** Running jobs and then those that wait, in the order in which they are expected to start. */
export function rowsOf({ running, plan }: View, now: number): JobRow[] {
  const ids = new Set(running.map(({ id }) => id))
  const waiting = plan.data.filter(({ id }) => !ids.has(id))
  return [...running.map((job) => rowOfJob(job, now)), ...waiting.map((entry) => rowOfPlanned(entry, now))]
}

/** A narrow terminal shows the ends of ids, which differ, and short names. */
function fitting(columns: number, rows: readonly JobRow[]): typeof jobColumns {
  const width = Math.max(0, ...table(jobColumns, rows, pico.createColors(false)).map((line) => line.length))
  if (width <= columns) return jobColumns
  const room = Math.max(8, 12 + columns - 80)
  return jobColumns.map((column) => ({
    ...column,
    cell: (row) => {
      const text = column.cell(row)
      if (column.title === 'ID') return shortId(text)
      return column.title === 'MODEL' && text.length > room ? `${text.slice(0, room - 1)}…` : text
    },
  }))
}
