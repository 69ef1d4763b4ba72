// Whose turn it is: the hosts that something waits for, and how many tries each may have under way. Only hosts are kept
// in memory; what waits for one is asked of the store, one row at a time. Knows nothing of requests.

import { Agenda } from './agenda.ts'

/** What its last try says of a host; nothing, if that was a failure and nothing waits for it since. */
type Standing = 'answering' | 'unknown' | 'failing'

interface Host {
  name: string
  standing: Standing
  underWay: Set<number>
  /** Steady time before which it is left alone. */
  notBefore: number
}

/** A delivery whose turn it is. */
export interface Next {
  seq: number
  host: Host
  /** How the host stood when it began. */
  standing: Standing
}

interface HostsOptions {
  /** What waits for a host, the first due first; times are steady. */
  first: (host: string, most: number) => readonly { seq: number; due: number }[]
}

/** Tries under way at one host. One that has not proved itself gets the second only then. */
const ofOne: Readonly<Record<Standing, number>> = { answering: 2, unknown: 1, failing: 1 }

/** Tries under way at all hosts of one standing: whoever hangs and whoever has much to be told leave the others their room. */
const ofStanding = 128

/** So long a host is left alone that has just failed: what waits for it would only fail one after the other. */
const pause_ms = 1000

const standings: readonly Standing[] = ['answering', 'unknown', 'failing']

/** So many hosts that answered last are known by it while nothing waits for them. */
const remembered = 1000

export class Hosts {
  #options: HostsOptions
  #hosts = new Map<string, Host>()
  #answered = new Set<string>()
  /** Those whose turn it is, in the order in which it became so. */
  #ready = { answering: new Set<Host>(), unknown: new Set<Host>(), failing: new Set<Host>() }
  #later = new Agenda()
  #underWay = { answering: 0, unknown: 0, failing: 0 }

  constructor(options: HostsOptions) {
    this.#options = options
  }

  /** Something of a host has changed: it is given its place anew. */
  look(name: string, now: number): void {
    const host = this.#hosts.get(name) ?? this.#met(name)
    this.#ready[host.standing].delete(host)
    this.#later.delete(name)
    const next = this.#next(host)
    if (!next && host.underWay.size === 0) return void this.#hosts.delete(name)
    this.#hosts.set(name, host)
    // A full one is looked at again when one of its tries has ended.
    if (!next || host.underWay.size >= ofOne[host.standing]) return
    if (next.due <= now) this.#ready[host.standing].add(host)
    else this.#later.set(name, next.due)
  }

  #met(name: string): Host {
    const standing = this.#answered.has(name) ? 'answering' : 'unknown'
    return { name, standing, underWay: new Set(), notBefore: 0 }
  }

  /** The next delivery, under way from now on. Undefined: none is due, or there is no room for it. */
  take(now: number): Next | undefined {
    for (let name = this.#later.take(now); name !== undefined; name = this.#later.take(now)) this.look(name, now)
    for (const standing of standings) {
      for (const host of this.#ready[standing]) {
        if (this.#underWay[standing] >= ofStanding) break
        const next = this.#next(host)
        if (!next || next.due > now) {
          this.look(host.name, now)
          continue
        }
        // From here on nothing is read that could fail: whether it has a second one is seen when its turn comes.
        host.underWay.add(next.seq)
        this.#underWay[standing]++
        this.#ready[standing].delete(host)
        if (host.underWay.size < ofOne[standing]) this.#ready[standing].add(host)
        return { seq: next.seq, host, standing }
      }
    }
    return undefined
  }

  /** Somebody wants something sent now: a host that has failed is not left alone any longer. */
  spare(name: string): void {
    const host = this.#hosts.get(name)
    if (host) host.notBefore = 0
  }

  /** A try has ended. `answered`: somebody is there and can be asked; undefined: nothing was learnt of that. */
  ended({ seq, host, standing }: Next, answered: boolean | undefined, now: number): void {
    this.#ready[host.standing].delete(host)
    host.underWay.delete(seq)
    this.#underWay[standing]--
    if (answered !== undefined) {
      this.#remember(host.name, answered)
      host.standing = answered ? 'answering' : 'failing'
      host.notBefore = answered ? 0 : now + pause_ms
    }
    this.look(host.name, now)
  }

  #remember(name: string, answered: boolean): void {
    this.#answered.delete(name)
    if (!answered) return
    this.#answered.add(name)
    for (const oldest of this.#answered) {
      if (this.#answered.size <= remembered) break
      this.#answered.delete(oldest)
    }
  }

  /** Steady time at which the next host gets its turn; Infinity when none waits for a time. */
  get nextDue(): number {
    return this.#later.next
  }

  /** Tries under way. */
  get underWay(): number {
    return standings.reduce((sum, standing) => sum + this.#underWay[standing], 0)
  }

  /** How many hosts something waits for. */
  get size(): number {
    return this.#hosts.size
  }

  /** What of it is next, and when. */
  #next({ name, underWay, notBefore }: Host): { seq: number; due: number } | undefined {
    const next = this.#options.first(name, underWay.size + 1).find(({ seq }) => !underWay.has(seq))
    return next && { seq: next.seq, due: Math.max(next.due, notBefore) }
  }
}
