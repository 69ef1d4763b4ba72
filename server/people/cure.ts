// The cure for a target that hangs on letting its only runner go while people wait for another: job/heal.ts says when, this
// remembers when it was last done and does it.
import type { Clock } from '../clock.ts'
import type { Crowd } from '../job/admit.ts'
import { heal } from '../job/heal.ts'
import type { Capacity } from '../ollama/capacity.ts'
import type { Target } from '../ollama/target.ts'

export interface CureOptions {
  clock: Clock
  target: Pick<Target, 'listedKeys' | 'residentKeys' | 'unload'> & { capacity: Pick<Capacity, 'room'> }
  /** The target hangs on letting this runner go, and is told to. */
  onHung?: (key: string, vain: false) => void
  /** After that it went. */
  onHealed?: (key: string) => void
}

export class Cure {
  readonly #options: CureOptions
  #worked = -Infinity
  #healed = -Infinity
  /** Was told to go, and has not been seen gone. */
  #going: string | undefined

  constructor(options: CureOptions) {
    this.#options = options
  }

  /** A job has ended just now: its runner was in use until then. */
  worked(): void {
    this.#worked = this.#options.clock.now()
  }

  /** When a job last ended; -Infinity: never. */
  get workedAt(): number {
    return this.#worked
  }

  /** Unloads the runner that hangs, if one does. Answers when to look again, null when only an event can tell. */
  tend(crowds: readonly Crowd[], job: string | null): number | null {
    const { clock, target, onHung } = this.#options
    const now = clock.now()
    const verdict = heal({
      now,
      crowds,
      job,
      worked: this.#worked,
      resident: target.residentKeys(),
      listed: target.listedKeys(),
      room: target.capacity.room,
      healed: this.#healed,
    })
    if ('until' in verdict) return verdict.until
    this.#healed = now
    this.#going = verdict.unload
    onHung?.(verdict.unload, false)
    void target.unload(verdict.unload)
    return this.tend(crowds, job)
  }

  /** What is in memory was read. A runner that was told to go may be listed for some time yet. */
  looked(): void {
    const { target, onHealed } = this.#options
    const key = this.#going
    if (key === undefined || target.listedKeys().has(key)) return
    this.#going = undefined
    onHealed?.(key)
  }
}
