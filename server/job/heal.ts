// When a target that holds one runner hangs on letting it go (ollama#17408: a request with keep_alive came while the runner
// was to be evicted), everything that needs a load waits until that keep_alive has run out. Pure: says when to unload it.
import type { Crowd } from './admit.ts'
import { fits, type Room } from './room.ts'

export interface Hang {
  now: number
  crowds: readonly Crowd[]
  job: string | null
  /** When a job last ended; -Infinity: never. */
  worked: number
  resident: ReadonlySet<string>
  /** The same with one key a runner. */
  listed: ReadonlySet<string>
  room: Room
  /** When this was last done; -Infinity: never. */
  healed: number
}

/** So long a request that needs a load is silent, and the one runner has nothing in flight. */
const silent_ms = 15_000
/** The same while nobody knows whether the two fit: its load may be going on beside that runner. */
const unsure_ms = 60_000
/** Unloading once is the cure; if it is none, doing it at once again is not one either. */
const again_ms = 60_000

/** The runner to unload now, else the moment at which that may become right by itself, or null. */
export function heal({
  now,
  crowds,
  job,
  worked,
  resident,
  listed,
  room,
  healed,
}: Hang): { unload: string } | { until: number | null } {
  const [only] = listed
  if (listed.size !== 1 || only === undefined) return { until: null }
  const cold = crowds.filter(({ key, flight }) => flight > 0 && !resident.has(key))
  const beside = (key: string) => fits(room, new Set([only, key]), now)
  // What fits beside the runner may be loading there, and nothing hangs.
  if (cold.length === 0 || cold.some(({ key }) => beside(key) === true)) return { until: null }
  const inUse = crowds.some(({ key, flight }) => flight > 0 && resident.has(key)) || job !== null
  if (inUse) return { until: null }
  const used = crowds.filter(({ key }) => resident.has(key)).map((crowd) => crowd.used)
  const unsure = cold.filter(({ key }) => beside(key) === undefined)
  const silence = unsure.length === 0 ? silent_ms : Math.max(unsure_ms, ...unsure.map(({ load_ms }) => 2 * load_ms))
  const sent = Math.min(...cold.map(({ sentSince }) => sentSince))
  const due = Math.max(Math.max(sent, worked, ...used) + silence, healed + again_ms)
  return now >= due ? { unload: only } : { until: due }
}
