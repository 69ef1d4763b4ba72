// One person's inference request in the lane: where it is, and what can be told of it. Which lane it stands in, and when
// it may go, is people.ts; its bytes are moved by http/passage.ts.

/** What the lane may do with a request. */
export interface Traveller {
  /** Goes to the target now. May be told again after `ticket.again`. */
  forward(): void
  /** The target has been absent for as long as people wait for it. */
  refuse(): void
}

/** A request's place in the lane, as its passage sees it. */
export interface Ticket {
  /** Nothing was sent to the target yet. */
  readonly held: boolean
  /** The target's answer has ended, or the caller left it. Only the first call counts. */
  release(left?: boolean): void
  /** The target has begun to answer well: the runner is in memory. */
  answered(): void
  /** The client takes no bytes although there are some, or takes them again. */
  stalled(on: boolean): void
  /** No connection to the target could be made. True: `forward` or `refuse` will be called later. */
  again(): boolean
}

export type Place = 'held' | 'flight' | 'stalled' | 'gone'

/** Somebody who may have to wait for an absent target. */
export interface Waiter {
  readonly traveller: Traveller
  /** Since when it waits for the target that is absent now, monotonic milliseconds. */
  absentSince: number | undefined
}

export interface Visit extends Waiter {
  /** The affinity key as the request spells it. */
  readonly name: string
  /** The same by runner. */
  key: string
  place: Place
  /** Monotonic milliseconds. */
  readonly came: number
  sent: number
  /** It could not go at once. */
  waited: boolean
}
