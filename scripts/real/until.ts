// Waiting for something that tells nobody when it happens (another process, a port, a figure on a page), and time that need
// not be waited for.
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock, type Clock } from '../../server/clock.ts'

/** Resolves with the first value that is neither false nor undefined, asked for every 10 ms; throws after 20 s. */
export async function until<T>(what: string, look: () => T | Promise<T>): Promise<Exclude<T, false | undefined>> {
  for (const giveUp = Date.now() + 20_000; Date.now() < giveUp; await pause(10)) {
    const seen = await look()
    if (seen !== false && seen !== undefined) return seen as Exclude<T, false | undefined>
  }
  throw new Error(`never happened: ${what}`)
}

const haste = 10

/**
 * For a foreman whose patience is longer than a test's: its monotonic time is ten times as fast as the target's. A load of a tiny
 * model then takes it three seconds, and a minute of silence is over in six.
 */
export const hastyClock: Clock = {
  now: () => systemClock.now() * haste,
  wall: () => systemClock.wall(),
  at: (time, fn) => systemClock.at(time / haste, fn),
}
