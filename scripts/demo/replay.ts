// The comparison of the demonstration: how many loads the same jobs would have needed in the order in which they came.
// It assumes that the target holds so many runners at once and drops the one that was used longest ago, as Ollama does
// when all of them are idle.

/**
 * Loads of `arrivals` (models, in order) on a target with room for `room` runners, of which `resident` are in memory
 * at the start, the least recently used first.
 */
export function firstComeLoads(arrivals: readonly string[], room: number, resident: readonly string[] = []): number {
  let held = resident.slice(-room)
  let loads = 0
  for (const model of arrivals) {
    if (!held.includes(model)) loads += 1
    held = [...held.filter((one) => one !== model), model].slice(-room)
  }
  return loads
}
