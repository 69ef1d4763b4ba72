// When a target that holds one runner hangs on letting it go (ollama#17408: a request with keep_alive came while the runner
// was to be evicted), everything that needs a load waits until that keep_alive has run out. Pure: says when to unload it.
import type { Crowd } from './admit.ts'
import { fits, type Room } from './room.ts'

export interface Hang {
  now: number
  crowds: readonly Crowd[]
  job: string | null
  resident: ReadonlySet<string>
  /** The same with one key a runner. */
  listed: ReadonlySet<string>
  room: Room
  /** When this was last done; -Infinity: never. */
  healed: number
}

/** So long a request that needs a load is silent, and the one runner has nothing in flight. */
const silent_ms = 15_000
/** Unloading once is the cure; if it is none, doing it at once again is not one either. */
const again_ms = 60_000

/** The runner to unload now, else the moment at which that may become right by itself, or null. */
export function heal({
  now,
  crowds,
  job,
  resident,
  listed,
  room,
  healed,
}: Hang): { unload: string } | { until: number | null } {
  const [only] = listed
  if (listed.size !== 1 || only === undefined) return { until: null }
  const evicts = (key: string) => !resident.has(key) && fits(room, new Set([only, key]), now) !== true
  const cold = crowds.filter(({ key, flight }) => flight > 0 && evicts(key))
  if (cold.length === 0) return { until: null }
  const inUse = crowds.some(({ key, flight }) => flight > 0 && resident.has(key)) || job !== null
  if (inUse) return { until: null }
  const used = crowds.filter(({ key }) => resident.has(key)).map((crowd) => crowd.used)
  const sent = Math.min(...cold.map(({ sentSince }) => sentSince))
  const due = Math.max(Math.max(sent, ...used) + silent_ms, healed + again_ms)
  return now >= due ? { unload: only } : { until: due }
}
