// Where each of people's requests stands, by the runner it needs, and what past ones have left behind: turns, last uses, loads
// under way. Book-keeping only; who may go is decided by people.ts.
import type { Crowd } from '../job/admit.ts'
import { tooOldMs } from '../ollama/residents.ts'
import { Group } from './group.ts'
import type { Visit } from './visit.ts'

/** Runners without any request that are remembered for when they were last used. */
const remembered = 256

export class Lane {
  #groups = new Map<string, Group>()
  /** Those whose clients take no bytes. */
  readonly #stalled = new Set<Visit>()
  #held = 0
  #flying = 0
  #lookedAt = -Infinity
  readonly #onTurn: (name: string) => void

  /** `onTurn`: people have a runner in memory that jobs had, or nobody; `name` is its key as they spell it. */
  constructor(onTurn: (name: string) => void = () => {}) {
    this.#onTurn = onTurn
  }

  get held(): number {
    return this.#held
  }

  get flying(): number {
    return this.#flying
  }

  /** Those held, oldest first within a runner. */
  get waiting(): Visit[] {
    return [...this.#groups.values()].flatMap(({ held }) => held)
  }

  /** How people spell the key of a runner. */
  nameOf(key: string): string {
    return this.#groups.get(key)?.name ?? key
  }

  /** A job of this key has the target. */
  worked(key: string): void {
    for (const group of this.#groups.values()) if (group.key !== key) group.theirs = false
  }

  crowds(slowestLoad: (key: string) => number): Crowd[] {
    return [...this.#groups.values()].map((group) => group.crowd(slowestLoad(group.key)))
  }

  /** Whether something of this runner is in flight. */
  flies(key: string): boolean {
    return (this.#groups.get(key)?.flight.size ?? 0) > 0
  }

  /** Whether somebody who isn't in flight keeps this runner busy all the same. */
  stalls(key: string): boolean {
    return [...this.#stalled].some((visit) => visit.key === key)
  }

  /** Since when this runner is ready; Infinity while it isn't. */
  readySince(key: string): number {
    return this.#groups.get(key)?.turn ?? -Infinity
  }

  /** Whether something of another runner is in flight that isn't in memory: whatever is there may have to go for it. */
  awaitsOther(key: string, resident: ReadonlySet<string>): boolean {
    for (const group of this.#groups.values()) {
      if (group.key !== key && group.flight.size > 0 && !resident.has(group.key)) return true
    }
    return false
  }

  /** Stands a request among the held of its runner, in the order of arrival. */
  hold(visit: Visit): void {
    const group = this.#group(visit.key)
    visit.place = 'held'
    group.name = visit.name
    this.#held++
    let at = group.held.length
    while (at > 0 && group.held[at - 1]!.came > visit.came) at--
    group.held.splice(at, 0, visit)
  }

  /** Takes the oldest held request of a runner, or all of them, into flight; `running` is the job's key. */
  send(
    key: string,
    only: boolean,
    { now, resident, running }: { now: number; resident: boolean; running: string | null },
  ) {
    const group = this.#group(key)
    const busy = group.flight.size > 0 || running === key
    if (group.turn === undefined || (!busy && !resident)) {
      for (const other of this.#groups.values()) if (other.flight.size === 0) other.turn = undefined
      group.turn = resident ? now : Infinity
    }
    if (resident) this.#have(group)
    if (!resident) group.waitsForLoad(now, now - this.#lookedAt <= tooOldMs)
    group.admitted = now
    const going = group.held.splice(0, only ? 1 : group.held.length)
    this.#held -= going.length
    for (const visit of going) {
      visit.sent = now
      this.fly(visit)
    }
    return going
  }

  /** Counts a request as in flight. */
  fly(visit: Visit): void {
    visit.place = 'flight'
    this.#stalled.delete(visit)
    this.#group(visit.key).flight.add(visit)
    this.#flying++
  }

  /** Takes a request out of flight that never reached the target: its runner was not used. */
  takeBack(visit: Visit): void {
    this.#land(visit, this.#group(visit.key))
    visit.place = 'gone'
  }

  /** Takes a request off its place; one in flight was the last use of its runner. */
  leave(visit: Visit, place: 'stalled' | 'gone', now: number): void {
    const group = this.#group(visit.key)
    if (visit.place === 'held') {
      group.held = group.held.filter((one) => one !== visit)
      this.#held--
    }
    if (this.#land(visit, group)) {
      group.used = now
      // Whoever waits for another runner cannot have had its load begin before this answer ended.
      for (const other of this.#groups.values()) {
        if (other !== group && other.coldSince !== undefined) other.coldSince = now
      }
    }
    visit.place = place
    if (place === 'stalled') this.#stalled.add(visit)
    else this.#stalled.delete(visit)
  }

  /** These runners were in memory at `at`. Answers the loads that were waited for, each with at most how long it took. */
  looked(resident: ReadonlySet<string>, now: number, at: number): { key: string; ms: number }[] {
    const loads = []
    this.#lookedAt = at
    for (const group of this.#groups.values()) {
      if (!resident.has(group.key)) {
        group.coldSeen = true
        group.theirs = false
        continue
      }
      if (group.turn === Infinity) {
        group.turn = now
        this.#have(group)
      }
      if (group.coldSince !== undefined && group.coldSeen && group.flight.size > 0)
        loads.push({ key: group.key, ms: now - group.coldSince })
      group.coldSince = undefined
    }
    return loads
  }

  /** Names mean other runners than before. */
  renamed(runnerOf: (name: string) => string): void {
    const before = [...this.#groups.values()]
    this.#groups = new Map()
    for (const group of before) {
      if (group.empty) this.#group(group.key).follow(group)
      for (const visit of [...group.held, ...group.flight]) {
        visit.key = runnerOf(visit.name)
        const now = this.#group(visit.key)
        now.follow(group)
        if (visit.place === 'held') now.held.push(visit)
        else now.flight.add(visit)
      }
    }
    for (const { held } of this.#groups.values()) held.sort((a, b) => a.came - b.came)
    for (const visit of this.#stalled) visit.key = runnerOf(visit.name)
  }

  /** Forgets the empty groups that were used longest ago. */
  trim(): void {
    if (this.#groups.size <= remembered) return
    const empty = [...this.#groups.values()].filter((group) => group.empty).sort((a, b) => a.used - b.used)
    for (const { key } of empty.slice(0, Math.max(0, empty.length - remembered))) this.#groups.delete(key)
  }

  #have(group: Group): void {
    if (group.theirs) return
    group.theirs = true
    this.#onTurn(group.name)
  }

  #land(visit: Visit, group: Group): boolean {
    if (!group.flight.delete(visit)) return false
    this.#flying--
    // With nobody left who waits for its load, the next one that is waited for begins later.
    if (group.flight.size === 0) group.coldSince = undefined
    return true
  }

  #group(key: string): Group {
    let group = this.#groups.get(key)
    if (!group) this.#groups.set(key, (group = new Group(key)))
    return group
  }
}
