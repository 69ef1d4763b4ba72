// One loaded model: its slots, who uses it, how long it may stay idle, and whether its process still lives. Which runner
// a request gets and which must go is the scheduler's business.

import type { Clock } from '../../clock.ts'
import type { RunnerOptions } from '../../job/affinity.ts'
import type { Model } from './catalog.ts'
import type { Need } from './scheduler.ts'

const autoBatch = 512

export class Runner {
  readonly model: Model
  readonly key: string
  readonly numCtx: number
  /** Where the process would listen; it shows in one error text. */
  readonly port = 30_000 + Math.floor(Math.random() * 30_000)
  /** Aborts when the process dies. */
  readonly died: AbortSignal
  readonly #options: RunnerOptions
  readonly #clock: Clock
  readonly #onExpired: (runner: Runner) => void
  readonly #death = new AbortController()
  #users = 0
  #keepAliveMs: number
  #cancelTimer: (() => void) | undefined
  #expiresAt: number | undefined
  #freeSlots: number
  #waiting: (() => void)[] = []

  constructor(
    need: Need,
    parts: { clock: Clock; slots: number; keepAliveMs: number; onExpired: (runner: Runner) => void },
  ) {
    this.model = need.model
    this.key = need.key
    this.numCtx = need.numCtx
    this.died = this.#death.signal
    this.#options = need.options
    this.#clock = parts.clock
    this.#onExpired = parts.onExpired
    this.#keepAliveMs = need.keepAliveMs ?? parts.keepAliveMs
    this.#freeSlots = need.model.capabilities.includes('completion') ? parts.slots : 1
  }

  get busy(): boolean {
    return this.#users > 0
  }

  get keepAliveMs(): number {
    return this.#keepAliveMs
  }

  /** Wall milliseconds, Infinity for ever. Not moved while requests run: a busy runner may show a time in the past. */
  get expiresAt(): number {
    return this.#expiresAt ?? this.#clock.wall() + this.#keepAliveMs
  }

  /** Whether a request can use this runner as it is (Ollama's needsReload, turned round). */
  fits(need: Need): boolean {
    if (this.died.aborted) return false
    const mine = this.#options
    const wanted = need.options
    const ctxFits = mine.num_ctx === undefined && wanted.num_ctx === undefined ? true : this.numCtx === need.numCtx
    return (
      ctxFits &&
      (mine.num_batch ?? autoBatch) === (wanted.num_batch ?? autoBatch) &&
      ((wanted.num_gpu ?? -1) < 0 || wanted.num_gpu === mine.num_gpu) &&
      mine.main_gpu === wanted.main_gpu &&
      mine.num_thread === wanted.num_thread &&
      mine.draft_num_predict === wanted.draft_num_predict &&
      mine.use_mmap === wanted.use_mmap &&
      this.#shifts(mine) === this.#shifts(wanted)
    )
  }

  /** One more user. Only a request that carries keep_alive changes it. */
  use(keepAliveMs: number | undefined): void {
    this.#users++
    this.#stopTimer()
    if (keepAliveMs !== undefined) this.#keepAliveMs = keepAliveMs
  }

  /** One user less; with the last one the idle time begins. */
  release(): void {
    this.#users--
    if (this.#users > 0) return
    if (this.#keepAliveMs <= 0) return this.#onExpired(this)
    this.#expiresAt = this.#clock.wall() + this.#keepAliveMs
    if (this.#keepAliveMs === Infinity) return
    this.#cancelTimer = this.#clock.at(this.#clock.now() + this.#keepAliveMs, () => this.#onExpired(this))
  }

  /** Unload as soon as it is idle, unless a request with keep_alive comes first. */
  expire(): void {
    this.#stopTimer()
    this.#keepAliveMs = 0
    if (!this.busy) this.#onExpired(this)
  }

  /** Waits for a slot; returns its release. Rejects when the client leaves or the process dies. */
  async slot(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (this.#freeSlots > 0) this.#freeSlots--
    else {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const leave = () => {
        this.#waiting = this.#waiting.filter((w) => w !== resolve)
        reject(signal.reason)
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiting.push(resolve)
      await promise
      signal.removeEventListener('abort', leave)
    }
    return () => {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#freeSlots++
    }
  }

  /** The process dies. It stays listed until the next request finds it dead. */
  kill(): void {
    this.#death.abort(new Error('runner died'))
  }

  /** Called by the scheduler when it is gone. */
  unloaded(): void {
    this.#stopTimer()
  }

  /** Some families don't shift their context unless they are asked to. */
  #shifts({ shift }: RunnerOptions): boolean {
    return shift ?? this.model.family !== 'deepseek2'
  }

  #stopTimer(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }
}
