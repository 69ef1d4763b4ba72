// Which runners have to go before another one is loaded, so that Ollama never has to evict on foreman's behalf. Pure.
import { fits, weightsIn, type Room } from './room.ts'

export interface Memory {
  now: number
  /** The runners in memory, by one key each, least recently used first. */
  listed: readonly string[]
  room: Room
  /** Keys whose runners may be at work for a request that was broken off. */
  doubtful: ReadonlySet<string>
}

/** More runners than this are let go in their order; up to it, no more than must. */
const weighed = 8

/**
 * The fewest runners without which `key` isn't known not to fit; among equals those used longest ago. Where nobody knows that it
 * fits beside the others, Ollama may have to make room by itself: it must find nobody at work then, so the doubtful go as well.
 */
export function evicted(memory: Memory, key: string): string[] {
  const { listed } = memory
  // Ollama keeps one runner of the same weights, whatever was taken for one of them before and so seen beside it.
  const same = listed.filter((one) => weightsIn(one) === weightsIn(key))
  const others = listed.filter((one) => !same.includes(one))
  const going = [...same, ...fewest({ ...memory, listed: others }, key)]
  const staying = listed.filter((one) => !going.includes(one))
  if (fits(memory.room, new Set([...staying, key]), memory.now) === true) return going
  const doubtful = new Set([...memory.doubtful].map(weightsIn))
  return [...going, ...staying.filter((one) => doubtful.has(weightsIn(one)))]
}

function fewest({ now, listed, room }: Memory, key: string): string[] {
  const enough = (going: readonly string[]) => {
    const staying = listed.filter((one) => !going.includes(one))
    return fits(room, new Set([...staying, key]), now) !== false
  }
  if (listed.length <= weighed) {
    for (let size = 0; size <= listed.length; size++) {
      const found = choices(listed, size).find(enough)
      if (found) return found
    }
  }
  const going: string[] = []
  for (const one of listed) {
    if (enough(going)) break
    going.push(one)
  }
  return going
}

/** All ways to take `size` of them, those with the first ones first. */
function choices(from: readonly string[], size: number): string[][] {
  if (size === 0) return [[]]
  return from.flatMap((first, i) => choices(from.slice(i + 1), size - 1).map((rest) => [first, ...rest]))
}
