// What a world is made of, and the units of its time.
import type { Limits } from '../../server/job/schedule.ts'
import type { Policy } from './policies.ts'

/** Milliseconds everywhere. */
export interface WorldOptions {
  limits?: Partial<Limits>
  policy?: Policy
  room?: number
  parallel?: number
  size?: (key: string) => number
  load?: (key: string) => number
  /** Age of /api/ps after a load. */
  lag?: number
  /** Slowest loads and sets of these keys are known from the start. */
  learnt?: readonly string[]
}

export const second = 1_000
export const minute = 60_000
export const defaults: Limits = {
  patience: 5 * minute,
  peoplePatience: 10 * second,
  hold: minute,
  yieldMax: 15 * minute,
  claim: 2 * minute,
}
