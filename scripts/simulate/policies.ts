// How others choose the next job, to compare with: not of the server. Each sees what job/schedule.ts sees.
import { schedule, type Decision, type Snapshot, type WaitingKey } from '../../server/job/schedule.ts'

export type Policy = (snapshot: Snapshot) => Decision

const start = (snapshot: Snapshot, { key, head }: WaitingKey): Decision => {
  const turn = snapshot.turn?.key === key ? snapshot.turn : { key, since: snapshot.now }
  return { act: 'start', key, place: head, turn, yielding: null }
}
const nothing: Decision = { act: 'wait', reason: null, until: null, yielding: null }
const oldest = (keys: readonly WaitingKey[]) => keys.reduce((a, b) => (b.head < a.head ? b : a))
const current = ({ keys, turn, resident }: Snapshot) =>
  keys.find(({ key }) => key === turn?.key) ?? keys.find(({ key }) => resident.has(key))

/** The order of arrival. */
export const fifo: Policy = (snapshot) =>
  snapshot.keys.length === 0 ? nothing : start(snapshot, oldest(snapshot.keys))

/** One model until it is empty, then the one whose oldest job waits longest. */
export const drain: Policy = (snapshot) =>
  snapshot.keys.length === 0 ? nothing : start(snapshot, current(snapshot) ?? oldest(snapshot.keys))

/** Drain, but the oldest job of all as soon as it has waited for the patience. `queuedAt` by place. */
export const oldestFirst =
  (queuedAt: (place: number) => number): Policy =>
  (snapshot) => {
    if (snapshot.keys.length === 0) return nothing
    const first = oldest(snapshot.keys)
    const overdue = snapshot.now - queuedAt(first.head) >= snapshot.limits.patience
    return overdue ? start(snapshot, first) : drain(snapshot)
  }

/** foreman's own. */
export const promote: Policy = schedule

/** foreman's own, blind to people. */
export const alone: Policy = (snapshot) => schedule({ ...snapshot, people: [], strangers: 0 })
