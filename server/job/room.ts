// What was seen of the target's room: which runners were in memory together, and which could not be. Ollama tells nobody
// how much fits, and it changes with context sizes and with what else the machine does; so nothing is configured, every
// load that can be seen teaches, and the newest observation wins. Pure: a room comes in, a room comes out.

/** Runners, by key, that were seen together or seen not to fit. `at` in monotonic milliseconds. */
export interface Observation {
  readonly keys: ReadonlySet<string>
  readonly at: number
}

export interface Room {
  /** Listed together: these sets and their subsets fit. */
  readonly fit: readonly Observation[]
  /** One had to go when the last came: these sets and their supersets don't fit. */
  readonly clash: readonly Observation[]
}

/** Nothing was seen yet, or an outage of the target made it void. */
export const unknownRoom: Room = { fit: [], clash: [] }

/** A "don't fit" is believed for so long: memory that somebody else used may be free again. */
export const clashBelieved_ms = 3_600_000

/** So many observations of each kind are kept, the newest ones. */
const kept = 256

/** Whether these runners fit into the target's memory together; undefined: nobody has seen it. */
export function fits(room: Room, keys: ReadonlySet<string>, now: number): boolean | undefined {
  if (knownToFit(room, keys)) return true
  if (sharesWeights(keys)) return false
  const believed = (seen: Observation) => now - seen.at < clashBelieved_ms && seen.keys.isSubsetOf(keys)
  return room.clash.some(believed) ? false : undefined
}

/** The same for those to whom not to know is no. */
export function knownToFit({ fit }: Room, keys: ReadonlySet<string>): boolean {
  return keys.size <= 1 || fit.some((seen) => keys.isSubsetOf(seen.keys))
}

/** These runners were listed together. */
export function sawTogether(room: Room, keys: ReadonlySet<string>, now: number): Room {
  if (keys.size < 2) return room
  const newest = room.fit[0]
  const clash = room.clash.filter((seen) => !seen.keys.isSubsetOf(keys))
  if (newest && clash.length === room.clash.length && sameKeys(newest.keys, keys)) return room
  const fit = room.fit.filter((seen) => !seen.keys.isSubsetOf(keys))
  return { fit: [{ keys, at: now }, ...fit].slice(0, kept), clash }
}

/** One of these runners had to go when another of them came. */
export function sawEvict(room: Room, keys: ReadonlySet<string>, now: number): Room {
  if (keys.size < 2) return room
  // What was seen of the others, without any one of these, still holds.
  const fit = room.fit.flatMap((seen) => (keys.isSubsetOf(seen.keys) ? withoutOne(seen, keys) : [seen]))
  const clash = room.clash.filter((seen) => !keys.isSubsetOf(seen.keys))
  return { fit: fit.slice(0, kept), clash: [{ keys, at: now }, ...clash].slice(0, kept) }
}

function withoutOne({ keys, at }: Observation, of: ReadonlySet<string>): Observation[] {
  return [...of].map((key) => ({ keys: keys.difference(new Set([key])), at })).filter((seen) => seen.keys.size > 1)
}

/** What Ollama knows a runner by: the first blob of its key, without adapters and options. */
export function weightsIn(key: string): string {
  return key.split(/[ +]/, 1)[0]!
}

/** Ollama keeps one runner of the same weights: another set of adapters or runner options replaces it. */
function sharesWeights(keys: ReadonlySet<string>): boolean {
  return new Set([...keys].map(weightsIn)).size < keys.size
}

function sameKeys(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && a.isSubsetOf(b)
}
