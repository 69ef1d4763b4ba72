// Which people's requests go to the target now, and which are held so that nobody thrashes and nobody starves. Pure: the
// lane comes in, one decision comes out; it keeps nothing, reads no clock and logs nothing. Who asks, and does what is
// decided, is people/. Docs: docs/scheduling.md.
//
// In use: keys with something in flight, and for a short pause after it (the linger) those whose turn is still young.
// A key may go when it is loaded and its turn isn't ending, when nothing else is in use, or when it fits beside what is
// in use. Whether it fits is learnt; while that is unknown one request at a time is a probe. A key that has waited for the
// patience is overdue: of the keys in use the oldest turns end, as many as must go. Their new requests are held, those in
// flight finish. Until an overdue key can have its room, that room is kept: no other key slips past.

import { fits, type Room } from './room.ts'

/** People's requests of one key. Times are monotonic milliseconds. */
export interface Crowd {
  key: string
  /** Forwarded, and the answer has not ended. */
  flight: number
  /** When the oldest of those in flight was forwarded; meaningless with none. */
  sentSince: number
  held: number
  /** When the oldest of those held came; meaningless with none. */
  heldSince: number
  /** When one was last forwarded; -Infinity: never. */
  admitted: number
  /** When one last ended; -Infinity: never. */
  used: number
  /** Since when its runner is ready in this turn: Infinity while it isn't, undefined when the key has no turn. */
  turn: number | undefined
  /** The slowest load seen, 0 when none was. */
  load_ms: number
}

/** Everything a decision may depend on. */
export interface Lane {
  now: number
  crowds: readonly Crowd[]
  /** Key of the job that is loading or working. */
  job: string | null
  /** Key of the turn that jobs claimed. */
  claim: string | null
  /** Keys whose runner is in memory, as last seen. */
  resident: ReadonlySet<string>
  room: Room
  /** Pp: a waiting key becomes overdue. */
  patience: number
}

export type Admission =
  /** The held requests of a key go, or with `probe` only the oldest. */
  | { act: 'forward'; key: string; probe: boolean }
  /** Nobody goes; `until` is the moment at which the answer may change by itself, null when only an event can. */
  | { act: 'hold'; until: number | null }

/** How long at most a key stays in use after its last answer, within a young turn. */
const linger_ms = 1_000

/** Decides about one key. Ask again until the answer is to hold. */
export function admit(lane: Lane): Admission {
  const scene = new Scene(lane)
  const plan = seat(scene)
  for (const crowd of inOrder(scene, plan)) {
    if (!mayGo(scene, plan, crowd)) continue
    const probe = !scene.busy.has(crowd.key) && scene.fits([...scene.busy, crowd.key]) === undefined
    return { act: 'forward', key: crowd.key, probe }
  }
  return { act: 'hold', until: scene.until }
}

/** Who stays, who gets room, and for whom room is kept. */
interface Plan {
  /** Keys in use whose turn goes on. */
  stay: ReadonlySet<string>
  /** Overdue keys that get their room now, and the jobs' claim. */
  planned: ReadonlySet<string>
  /** The overdue key that cannot have its room yet. */
  kept: ReadonlySet<string>
}

/** Ends turns for the overdue, the longest waiting first. */
function seat(scene: Scene): Plan {
  const { lane, busy, young, waits } = scene
  let stay = new Set([...busy, ...young])
  const planned = new Set<string>()
  const kept = new Set<string>()
  if (lane.claim !== null) {
    const { claim } = lane
    planned.add(claim)
    stay = new Set([...stay].filter((key) => scene.fits([key, claim]) === true))
  }
  for (const since of waits.values()) scene.wake(since + lane.patience)
  // Those forwarded come first: whoever is held could have no room inside Ollama before they have had theirs.
  const rank = (key: string) => (busy.has(key) ? 0 : 1)
  const overdue = [...waits]
    .filter(([, since]) => lane.now - since >= lane.patience)
    .sort((a, b) => rank(a[0]) - rank(b[0]) || a[1] - b[1])
  for (const [key] of overdue) {
    const strict = busy.has(key)
    const room = (ending: ReadonlySet<string>) => {
      const keys = [...stay.difference(ending), ...planned, key]
      if (strict) return scene.fits(keys) === true
      // In memory and overdue: a load that hangs must not keep it waiting without end.
      return scene.fits(keys) ?? (lane.resident.has(key) || !scene.probing)
    }
    const ending = new Set<string>()
    for (const other of [...stay].filter((k) => k !== key).sort((a, b) => scene.turnOf(a) - scene.turnOf(b))) {
      if (room(ending)) break
      const since = scene.turnOf(other)
      if (lane.now - since >= scene.shortest(other)) ending.add(other)
      else scene.wake(since + scene.shortest(other))
    }
    const left = stay.difference(ending)
    const alone = planned.size === 0 && [...left].every((k) => k === key)
    if (room(ending) || alone) {
      stay = left
      planned.add(key)
    } else {
      if (strict) stay = left
      kept.add(key)
      break
    }
  }
  return { stay, planned, kept }
}

/** Those held: planned ones first, then those that need no load, then who waits longest. */
function inOrder({ crowds, lane, waits }: Scene, { planned }: Plan): Crowd[] {
  const rank = ({ key }: Crowd) => (planned.has(key) ? 0 : 2) + (lane.resident.has(key) ? 0 : 1)
  const waiting = ({ key, heldSince }: Crowd) => waits.get(key) ?? heldSince
  return [...crowds.values()]
    .filter(({ held }) => held > 0)
    .sort((a, b) => rank(a) - rank(b) || waiting(a) - waiting(b) || (a.key < b.key ? -1 : 1))
}

function mayGo(scene: Scene, { stay, planned, kept }: Plan, { key }: Crowd): boolean {
  const { busy, young, lane } = scene
  const { claim } = lane
  if (busy.has(key)) {
    return stay.has(key) && (lane.resident.has(key) || busy.size === 1 || scene.fits([...busy]) === true)
  }
  if (planned.has(key)) {
    const othersYoung = [...young].some((k) => k !== key)
    if (busy.size === 0 && !othersYoung && (claim === null || claim === key)) return true
    if (claim !== null) return scene.fits([...busy, key, claim]) === true
    return scene.fits([...busy, ...young, key]) ?? (lane.resident.has(key) || !scene.probing)
  }
  const before = new Set([...planned, ...(young.has(key) ? [] : kept)])
  before.delete(key)
  const others = new Set([...busy, ...before, ...scene.lingering])
  others.delete(key)
  if (others.size === 0) return true
  return before.size > 0 ? scene.fits([...others, key]) === true : scene.roomFor([...others, key])
}

/** The lane with what follows from it. */
class Scene {
  readonly lane: Lane
  readonly crowds: ReadonlyMap<string, Crowd>
  /** Keys with something in flight, the job's among them. */
  readonly busy = new Set<string>()
  /** Keys in the pause after their last answer. */
  readonly lingering = new Set<string>()
  /** Those of them whose turn has not had its least length. */
  readonly young = new Set<string>()
  /** Since when each key waits: held and nothing in flight, or forwarded and its runner not there yet. */
  readonly waits = new Map<string, number>()
  until: number | null = null

  constructor(lane: Lane) {
    this.lane = lane
    this.crowds = new Map(lane.crowds.map((crowd) => [crowd.key, crowd]))
    for (const { key, flight } of lane.crowds) if (flight > 0) this.busy.add(key)
    if (lane.job !== null) this.busy.add(lane.job)
    for (const crowd of lane.crowds) this.#enter(crowd)
  }

  #enter(crowd: Crowd): void {
    const { lane, busy } = this
    const { key, flight, held, turn } = crowd
    if (held > 0 && !busy.has(key)) this.waits.set(key, Math.max(crowd.heldSince, crowd.admitted))
    // Ollama lets hot requests overtake one that needs a load without end.
    else if (flight > 0 && !lane.resident.has(key)) this.waits.set(key, crowd.sentSince)
    const lingers = turn !== undefined && flight === 0 && lane.resident.has(key)
    const end = crowd.used + Math.min(linger_ms, crowd.load_ms / 4)
    if (!lingers || lane.now >= end) return
    this.wake(end)
    this.lingering.add(key)
    if (lane.now - turn < this.shortest(key)) this.young.add(key)
  }

  /** The answer may change by itself then. */
  wake(time: number): void {
    if (time > this.lane.now && time < Infinity) this.until = Math.min(this.until ?? Infinity, time)
  }

  /** The least length of a turn: T = max(Pp, the key's slowest load). */
  shortest(key: string): number {
    return Math.max(this.lane.patience, this.crowds.get(key)?.load_ms ?? 0)
  }

  /** Start of a key's turn; a job's key has none and so is the oldest. */
  turnOf(key: string): number {
    return this.crowds.get(key)?.turn ?? -Infinity
  }

  fits(keys: Iterable<string>): boolean | undefined {
    return fits(this.lane.room, new Set(keys), this.lane.now)
  }

  /** Whether a key may be tried: it fits, or nobody knows and nothing is being found out already. */
  roomFor(keys: Iterable<string>): boolean {
    return this.fits(keys) ?? !this.probing
  }

  /** Something is in flight whose runner isn't there yet: a probe, or a load that a second one would only wait for. */
  get probing(): boolean {
    return !this.busy.isSubsetOf(this.lane.resident)
  }
}
