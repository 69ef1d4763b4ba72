// What came about and when, written down by those who brought it about or saw it, and by nobody out of foreman's own mouth
// but for its log: what the verdict holds everything else against.

import type { Order } from '../storm/orders.ts'
import type { Receipt, Upload } from '../storm/receivers.ts'
import type { Line } from './life.ts'
import type { Span } from './span.ts'

/**
 * Why anything may wait. `asleep`, `down`: the Mac sleeps, or no Ollama listens there. `gone`: no foreman. `full`: the disk.
 * `people`: a request of a person is not answered yet. `busy`: the target has refused requests, for as long as a backoff
 * may take. `out`: the receivers.
 */
export const causes = ['asleep', 'down', 'gone', 'paused', 'full', 'people', 'busy', 'out'] as const
export type Cause = (typeof causes)[number]

/** What the GPU did: a load, or an answer to a job or a person. `label` is the text it was asked. */
export interface Work extends Span {
  what: 'load' | 'job' | 'person'
  model: string
  label: string
}

/** One job's reason as it was told at a moment. */
export interface Said {
  id: string
  model: string
  reason: string | undefined
}

/** All jobs that wait, seen in one look. */
export interface Sample {
  at: number
  waiting: readonly Said[]
  /** The model of the job that runs. */
  running: string | undefined
}

/** What came of a person's question. */
export interface Answer {
  label: string
  asked: number
  status: number
  whole: boolean
}

/** A job as its caller remembers it. */
export interface Errand extends Order {
  model: string
  /** The code it must fail with, if the script wants it to. */
  fails?: string
}

/** A submit that was not taken. */
export interface Refusal {
  at: number
  status: number
  text: string
}

/** A webhook, and when it came. */
export interface Told extends Receipt {
  at: number
}

export class Chronicle {
  readonly spans = Object.fromEntries(causes.map((cause) => [cause, []])) as unknown as Record<Cause, Span[]>
  readonly works: Work[] = []
  readonly samples: Sample[] = []
  readonly errands: Errand[] = []
  readonly answers: Answer[] = []
  readonly refusals: Refusal[] = []
  readonly receipts: Told[] = []
  readonly uploads: Upload[] = []
  /** When Wake-on-LAN packets came. */
  readonly packets: number[] = []
  /** When foreman was killed. */
  readonly kills: number[] = []
  readonly log: Line[] = []
  /** What was wrong already while it went on. */
  readonly wrong: string[] = []
  /** Requests to foreman by what they were. */
  readonly requests: Record<string, number> = {}
  /** Resident memory of foreman, in bytes, as it told it at each scrape. */
  readonly memory: { at: number; bytes: number }[] = []

  /** A cause begins; what is returned ends it. */
  begin(cause: Cause, at: number): (at: number) => void {
    const span = { from: at, to: Infinity }
    this.spans[cause].push(span)
    return (at) => void (span.to = at)
  }

  asked(what: string): void {
    this.requests[what] = (this.requests[what] ?? 0) + 1
  }
}
