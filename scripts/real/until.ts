// Waiting for something that tells nobody when it happens: another process, a port, a figure on a page.
import { setTimeout as pause } from 'node:timers/promises'

/** Resolves with the first value that is neither false nor undefined, asked for every 10 ms; throws after 20 s. */
export async function until<T>(what: string, look: () => T | Promise<T>): Promise<Exclude<T, false | undefined>> {
  for (const giveUp = Date.now() + 20_000; Date.now() < giveUp; await pause(10)) {
    const seen = await look()
    if (seen !== false && seen !== undefined) return seen as Exclude<T, false | undefined>
  }
  throw new Error(`never happened: ${what}`)
}
