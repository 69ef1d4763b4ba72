// The list of jobs, page by page. What is asked for is found by SQLite among a few hundred rows at a time, and only one
// such step is taken in a turn of the event loop, whoever asks: a list that finds nothing among thousands stalls nobody.

import type Database from 'better-sqlite3'
import { setImmediate as breathe } from 'node:timers/promises'
import type { State } from '../job/state.ts'
import { from, listed, type JobRow } from './jobs.ts'

export interface Page {
  states: readonly State[]
  model?: string
  /** `key:value`, cut at any colon but one at the start: keys and values may have their own. */
  label?: string
  createdAfter?: number
  createdBefore?: number
  /** Rows older than this sequence. */
  before: number
  limit: number
}

/** How many rows one page looks at before it comes short, and how many of them in one step. */
const pageReach = 5000
const step = 500

interface Wanted {
  before: number
  floor: number
  most: number
  states: string | null
  model: string | null
  label: string | null
  createdAfter: number | null
  createdBefore: number | null
}

export class Pages {
  #reach
  #within
  /** When the next step may be taken. */
  #next: Promise<unknown> = Promise.resolve()

  constructor(db: Database.Database) {
    this.#reach = db.prepare<[number, number], { floor: number | null; seen: number }>(
      'SELECT min(seq) AS floor, count(*) AS seen FROM (SELECT seq FROM job WHERE seq < ? ORDER BY seq DESC LIMIT ?)',
    )
    this.#within = db.prepare<[Wanted], JobRow>(pageWithin)
  }

  /** Newest first; `webhook`, `deliver` and `trace` of the rows are null. `next` is the sequence to go on below, undefined at the end. Comes short after 5,000 rows looked at. */
  async page(page: Page): Promise<{ rows: JobRow[]; next?: number }> {
    const rows: JobRow[] = []
    let { before } = page
    for (let looked = 0; looked < pageReach;) {
      await this.#turn()
      const { floor, seen } = this.#reach.get(before, Math.min(step, pageReach - looked))!
      if (floor === null) return { rows }
      this.#find(page, before, floor, rows)
      if (rows.length === page.limit) return { rows, next: rows.at(-1)!.seq }
      looked += seen
      before = floor
    }
    return { rows, next: before }
  }

  /** Adds what is asked for of the rows from `floor` to below `before`, up to the limit. */
  #find(page: Page, before: number, floor: number, rows: JobRow[]): void {
    const { states, model = null, label, createdAfter = null, createdBefore = null, limit } = page
    const wanted = {
      floor,
      states: states.length > 0 ? JSON.stringify(states) : null,
      model,
      label: label === undefined ? null : startOf(label),
      createdAfter,
      createdBefore,
    }
    for (let below = before; rows.length < limit;) {
      const most = limit - rows.length
      const some = this.#within.all({ ...wanted, before: below, most })
      rows.push(...some.filter((row) => label === undefined || isLabelled(row, label)))
      if (some.length < most) return
      below = some.at(-1)!.seq
    }
  }

  async #turn(): Promise<void> {
    const mine = this.#next
    this.#next = mine.then(() => breathe())
    await mine
  }
}

/** Labels are stored as JSON.stringify writes them, so a member is found as text; what only looks like it is sorted out above. */
export const pageWithin = `SELECT ${listed} FROM ${from}
  WHERE job.seq < @before AND job.seq >= @floor
    AND (@states IS NULL OR state IN (SELECT value FROM json_each(@states)))
    AND (@model IS NULL OR job.model = @model)
    AND (@createdAfter IS NULL OR created_at > @createdAfter)
    AND (@createdBefore IS NULL OR created_at < @createdBefore)
    AND (@label IS NULL OR instr(labels, @label) > 0)
  ORDER BY job.seq DESC LIMIT @most`

/** What the member of a label has in it, as JSON, wherever the label is to be cut. */
function startOf(label: string): string {
  const colon = label.indexOf(':', 1)
  const [key, value] = [label.slice(0, colon), label.slice(colon + 1)]
  return value.includes(':') ? JSON.stringify(key).slice(0, -1) : JSON.stringify({ [key]: value }).slice(1, -1)
}

function isLabelled({ labels }: JobRow, label: string): boolean {
  return Object.entries(JSON.parse(labels) as Record<string, string>).some(
    ([key, value]) => `${key}:${value}` === label,
  )
}
