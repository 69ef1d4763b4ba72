// Faults a test or the demo scripts: what goes wrong, for how many requests, and for which. Choosing the fault of a
// request is here; acting it out is done where it strikes (serve.ts, inference.ts, scheduler.ts).

import type { Seen } from './ledger.ts'

/** What goes wrong. */
type Event =
  /** The runner dies: 500 before the first token, an error line (or SSE's silence) after it; it stays listed. */
  | { do: 'crash' }
  /** The server dies: the connection is destroyed, inside a chunk once something was sent. */
  | { do: 'kill' }
  /** The stream ends cleanly without `done`. */
  | { do: 'eof' }
  /** Silence, for ever or until the promise resolves. */
  | { do: 'hang'; until?: Promise<unknown> }
  /** Silence until the client leaves, whose slot is lost then for as long as the runner lives. */
  | { do: 'lose' }
  /** A page that is no Ollama's; status 200 unless given. */
  | { do: 'html'; status?: number; text?: string }
  /** 503, the scheduler's queue is full. */
  | { do: 'busy' }
  /** Any error in the route's own shape; status 500 unless given. */
  | { do: 'refuse'; text: string; status?: number }
  /** The load that the request causes fails with this text. */
  | { do: 'fail_load'; text: string }

export type Fault = Event & {
  /** Pieces of output sent before it strikes; 0, before the first byte, is the default. A shorter answer: before its end. */
  after?: number
  /** How many requests it strikes, 1 unless given. */
  times?: number
  /** Which requests; unless given those that generate or embed, for `fail_load` all that may load. */
  when?: (request: Seen) => boolean
}

export class Faults {
  #waiting: { fault: Fault; left: number }[] = []

  /** Adds a fault behind those already waiting; returns its removal. */
  add(fault: Fault): () => void {
    const entry = { fault, left: fault.times ?? 1 }
    this.#waiting.push(entry)
    return () => {
      this.#waiting = this.#waiting.filter((w) => w !== entry)
    }
  }

  clear(): void {
    this.#waiting = []
  }

  /** The first fault meant for this request, used up by one. */
  take(seen: Seen, loading = false): Fault | undefined {
    const entry = this.#waiting.find(({ fault }) => {
      if ((fault.do === 'fail_load') !== loading) return false
      return fault.when ? fault.when(seen) : loading || seen.purpose === 'work'
    })
    if (!entry) return undefined
    if (--entry.left <= 0) this.#waiting = this.#waiting.filter((w) => w !== entry)
    return entry.fault
  }
}
