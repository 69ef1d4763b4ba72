// Who gets which runner, as Ollama decides it: one loader for all, loaded and fitting runners overtake, at most
// `maxQueue` requests wait for a load or a switch, a runner that must go is waited for while everything else that needs a
// load stands behind it (with the deadlock that brings, ollama#17408). Slots and idle time are the runner's own.

import type { Clock } from '../../clock.ts'
import type { RunnerOptions } from '../../job/affinity.ts'
import type { Model } from './catalog.ts'
import type { Seen } from './ledger.ts'
import { Refusal } from './refusal.ts'
import { Runner } from './runner.ts'

/** What a request asks of the scheduler. */
export interface Need {
  model: Model
  /** The affinity key of the request, for the counters. */
  key: string
  /** Modelfile parameters and request options merged. */
  options: RunnerOptions
  /** The context it will have, capped to the model's. */
  numCtx: number
  /** Only when the request carries it. */
  keepAliveMs: number | undefined
  /** The request's client is gone. */
  signal: AbortSignal
  /** The request itself. */
  seen: Seen
}

interface Pending {
  need: Need
  resolve: (runner: Runner) => void
  reject: (reason: unknown) => void
}

export interface SchedulerParts {
  clock: Clock
  /** Most runners resident at once. */
  room: number
  /** Slots of each runner. */
  parallel: number
  /** Requests that may wait behind the one in the loader. */
  maxQueue: number
  /** How long an idle runner stays when no request said otherwise. */
  keepAliveMs: number
  /** The load itself: takes its time; rejects when it fails or the need's signal aborts. */
  load: (need: Need) => Promise<void>
  onUnload: (runner: Runner) => void
  /** The queue or the runners changed. */
  onChange: () => void
}

export const busyText = 'server busy, please try again.  maximum pending requests exceeded'

export class Scheduler {
  readonly #parts: SchedulerParts
  readonly #runners = new Map<string, Runner>()
  #pending: Pending[] = []
  #working = false
  #unloadWaiters: (() => void)[] = []

  constructor(parts: SchedulerParts) {
    this.#parts = parts
  }

  /** The loaded runners, latest expiry first. A runner is here when its load is over. */
  get runners(): Runner[] {
    return [...this.#runners.values()].sort((a, b) => (a.expiresAt === b.expiresAt ? 0 : b.expiresAt - a.expiresAt))
  }

  /** Requests waiting behind the one in the loader. */
  get waiting(): number {
    return this.#pending.length
  }

  /** A runner that fits, used once more: the caller must `release` it. Rejects with a Refusal or the signal's reason. */
  async acquire(need: Need): Promise<Runner> {
    need.signal.throwIfAborted()
    const runner = this.#runners.get(need.model.weights)
    if (runner?.fits(need)) {
      runner.use(need.keepAliveMs)
      return runner
    }
    if (this.#pending.length >= this.#parts.maxQueue) throw new Refusal(503, busyText)
    const { promise, resolve, reject } = Promise.withResolvers<Runner>()
    // The request leaves, its place in the queue stays taken until its turn: so it is in Ollama.
    const leave = () => reject(need.signal.reason)
    need.signal.addEventListener('abort', leave, { once: true })
    this.#pending.push({ need, resolve, reject })
    void this.#work()
    this.#parts.onChange()
    try {
      return await promise
    } finally {
      need.signal.removeEventListener('abort', leave)
    }
  }

  /** Unloads the runner of these weights when it is idle. A load in progress is not touched. */
  expire(weights: string): void {
    this.#runners.get(weights)?.expire()
  }

  /** Everything is gone, as after the end of the server. Requests must have been aborted before. */
  reset(): void {
    for (const runner of this.#runners.values()) runner.kill()
    for (const runner of this.#runners.values()) this.#unload(runner)
  }

  async #work(): Promise<void> {
    if (this.#working) return
    this.#working = true
    for (let next = this.#pending.shift(); next; next = this.#pending.shift()) {
      if (!next.need.signal.aborted) await this.#serve(next)
    }
    this.#working = false
  }

  async #serve(pending: Pending): Promise<void> {
    const { need } = pending
    for (;;) {
      const runner = this.#runners.get(need.model.weights)
      if (runner?.fits(need)) {
        runner.use(need.keepAliveMs)
        return this.#hand(pending, runner)
      }
      const victim = runner ?? (this.#runners.size >= this.#parts.room ? this.#victim() : undefined)
      if (!victim) return this.#load(pending)
      const unloaded = new Promise<void>((resolve) => {
        this.#unloadWaiters.push(resolve)
      })
      victim.expire()
      await unloaded
    }
  }

  async #load(pending: Pending): Promise<void> {
    const { need } = pending
    try {
      await this.#parts.load(need)
    } catch (error) {
      return pending.reject(error)
    }
    const runner = new Runner(need, {
      clock: this.#parts.clock,
      slots: this.#parts.parallel,
      keepAliveMs: this.#parts.keepAliveMs,
      onExpired: (expired) => this.#unload(expired),
    })
    runner.use(undefined)
    this.#runners.set(need.model.weights, runner)
    this.#parts.onChange()
    this.#hand(pending, runner)
  }

  #hand(pending: Pending, runner: Runner): void {
    if (pending.need.signal.aborted) runner.release()
    else pending.resolve(runner)
  }

  /** The idle runner with the shortest keep-alive, among equals the lowest weights; none idle: the same of the busy. */
  #victim(): Runner | undefined {
    const byLife = (a: Runner, b: Runner) =>
      a.keepAliveMs === b.keepAliveMs ? (a.model.weights < b.model.weights ? -1 : 1) : a.keepAliveMs - b.keepAliveMs
    const runners = [...this.#runners.values()].sort(byLife)
    return runners.find((runner) => !runner.busy) ?? runners[0]
  }

  #unload(runner: Runner): void {
    if (this.#runners.get(runner.model.weights) !== runner) return
    // The idle timer may ring while a new request has just begun.
    if (runner.busy && !runner.died.aborted) return
    this.#runners.delete(runner.model.weights)
    runner.unloaded()
    this.#parts.onUnload(runner)
    const waiters = this.#unloadWaiters
    this.#unloadWaiters = []
    for (const resolve of waiters) resolve()
  }
}
