// What the responses of background calls repeat of their requests, kept for those that were looked at last: a request never
// changes, and whoever polls must not have megabytes of it read each time. What is not kept any more is read again.

import type { Queue } from '../queue/queue.ts'
import type { JobRow } from '../store/jobs.ts'
import { membersIn } from './outline.ts'

/** Characters of JSON in all, with what each costs besides. A request has a few thousand, seldom a million. */
const most = 8 * 1024 * 1024
/** What an id, a text and an entry cost, however short the text. */
const costOfOne = 256

export class Outlines {
  readonly #queue: Pick<Queue, 'body'>
  readonly #names: readonly string[]
  /** As JSON, by job; the one that was asked for last stands last. */
  readonly #kept = new Map<string, string>()
  #size = 0

  /** `names` are the members that are wanted. */
  constructor(queue: Pick<Queue, 'body'>, names: readonly string[]) {
    this.#queue = queue
    this.#names = names
  }

  /** The wanted members of the request of a job, parsed. One of more than 64 KiB is left out. */
  async of(row: JobRow): Promise<Record<string, unknown>> {
    const text = this.#kept.get(row.id) ?? (await this.#read(row))
    this.#forget(row.id)
    this.#kept.set(row.id, text)
    this.#size += text.length + costOfOne
    for (const id of this.#kept.keys()) {
      if (this.#size <= most) break
      this.#forget(id)
    }
    return JSON.parse(text) as Record<string, unknown>
  }

  async #read(row: JobRow): Promise<string> {
    return JSON.stringify(await membersIn((start, end) => this.#queue.body(row, start, end), this.#names))
  }

  #forget(id: string): void {
    const text = this.#kept.get(id)
    if (text === undefined) return
    this.#size -= text.length + costOfOne
    this.#kept.delete(id)
  }
}
