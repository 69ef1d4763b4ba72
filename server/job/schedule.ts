// Which job runs next. Pure decision over a snapshot; must not read a clock, log, or remember anything.
// Jobs are drained model by model: a turn goes on while its key has work, a key that has waited for the patience P
// becomes overdue and ends a turn that has lasted P. Every tie breaks by queue place: one snapshot, one answer.

import type { InFlight } from './admit.ts'

/** The waiting jobs of one affinity key; retries in backoff are not waiting. Times are monotonic milliseconds. */
export interface WaitingKey {
  key: string
  waiting: number
  /** Queue place of the oldest waiting job. */
  head: number
  /** The later of the head's queue time and the last start of any job of this key. */
  starvedSince: number
}

export type TargetState = 'unknown' | 'awake' | 'asleep' | 'down' | 'stuck'

/** The configured times of the law, in milliseconds. null: never. */
export interface Limits {
  /** P: a waiting key of jobs becomes overdue. */
  patience: number
  /** Pp: a held key of people becomes overdue; null never holds. */
  peoplePatience: number | null
  /** H: people's runner is left alone so long after their last request. */
  hold: number
  /** Y: jobs claim a turn after yielding so long. */
  yieldMax: number | null
  /** C: the length of a claimed turn. */
  claim: number
}

/** What was seen of the target's room: sets of keys that were listed together, and sets that were not possible. */
export interface Room {
  fit: readonly ReadonlySet<string>[]
  clash: readonly ReadonlySet<string>[]
}

/** Means of what was seen of a key, in milliseconds; absent until something was. */
export interface Estimate {
  load?: number
  run?: number
}

/** Everything a decision may depend on. */
export interface Snapshot {
  now: number
  keys: readonly WaitingKey[]
  /** Affinity keys whose runner is loaded. */
  resident: ReadonlySet<string>
  /** The current turn, or the last one until the next begins. */
  turn: { key: string; since: number } | null
  /** People's requests, by key. */
  people: readonly InFlight[]
  room: Room
  /** Since when the chosen job steps aside for people. */
  yielding: number | null
  /** The turn that jobs claimed from people. */
  claim: { key: string; since: number } | null
  target: TargetState
  paused: boolean
  limits: Limits
  estimates: ReadonlyMap<string, Estimate>
}

export type Reason =
  | 'next'
  | 'draining_another_model'
  | 'backing_off'
  | 'paused'
  | 'storage_failing'
  | 'target_asleep'
  | 'target_down'
  | 'target_stuck'

export type Decision =
  | { act: 'start'; key: string; place: number; turn: { key: string; since: number } }
  /** Nothing to start; `until` is the moment at which the answer may change by itself, null when only an event can. */
  | { act: 'wait'; reason: Reason | null; until: number | null }

/** Decides. The caller starts the named job or waits for the next event or for `until`. */
export function schedule(snapshot: Snapshot): Decision {
  const { now, keys, paused, target } = snapshot
  if (keys.length === 0) return { act: 'wait', reason: null, until: null }
  if (paused) return { act: 'wait', reason: 'paused', until: null }
  if (target !== 'awake') return { act: 'wait', reason: absence(target), until: null }
  const { chosen, continues } = choose(snapshot)
  const turn = continues && snapshot.turn ? snapshot.turn : { key: chosen.key, since: now }
  return { act: 'start', key: chosen.key, place: chosen.head, turn }
}

function choose({ now, keys, turn, limits, resident }: Snapshot): { chosen: WaitingKey; continues: boolean } {
  const { patience } = limits
  const current = turn && keys.find((k) => k.key === turn.key)
  const overdue = keys.filter((k) => k.key !== turn?.key && now - k.starvedSince >= patience)
  if (current && turn && !(overdue.length > 0 && now - turn.since >= patience))
    return { chosen: current, continues: true }
  if (overdue.length > 0) return { chosen: longestStarved(overdue), continues: false }
  const loaded = keys.filter((k) => resident.has(k.key))
  return { chosen: longestStarved(loaded.length > 0 ? loaded : keys), continues: false }
}

function longestStarved(keys: readonly WaitingKey[]): WaitingKey {
  return keys.reduce((a, b) => ((b.starvedSince - a.starvedSince || b.head - a.head) < 0 ? b : a))
}

function absence(target: TargetState): Reason | null {
  return target === 'asleep' || target === 'down' || target === 'stuck' ? `target_${target}` : null
}

/** Why a queued job is not running, as callers are told. */
export function reasonFor(
  job: { place: number; backingOff: boolean },
  snapshot: Snapshot,
  decision: Decision = schedule(snapshot),
): Reason | null {
  if (snapshot.paused) return 'paused'
  if (job.backingOff) return 'backing_off'
  const away = absence(snapshot.target)
  if (away) return away
  if (decision.act === 'wait') return decision.reason
  return decision.place === job.place ? 'next' : 'draining_another_model'
}
