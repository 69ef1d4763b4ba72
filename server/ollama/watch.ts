// Whether the target is there: GET /api/version on a fresh connection, often when somebody cares and seldom when
// nobody does. A silent target is not a dead one, so this only tells for how long nothing has answered; what to do
// about it is target.ts. Says nothing about generation: a healthy version may hide a stuck scheduler.

import type { Clock } from '../clock.ts'
import { fieldsOf } from './answer.ts'
import { TargetAbsent, TargetFailure } from './failure.ts'
import type { Wire } from './wire.ts'

/**
 * `awake` answers. `asleep`: no answer or no route. `down`: the machine refuses, Ollama isn't running. `stuck`: it
 * answers, but a load hung. `unknown`: not asked yet.
 */
export type TargetState = 'unknown' | 'awake' | 'asleep' | 'down' | 'stuck'

/** Why somebody cares: something waits for an absent target, or a request is on the target. */
export type Reason = 'waiting' | 'in_flight'

export interface WatchOptions {
  wire: Wire
  clock: Clock
  onState?: (state: TargetState, previous: TargetState) => void
  /** After each probe. */
  onProbe?: (good: boolean) => void
}

const limitMs = 3_000
const soonMs = 2_000
const idleMs = 15_000
/** A sleeping Mac wakes for seconds: so many good probes end an outage. */
const goodProbes = 2
/** `stuck` is believed for this long, then a load may be tried again. */
const stuckMs = 300_000

export class Watch {
  state: TargetState = 'unknown'
  /** Epoch milliseconds of the last change of state. */
  since: number
  version: string | undefined
  /** Monotonic time of the first of the failed probes in a row, undefined while the target answers. */
  failingSince: number | undefined
  /** Who cares, by why. */
  readonly demands = { waiting: new Set<unknown>(), in_flight: new Set<unknown>() }
  readonly #parts: WatchOptions
  readonly #closed = new AbortController()
  #good = 0
  #heardAt = Number.NEGATIVE_INFINITY
  #probedAt = Number.NEGATIVE_INFINITY
  #stuckAt = 0
  #probing: Promise<void> | undefined
  #cancel: (() => void) | undefined

  constructor(parts: WatchOptions) {
    this.#parts = parts
    this.since = parts.clock.wall()
  }

  /** Says whether `who` cares; each counts once for a reason. */
  demand(reason: Reason, on: boolean, who: unknown): void {
    const demands = this.demands[reason]
    if (on === demands.has(who)) return
    if (on) demands.add(who)
    else demands.delete(who)
    this.#arm()
  }

  /** Bytes came from the target: no need to ask whether it is there. */
  heard(): void {
    this.#heardAt = this.#parts.clock.now()
    this.failingSince = undefined
  }

  /** A load hung. Believed until a load goes through, an outage, or five minutes. */
  stuck(): void {
    if (this.state !== 'awake') return
    this.#stuckAt = this.#parts.clock.now()
    this.#become('stuck')
  }

  /** A load went through. */
  unstuck(): void {
    if (this.state === 'stuck') this.#become('awake')
  }

  /** Probes now, or waits for the probe under way. Never throws; `state` tells what came of it. */
  probe(): Promise<void> {
    if (this.#closed.signal.aborted) return Promise.resolve()
    this.#probing ??= this.#probe().finally(() => {
      this.#probing = undefined
      this.#arm()
    })
    return this.#probing
  }

  close(): void {
    this.#closed.abort(new Error('closed'))
    this.#cancel?.()
  }

  async #probe(): Promise<void> {
    const { wire, clock } = this.#parts
    this.#cancel?.()
    const startedAt = clock.now()
    this.#probedAt = startedAt
    try {
      const { signal } = this.#closed
      const { status, text } = await wire.ask({ method: 'GET', path: '/api/version', limitMs, signal })
      // Something in front of Ollama answers for it. A router never had a version: its 404 is an answer like another.
      if (status >= 500 || (status === 404 && this.version !== undefined)) throw new TargetAbsent('refused')
      this.version = versionIn(text) ?? this.version
      this.#succeeded()
    } catch (error) {
      if (this.#closed.signal.aborted) return
      const refused = error instanceof TargetFailure || (error instanceof TargetAbsent && error.absent === 'refused')
      this.#failed(refused ? 'down' : 'asleep', startedAt)
    }
  }

  #succeeded(): void {
    // Counts from the answer: a machine that wakes answers everything that had piled up at once.
    this.#probedAt = this.#parts.clock.now()
    this.failingSince = undefined
    this.#good++
    const { state } = this
    const recovered = (state === 'asleep' || state === 'down') && this.#good >= goodProbes
    const overdue = state === 'stuck' && this.#parts.clock.now() - this.#stuckAt >= stuckMs
    if (state === 'unknown' || recovered || overdue) this.#become('awake')
    this.#parts.onProbe?.(true)
  }

  #failed(state: 'asleep' | 'down', startedAt: number): void {
    this.#good = 0
    // Bytes that came meanwhile are better evidence than a probe that got none.
    if (this.#heardAt <= startedAt) this.failingSince ??= startedAt
    if (this.#heardAt <= startedAt && this.state !== state) this.#become(state)
    this.#parts.onProbe?.(false)
  }

  #become(state: TargetState): void {
    const previous = this.state
    this.state = state
    this.since = this.#parts.clock.wall()
    this.#parts.onState?.(state, previous)
  }

  /** Sets the timer for the next probe by who cares now. */
  #arm(): void {
    this.#cancel?.()
    if (this.#closed.signal.aborted || this.#probing) return
    const { clock } = this.#parts
    const absent = this.state !== 'awake' && this.state !== 'stuck'
    const recovering = absent && this.#good > 0
    const { waiting, in_flight } = this.demands
    const soon = recovering || in_flight.size > 0 || (absent && waiting.size > 0)
    // A request that speaks needs no probe beside it.
    const last = soon && !absent ? Math.max(this.#probedAt, this.#heardAt) : this.#probedAt
    const due = Math.max(last + (soon ? soonMs : idleMs), clock.now())
    this.#cancel = clock.at(due, () => {
      const spoke = soon && !absent && clock.now() - this.#heardAt < soonMs
      if (spoke) this.#arm()
      else void this.probe()
    })
  }
}

function versionIn(text: string): string | undefined {
  try {
    const { version } = fieldsOf(JSON.parse(text))
    return typeof version === 'string' ? version : undefined
  } catch {
    return undefined
  }
}
