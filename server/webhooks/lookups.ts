// Names that are being looked up. The system does that on one of four threads, which the whole process shares: people's
// way to the target as well. A name whose servers are silent holds its thread for half a minute, and cannot be made to let
// it go. So a name is looked up once at a time, whoever asks for it, and only so many names are. What was found is not
// kept: who asks later is told of later.

import type { LookupAddress, LookupOptions } from 'node:dns'
import type { LookupFunction } from 'node:net'

type Tell = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void

/** A name that somebody waits for. */
interface Sought {
  hostname: string
  options: LookupOptions
  waiting: Tell[]
}

/** Look-ups at a time: the fourth thread is left to others, and the third to names that were found before. */
const atOnce = { found: 3, unknown: 2 }
/** Names remembered as found. */
const mostFound = 1000

export class Lookups {
  #lookup: LookupFunction
  /** All names that somebody waits for, and those whose turn is still to come, by when they were last asked for. */
  #sought = new Map<string, Sought>()
  #queued: Sought[] = []
  #underWay = 0
  #found = new Set<string>()

  constructor(lookup: LookupFunction) {
    this.#lookup = lookup
  }

  /** Tells all addresses of a name, or why there are none. */
  find(hostname: string, options: LookupOptions, tell: Tell): void {
    const known = this.#sought.get(hostname)
    const sought = known ?? { hostname, options: { ...options, all: true }, waiting: [] }
    this.#sought.set(hostname, sought)
    sought.waiting.push(tell)
    const place = this.#queued.indexOf(sought)
    if (known && place < 0) return
    if (place >= 0) this.#queued.splice(place, 1)
    this.#queued.push(sought)
    this.#start()
  }

  /** The last who asked goes first: whoever has waited for long has gone away by then. */
  #start(): void {
    for (;;) {
      const room = ({ hostname }: Sought) =>
        this.#underWay < (this.#found.has(hostname) ? atOnce.found : atOnce.unknown)
      const place = this.#queued.findLastIndex(room)
      const [sought] = place < 0 ? [] : this.#queued.splice(place, 1)
      if (!sought) return
      this.#underWay++
      const { hostname, options } = sought
      this.#lookup(hostname, options, (error, addresses) => this.#end(sought, error, addresses as LookupAddress[]))
    }
  }

  #end({ hostname, waiting }: Sought, error: NodeJS.ErrnoException | null, addresses: LookupAddress[]): void {
    this.#underWay--
    this.#sought.delete(hostname)
    this.#found.delete(hostname)
    if (this.#found.size >= mostFound) this.#found.clear()
    if (!error) this.#found.add(hostname)
    for (const tell of waiting) tell(error, addresses)
    this.#start()
  }
}
