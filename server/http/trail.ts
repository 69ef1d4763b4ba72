// What happens to one job, told from any place in it: what is stored, what the target says just now, and then what
// comes. Whoever follows is a position and pulls; nothing is kept for it here. What the steps look like on the wire is
// for those who send them.

import { setImmediate } from 'node:timers/promises'
import { isTerminal, type State } from '../job/state.ts'
import { LineSplitter } from '../ollama/ndjson.ts'
import type { StateEvent } from '../queue/history.ts'
import type { Queue } from '../queue/queue.ts'
import type { JobRow } from '../store/jobs.ts'
import type { Batch, Output } from '../worker/output.ts'
import { Bell } from './bell.ts'
import type { Position } from './position.ts'

/** Where it can be read what happens. */
export interface Scene {
  queue: Queue
  /** What the target has said to a job that runs. */
  output: (job: number) => Output | undefined
}

export type Step =
  | { event: 'state'; state: StateEvent }
  | { event: 'output'; batch: Batch }
  /** What was told of output before is void; `at` is where that ended. */
  | { event: 'restart'; at: Position }
  | { event: 'end'; sequence: number; state: State }

/** One reader's way along a job. */
export class Trail {
  #scene: Scene
  #job: number
  #at: Position
  /** The state that `#at` is in. */
  #state: State | undefined
  /** The reader knows a place that is none of this job's history. */
  #astray = false
  /** What the target says, as long as the reader is in it. */
  #output: Output | undefined
  /** It has read all there was of the output once. */
  #live = false

  constructor(scene: Scene, job: number, from: Position) {
    this.#scene = scene
    this.#job = job
    this.#at = from
    this.#state = scene.queue.history.stateAt(job, from.sequence)
    const { sequence, line } = from
    const lines = this.#state === 'working' ? Infinity : this.#state && isTerminal(this.#state) ? 1 : 0
    if (line <= lines && (this.#state || sequence === 0)) return
    this.#astray = true
    this.#at = { sequence: 0, line: 0 }
    this.#state = undefined
  }

  /** Nothing has happened since the end that the reader was told of. */
  get over(): boolean {
    const ended = this.#state !== undefined && isTerminal(this.#state)
    return ended && this.#at.line === 1 && this.#newer()?.length === 0
  }

  /** Bytes of output that came since the reader was up to date and that it has not taken yet. */
  get behind(): number {
    return this.#live && this.#output?.sequence === this.#at.sequence ? this.#output.bytesAfter(this.#at.line) : 0
  }

  /**
   * Everything from here on. Ends after `end`; without it when foreman stops, the signal aborts, or the job is erased
   * meanwhile.
   */
  async *steps(signal: AbortSignal): AsyncGenerator<Step, void> {
    const { followers } = this.#scene.queue
    const bell = new Bell()
    const leave = followers.follow(this.#job, bell.ring)
    signal.addEventListener('abort', bell.ring)
    try {
      if (this.#astray) yield { event: 'restart', at: this.#at }
      while (!signal.aborted) {
        const newer = this.#newer()
        if (!newer) return
        if (newer.length > 0) {
          const whole = yield* this.#advance(newer)
          if (!whole && this.#newer()?.at(-1)?.sequence === newer.at(-1)?.sequence)
            throw new Error('the stored stream of a job is shorter than it should be')
          continue
        }
        if (this.#state && isTerminal(this.#state)) {
          if (this.#at.line === 0) yield { event: 'end', sequence: this.#at.sequence, state: this.#state }
          return
        }
        const batch = this.#said()?.after(this.#at.line)
        if (batch) {
          yield this.#take(batch)
          continue
        }
        if (followers.over) return
        this.#live = this.#output !== undefined
        await bell.heard()
      }
    } finally {
      leave()
      signal.removeEventListener('abort', bell.ring)
    }
  }

  #newer(): readonly StateEvent[] | undefined {
    return this.#scene.queue.history.ofJob(this.#job, this.#at.sequence)
  }

  /** Tells these events. False when they are no longer all, and what belongs to them is gone. */
  async *#advance(newer: readonly StateEvent[]): AsyncGenerator<Step, boolean> {
    const restart = newer.findLastIndex((one) => one.restarts)
    for (const [i, state] of newer.entries()) {
      if (state.restarts) yield { event: 'restart', at: this.#at }
      // What an attempt left is kept with its end only.
      const ends = i > restart && isTerminal(state.job.state) && this.#state === 'working'
      if (ends && !(yield* this.#rest())) return false
      yield { event: 'state', state }
      this.#at = { sequence: state.sequence, line: 0 }
      this.#state = state.job.state
      this.#live = false
    }
    return true
  }

  /** The lines that are left of an attempt that has ended. False when they were taken away meanwhile. */
  async *#rest(): AsyncGenerator<Step, boolean> {
    const said = this.#said()
    for (let batch = said?.after(this.#at.line); batch; batch = said?.after(this.#at.line)) yield this.#take(batch)
    if (said?.count === this.#at.line) return true
    const row = this.#scene.queue.at(this.#job)
    return row !== undefined && (yield* this.#stored(row))
  }

  async *#stored(row: JobRow): AsyncGenerator<Step, boolean> {
    const stored = this.#scene.queue.artifact(row, 'stream.ndjson')
    const { sequence } = this.#at
    const splitter = new LineSplitter()
    let left = stored?.row.size_bytes ?? 0
    let from = 0
    for (const piece of stored?.read() ?? []) {
      left -= piece.length
      const lines = splitter.write(piece)
      const skipped = Math.min(lines.length, Math.max(0, this.#at.line - from))
      const batch = { sequence, from: from + skipped, lines: lines.slice(skipped) }
      from += lines.length
      if (batch.lines.length > 0) yield this.#take(batch)
      // A reader that takes all at once must not keep the others waiting.
      await setImmediate()
    }
    return left === 0
  }

  /** What the target says in the attempt the reader is in. */
  #said(): Output | undefined {
    const running = this.#scene.output(this.#job)
    if (running && running.sequence === this.#at.sequence) this.#output = running
    else if (this.#output?.sequence !== this.#at.sequence) this.#output = undefined
    return this.#output
  }

  #take(batch: Batch): Step {
    this.#at = { ...this.#at, line: batch.from + batch.lines.length }
    return { event: 'output', batch }
  }
}
