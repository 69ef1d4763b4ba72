// For tests: what people's requests stand before, as a test says. No part of the running foreman.
import { unknownRoom } from '../job/room.ts'
import type { Surroundings } from './people.ts'

/** A target whose memory and presence a test sets. Keys are their own runners. */
export class Scenery implements Surroundings {
  absent = false
  blind = false
  resident = new Set<string>()
  readonly unloaded: string[] = []
  capacity = { room: unknownRoom, forwarded: () => {}, withdrawn: () => {} }

  runnerKey(name: string): string {
    return name
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

  demand(): void {}

  shown(key: string): void {
    this.resident.add(key)
  }

  async lookAnew(): Promise<void> {}

  async unload(key: string): Promise<void> {
    this.unloaded.push(key)
  }

  async probe(): Promise<void> {}
}
