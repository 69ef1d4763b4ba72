// Shows foreman's Capacity what it would see sooner or later: which runners fit together, and which not.
import type { Capacity, Listed } from '../../server/ollama/capacity.ts'

/** Each a runner of its own that goes by nothing but eviction. */
export const listed = (keys: readonly string[]): Listed[] =>
  keys.map((key) => ({ key, serves: [key], expiresAt: undefined }))

/** All sets of these keys, by what `fits` says of them. */
export function teach(capacity: Capacity, keys: readonly string[], fits: (some: readonly string[]) => boolean): void {
  const sets = Array.from({ length: 2 ** keys.length - 1 }, (_, i) => keys.filter((_key, bit) => ((i + 1) >> bit) & 1))
  for (const some of sets.filter(fits)) capacity.looked(listed(some))
  for (const some of sets) {
    const [comes = '', ...others] = some
    // A set that holds one which does not fit says nothing new.
    if (fits(some) || !some.every((_, i) => fits(some.toSpliced(i, 1)))) continue
    capacity.looked(listed(others))
    capacity.forwarded(comes)
    capacity.looked(listed([comes]))
  }
  capacity.looked([])
}
