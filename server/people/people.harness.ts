// For tests: what people's requests stand before, as a test says. No part of the running foreman.
import { unknownRoom } from '../job/room.ts'
import type { Surroundings } from './surroundings.ts'

/** A target whose memory and presence a test sets. Keys are their own runners unless it says otherwise. */
export class Scenery implements Surroundings {
  absent = false
  state: Surroundings['state'] = 'awake'
  blind = false
  resident = new Set<string>()
  readonly unloaded: string[] = []
  /** Runners that were asked for and neither came nor were given up. */
  readonly awaited = new Set<string>()
  capacity = {
    room: unknownRoom,
    forwarded: (key: string) => void this.awaited.add(key),
    withdrawn: (key: string) => void this.awaited.delete(key),
  }

  /** What some names mean, if not themselves. */
  readonly runners = new Map<string, string>()

  runnerKey(name: string): string {
    return this.runners.get(name) ?? name
  }

  cloud(name: string): boolean {
    return name.endsWith(':cloud')
  }

  residentKeys(): ReadonlySet<string> {
    return this.resident
  }

  listedKeys(): ReadonlySet<string> {
    return this.resident
  }

  /** What is asked of the target's watch now. */
  readonly demands: Record<string, boolean> = {}

  demand(reason: string, on: boolean): void {
    this.demands[reason] = on
  }

  heard(): void {}

  /** What was read of its memory is never old. */
  readonly reading = { residents: [], at: Infinity, wall: 0 }
  /** Who asked for a word and has none yet. */
  readonly words: PromiseWithResolvers<void>[] = []

  word(_key: string, signal: AbortSignal): Promise<void> {
    const word = Promise.withResolvers<void>()
    this.words.push(word)
    signal.addEventListener('abort', () => word.reject(signal.reason), { once: true })
    return word.promise
  }

  expect(): void {}

  shown(key: string): void {
    this.resident.add(key)
  }

  async lookAnew(): Promise<void> {}

  async unload(key: string): Promise<void> {
    this.unloaded.push(key)
  }

  async probe(): Promise<void> {}
}
