// The bound for people over random configurations: W = (M-1)(T+L+D) + max(T, L+D) + (L+J), and what claims add. D is measured.
import { drawn } from './scenarios.ts'
import { second } from './setting.ts'

export interface Found {
  seed: number
  people: number
  /** The longest wait as a share of its bound. */
  share: number
  bugs: readonly string[]
  /** Runners that were let go for no reason. */
  cures: number
}

export function examine(seed: number, knows = true): Found {
  const { world, load, job, lag } = drawn(seed, knows)
  const all = world.told.filter(({ people }) => people)
  const ready = all.flatMap(({ came, ready, end }) =>
    ready === undefined ? [] : [{ wait: ready - came, drain: (end ?? ready) - ready }],
  )
  const keys = Math.max(1, new Set(all.map(({ key }) => key)).size)
  const drain = Math.max(0, ...ready.map((one) => one.drain))
  const turn = Math.max(world.limits.peoplePatience ?? 0, load)
  const jobs = all.length < world.told.length ? load + job : 0
  let bound = (keys - 1) * (turn + load + drain) + Math.max(turn, load + drain) + load + jobs
  const { yieldMax, claim } = world.limits
  if (world.claims > 0)
    bound += (load + claim + job) * Math.min(keys + 1, 1 + (yieldMax ? Math.floor(bound / yieldMax) : Infinity))
  // What foreman cannot see: /api/ps is read some time after a load.
  const unseen = 4 * lag + 2 * second
  return {
    seed,
    people: all.length,
    share: Math.max(0, ...ready.map(({ wait }) => wait)) / (bound + unseen),
    bugs: world.bugs,
    cures: world.cures,
  }
}

/** In words, over so many seeds. */
export function search(seeds: number, knows: boolean): string {
  const found = Array.from({ length: seeds }, (_, seed) => examine(seed, knows))
  const worst = found.reduce((a, b) => (b.share > a.share ? b : a))
  const broken = found.filter(({ share }) => share > 1)
  const wrong = found.filter(({ bugs }) => bugs.length > 0)
  const people = found.reduce((sum, one) => sum + one.people, 0)
  const cured = found.filter(({ cures }) => cures > 0)
  const told = wrong.map(({ seed, bugs }) => `${seed}: ${bugs[0]}`).join('; ')
  return `${knows ? 'what fits is known' : 'nothing is known'}: ${seeds} configurations, ${people} people; bound broken in ${broken.length}, tightest ${worst.share.toFixed(3)} (seed ${worst.seed}); deadlocks and idle targets ${wrong.length} ${told}; needless cures ${cured.reduce((sum, { cures }) => sum + cures, 0)} in ${cured.length} configurations`
}
