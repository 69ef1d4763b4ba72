// Which job runs next, and whether it may run now. Pure decision over a snapshot; must not read a clock, log, or remember
// anything. Jobs are drained model by model: a turn goes on while its key has work, a key that has waited for the patience P
// becomes overdue and ends a turn that has lasted P. Jobs step aside for people; when the chosen one has stepped aside for
// Y, its key claims a turn of at most C. It starts once what people have in flight fits beside it; those whose key can't be
// told are never held, so others follow them without end, and a claim waits for them for C at most. Every tie breaks by queue place: one snapshot, one answer. Docs: docs/scheduling.md.

import type { Crowd } from './admit.ts'
import { knownToFit, type Room } from './room.ts'

/** The waiting jobs of one affinity key; retries in backoff are not waiting. Times are monotonic milliseconds. */
export interface WaitingKey {
  key: string
  waiting: number
  /** Queue place of the oldest waiting job. */
  head: number
  /** The later of the head's queue time and the last start of any job of this key. */
  starvedSince: number
  /** Its model runs on ollama.com: it needs no runner here, and takes nothing from anybody. */
  elsewhere?: true
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

/** A run of jobs of one key. `claimed`: it began under a claim, and a claim lasts C from there. */
export interface Turn {
  key: string
  since: number
  claimed?: true
}

/** Everything a decision may depend on. No job is running. */
export interface Snapshot {
  now: number
  keys: readonly WaitingKey[]
  /** Keys whose runner is in memory, under every spelling it serves. */
  resident: ReadonlySet<string>
  /** The same with one key a runner. */
  listed: ReadonlySet<string>
  /** The current turn, or the last one until the next begins. */
  turn: Turn | null
  /** People's requests, by key. */
  people: readonly Crowd[]
  /** People's requests in flight whose key can't be told. */
  strangers: number
  room: Room
  /** Since when the chosen job steps aside for people. */
  yielding: number | null
  /** Key of the turn that jobs claimed from people. */
  claim: string | null
  /** When it did. */
  claimedAt: number | null
  target: TargetState
  paused: boolean
  limits: Limits
}

export const reasons = [
  'next',
  'behind_others',
  'draining_another_model',
  'yielding_to_people',
  'backing_off',
  'paused',
  'storage_failing',
  'target_asleep',
  'target_down',
  'target_stuck',
] as const
export type Reason = (typeof reasons)[number]

export type Decision =
  /** Start the job at this place. `yielding` is the yield clock from now on. */
  | { act: 'start'; key: string; place: number; turn: Turn | null; yielding: number | null }
  /** The key claims a turn: people who don't fit beside it are held from now on. Then decide again. */
  | { act: 'claim'; key: string }
  /** The claim is over. Let people go, then decide again. */
  | { act: 'unclaim'; turn: Turn | null }
  /** Nothing to start; `until` is the moment at which the answer may change by itself, null when only an event can. */
  | { act: 'wait'; reason: Reason | null; until: number | null; yielding: number | null }

/** Decides. The caller does what is said, and asks again after whatever happens or at `until`. */
export function schedule(snapshot: Snapshot): Decision {
  const { now, keys, paused, target, limits, claim, turn } = snapshot
  const away = paused ? 'paused' : absence(target)
  const over = turn?.claimed === true && now - turn.since >= limits.claim
  if (claim !== null && (away !== null || over || !keys.some(({ key }) => key === claim))) return unclaimed(turn)
  if (keys.length === 0) return { act: 'wait', reason: null, until: null, yielding: null }
  if (target === 'unknown' && !paused) return { act: 'wait', reason: null, until: null, yielding: null }
  if (away !== null) return { act: 'wait', reason: away, until: null, yielding: null }
  return claim === null ? besidePeople(snapshot) : underClaim(snapshot, claim)
}

/** What comes of it once a claim that is made or over on the way has been followed, as worker/turns.ts follows it. */
export function outcome(snapshot: Snapshot): Decision {
  const decision = schedule(snapshot)
  switch (decision.act) {
    case 'claim':
      return outcome({ ...snapshot, claim: decision.key, claimedAt: snapshot.now })
    case 'unclaim':
      return outcome({ ...snapshot, claim: null, claimedAt: null, turn: decision.turn, yielding: null })
    default:
      return decision
  }
}

/** Jobs start only when no person is there, and evict nobody's runner within H. Those that run elsewhere do neither. */
function besidePeople(snapshot: Snapshot): Decision {
  const { now, limits, resident, people, strangers } = snapshot
  const chosen = choose(snapshot)
  const present = strangers > 0 || people.some(({ flight, held }) => flight + held > 0)
  const recent = disturbed(snapshot, chosen.key)
  const free = !present && recent.length === 0
  if (chosen.elsewhere || free) return start(chosen, turnFor(snapshot, chosen.key), null)
  const yielding = snapshot.yielding ?? now
  if (limits.yieldMax !== null && now - yielding >= limits.yieldMax) return { act: 'claim', key: chosen.key }
  // Jobs that need no load may fill the gap. That neither begins a turn nor stops the yield clock: else jobs on the people's
  // own model would starve the others.
  const fills = snapshot.keys.filter(({ key, elsewhere }) => elsewhere || (!present && resident.has(key)))
  if (fills.length > 0) return start(longestStarved(fills), snapshot.turn, yielding)
  const times = recent.map(({ used }) => used + limits.hold)
  if (limits.yieldMax !== null) times.push(yielding + limits.yieldMax)
  const until = Math.min(...times.filter((time) => time > now))
  return { act: 'wait', reason: 'yielding_to_people', until: until < Infinity ? until : null, yielding }
}

/** The key that claimed goes as soon as all that people have in flight fits beside it; strangers are waited for C at most. */
function underClaim(snapshot: Snapshot, claim: string): Decision {
  const { now, people, strangers, room, yielding, keys, limits } = snapshot
  const chosen = keys.find(({ key }) => key === claim)!
  const beside = ({ key, flight }: Crowd) => flight === 0 || knownToFit(room, new Set([key, claim]))
  const patient = strangers > 0 ? (snapshot.claimedAt ?? -Infinity) + limits.claim : -Infinity
  if (now >= patient && people.every(beside)) return start(chosen, turnFor(snapshot, claim), null)
  const since = yielding ?? now
  return { act: 'wait', reason: 'yielding_to_people', until: patient > now ? patient : null, yielding: since }
}

/** People's runners in memory that were used within H and would have to go, as far as anybody knows. */
function disturbed({ now, limits, resident, listed, people, room }: Snapshot, key: string): Crowd[] {
  if (people.length === 0 || resident.has(key) || knownToFit(room, new Set([...listed, key]))) return []
  return people.filter((crowd) => resident.has(crowd.key) && now - crowd.used < limits.hold)
}

function start({ key, head }: WaitingKey, turn: Turn | null, yielding: number | null): Decision {
  return { act: 'start', key, place: head, turn, yielding }
}

/** The turn that a start of this key goes on with or begins. */
function turnFor({ now, turn, claim }: Snapshot, key: string): Turn {
  const goesOn = turn?.key === key && (claim === null || turn.claimed)
  return goesOn ? turn : { key, since: now, ...(claim === null ? {} : { claimed: true }) }
}

/** After a claim its turn is over: whoever is overdue comes next. */
function unclaimed(turn: Turn | null): Decision {
  return { act: 'unclaim', turn: turn && { key: turn.key, since: -Infinity } }
}

/** Whose turn it is: the current key's, unless another is overdue and the turn has lasted P. */
function choose({ now, keys, turn, limits, resident }: Snapshot): WaitingKey {
  const { patience } = limits
  const current = keys.find(({ key }) => key === turn?.key)
  if (current && turn && now - turn.since < patience) return current
  const others = current ? keys.filter((each) => each !== current) : keys
  // If anybody is overdue, the longest starved is, and the first among those.
  const longest = others.length > 0 ? longestStarved(others) : current!
  if (now - longest.starvedSince >= patience) return longest
  if (current) return current
  const loaded = others.filter(({ key }) => resident.has(key))
  return loaded.length > 0 ? longestStarved(loaded) : longest
}

function longestStarved(keys: readonly WaitingKey[]): WaitingKey {
  return keys.reduce((a, b) => ((b.starvedSince - a.starvedSince || b.head - a.head) < 0 ? b : a))
}

function absence(target: TargetState): Reason | null {
  return target === 'asleep' || target === 'down' || target === 'stuck' ? `target_${target}` : null
}

/** Why a queued job is not running, as callers are told, by an `outcome`. Its key is spelled as those of the snapshot. */
export function reasonFor(
  job: { place: number; key: string; backingOff: boolean },
  snapshot: Snapshot,
  decision: Decision = outcome(snapshot),
): Reason | null {
  if (snapshot.paused) return 'paused'
  if (job.backingOff) return 'backing_off'
  const away = absence(snapshot.target)
  if (away) return away
  if (decision.act === 'wait') return decision.reason
  if (decision.act !== 'start' || decision.key !== job.key) return 'draining_another_model'
  return decision.place === job.place ? 'next' : 'behind_others'
}
