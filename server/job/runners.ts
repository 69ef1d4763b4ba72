// What a target's memory holds after a request, as far as Ollama's own rule goes: a runner that is not there is loaded,
// and those that were used longest ago go until the others fit beside it. Pure, for whoever looks ahead or replays.

/** Runners in memory by key, the one used longest ago first. */
export type Held = readonly string[]

/** The memory after `key` was used, and whether that took a load. `fits` is asked about sets that hold `key`. */
export function use(
  held: Held,
  key: string,
  fits: (keys: ReadonlySet<string>) => boolean,
): { held: Held; loads: boolean } {
  const others = held.filter((one) => one !== key)
  if (others.length < held.length) return { held: [...others, key], loads: false }
  while (others.length > 0 && !fits(new Set([...others, key]))) others.shift()
  return { held: [...others, key], loads: true }
}

/**
 * Loads of `arrivals` (keys, in order) in the order of arrival, on a target with room for `room` runners that holds
 * `held` at the start.
 */
export function firstComeLoads(arrivals: readonly string[], room: number, held: Held = []): number {
  let loads = 0
  let memory: Held = held.slice(-room)
  for (const key of arrivals) {
    const used = use(memory, key, (keys) => keys.size <= room)
    memory = used.held
    loads += Number(used.loads)
  }
  return loads
}
