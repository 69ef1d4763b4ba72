// The queue as decisions see it: per affinity key the oldest waiting job and the counts, kept in memory beside the
// commits and read from the database once at start. Nothing here is a truth of its own.

import type { WaitingKey } from '../job/schedule.ts'
import type { Affinity, Tally } from '../store/affinities.ts'
import type { JobRow } from '../store/jobs.ts'

interface Head {
  seq: number
  place: number
  waiting_since: number
}

interface Entry {
  id: number
  key: string
  model: string
  lastStart: number
  head: Head | undefined
  /** By bucket, without the jobs that have ended. */
  counts: Map<string, number>
  /** All of them. */
  live: number
}

/** What a job is in that has not ended. */
const live = new Set(['queued', 'backing_off', 'loading', 'working'])
/** So many keys without such a job are remembered for the sake of their last start, the newest. */
const kept = 1_000

export interface WaitingOptions {
  affinities: readonly Affinity[]
  tallies: readonly Tally[]
  /** The oldest waiting job of a key, as the database has it. */
  head: (affinity: number) => Head | undefined
}

export class Waiting {
  #entries = new Map<number, Entry>()
  /** Those of them without a job, the longest first. */
  #over = new Set<number>()
  #totals = new Map<string, number>()
  #head: WaitingOptions['head']

  constructor({ affinities, tallies, head }: WaitingOptions) {
    this.#head = head
    const byId = new Map(affinities.map((a) => [a.id, a]))
    for (const { affinity, bucket, n } of tallies) {
      const known = byId.get(affinity)
      if (known) this.#count(this.#entry(known.id, known.key, known.model, known.last_start ?? 0), bucket, n)
    }
    const idle = [...this.#entries.values()].filter((entry) => entry.live === 0)
    for (const { id } of idle.sort((a, b) => a.lastStart - b.lastStart)) this.#over.add(id)
    this.#trim()
    for (const entry of this.#entries.values()) if (count(entry, 'queued') > 0) entry.head = head(entry.id)
  }

  /** A job came into being. */
  added(row: JobRow): void {
    const entry = this.#entryOf(row)
    this.#enter(entry, row)
    this.#settle(entry)
  }

  /** A job's row changed from `before` to `after`; its key stays. */
  changed(before: JobRow, after: JobRow): void {
    const entry = this.#entryOf(after)
    this.#leave(entry, before)
    this.#enter(entry, after)
    this.#settle(entry)
  }

  /** A job was erased. */
  removed(row: JobRow): void {
    const entry = this.#entryOf(row)
    this.#leave(entry, row)
    this.#settle(entry)
  }

  /** A job of this key started at `steady`: the key goes to the back. */
  started(row: JobRow, steady: number): void {
    this.#entryOf(row).lastStart = steady
  }

  /** The keys that wait, names of one runner folded together, in order of their heads. */
  keys(fold: (key: string) => string): WaitingKey[] {
    const folded = new Map<string, WaitingKey & { lastStart: number; since: number }>()
    const oldest = this.oldestSince() ?? Infinity
    for (const entry of this.#entries.values()) {
      // A start before anybody waited changes nothing for those who wait now.
      if (!entry.head && entry.lastStart <= oldest) continue
      const name = fold(entry.key)
      const one = folded.get(name) ?? { key: name, waiting: 0, head: Infinity, starvedSince: 0, lastStart: 0, since: 0 }
      one.lastStart = Math.max(one.lastStart, entry.lastStart)
      if (entry.head) {
        one.waiting += count(entry, 'queued')
        if (entry.head.place < one.head) {
          one.head = entry.head.place
          one.since = entry.head.waiting_since
        }
      }
      folded.set(name, one)
    }
    return [...folded.values()]
      .filter((one) => one.waiting > 0)
      .map(({ key, waiting, head, since, lastStart }) => ({
        key,
        waiting,
        head,
        starvedSince: Math.max(since, lastStart),
      }))
      .sort((a, b) => a.head - b.head)
  }

  /** Sequence of the waiting job at the head of its key with this queue place. */
  headAt(place: number): number | undefined {
    for (const { head } of this.#entries.values()) if (head?.place === place) return head.seq
    return undefined
  }

  /** Jobs in a bucket: a state, or `backing_off`. */
  total(bucket: string): number {
    return this.#totals.get(bucket) ?? 0
  }

  oldestPlace(): number {
    let oldest = Infinity
    for (const { head } of this.#entries.values()) if (head && head.place < oldest) oldest = head.place
    return oldest
  }

  /** Steady time since when the oldest waiting job waits. */
  oldestSince(): number | undefined {
    let oldest: number | undefined
    for (const { head } of this.#entries.values()) {
      if (head && (oldest === undefined || head.waiting_since < oldest)) oldest = head.waiting_since
    }
    return oldest
  }

  /** Waiting (backed-off ones included) and running jobs by model, most waiting first. */
  models(): { model: string; waiting: number; running: number }[] {
    const models = new Map<string, { model: string; waiting: number; running: number }>()
    for (const entry of this.#entries.values()) {
      const one = models.get(entry.model) ?? { model: entry.model, waiting: 0, running: 0 }
      one.waiting += count(entry, 'queued') + count(entry, 'backing_off')
      one.running += count(entry, 'loading') + count(entry, 'working')
      models.set(entry.model, one)
    }
    return [...models.values()].filter((m) => m.waiting + m.running > 0).sort((a, b) => b.waiting - a.waiting)
  }

  #enter(entry: Entry, row: JobRow): void {
    const bucket = bucketOf(row)
    this.#count(entry, bucket, 1)
    if (bucket === 'queued' && (!entry.head || row.place < entry.head.place)) {
      entry.head = { seq: row.seq, place: row.place, waiting_since: row.waiting_since }
    }
  }

  #leave(entry: Entry, row: JobRow): void {
    this.#count(entry, bucketOf(row), -1)
    if (entry.head?.seq === row.seq) entry.head = this.#head(entry.id)
  }

  #count(entry: Entry, bucket: string, n: number): void {
    this.#totals.set(bucket, this.total(bucket) + n)
    if (!live.has(bucket)) return
    entry.counts.set(bucket, count(entry, bucket) + n)
    entry.live += n
  }

  /** A job of the key came or went: one that has none left is the newest of those. */
  #settle({ id, live }: Entry): void {
    this.#over.delete(id)
    if (live > 0) return
    this.#over.add(id)
    this.#trim()
  }

  #trim(): void {
    for (const id of this.#over) {
      if (this.#over.size <= kept) return
      this.#over.delete(id)
      this.#entries.delete(id)
    }
  }

  #entryOf(row: JobRow): Entry {
    return this.#entry(row.affinity, row.key, row.model, 0)
  }

  #entry(id: number, key: string, model: string, lastStart: number): Entry {
    let entry = this.#entries.get(id)
    if (!entry)
      this.#entries.set(id, (entry = { id, key, model, lastStart, head: undefined, counts: new Map(), live: 0 }))
    return entry
  }
}

function bucketOf(row: JobRow): string {
  return row.due === null ? row.state : 'backing_off'
}

function count(entry: Entry, bucket: string): number {
  return entry.counts.get(bucket) ?? 0
}
