// Whether a person's request goes to the target now. Pure: what is in flight comes in, a verdict comes out; it keeps
// nothing, reads no clock and logs nothing. Who asks, and what a verdict does, is people.ts.

/** What people have in flight under one key. Times are monotonic milliseconds. */
export interface InFlight {
  key: string
  count: number
  /** When the first of those now in flight came. */
  since: number
  /** When one last came or ended. */
  lastSeen: number
}

/** What the decision may look at. */
export interface Lane {
  now: number
  /** Everything of people's that is in flight, one entry a key. */
  inFlight: readonly InFlight[]
}

/** `forward`: to the target at once. */
export type Verdict = 'forward'

/** Decides about a request for `key`; undefined when its key can't be told, or it needs no runner. */
export function admit(_lane: Lane, _key: string | undefined): Verdict {
  return 'forward'
}
