// Slots that Ollama has lost: one whose client leaves in the very moment of a word may never be given to anybody again, and
// whoever needs that runner waits for ever. Silence alone doesn't tell that from a long prompt, and cutting a request would cost
// its caller the prompt; so it is callers who give up that show it, and the runner is told to go, which it does as soon as nobody
// waits for it. Seen on Ollama v0.11.4 to v0.24.0, in one of twenty answers of a fast model that were left.
import type { Clock } from '../clock.ts'
import type { Target } from '../ollama/target.ts'
import type { Visit } from './visit.ts'

export interface SlotsOptions {
  clock: Clock
  target: Pick<Target, 'residentKeys' | 'unload'>
  /** This runner is told to go, as its callers wait in vain. */
  onHung?: (key: string, vain: true) => void
}

/** Callers who wait for so long in vain, one after the other, have lost their slot. */
const vain_ms = 60_000
const remembered = 256

export class Slots {
  readonly #options: SlotsOptions
  /** By runner: for how long callers have waited in vain since an answer was left in the middle and none has begun, milliseconds. */
  readonly #vain = new Map<string, number>()

  constructor(options: SlotsOptions) {
    this.#options = options
  }

  /** An answer of this runner has begun. */
  answered(key: string): void {
    this.#vain.delete(key)
  }

  /** A caller has left in the middle of an answer. */
  leftAnswer(key: string): void {
    this.#vain.set(key, 0)
    if (this.#vain.size <= remembered) return
    const [oldest] = this.#vain.keys()
    this.#vain.delete(oldest!)
  }

  /** A caller has left a request that was in flight and had no answer; `job`: one is loading or working. */
  leftSilence({ key, sent }: Pick<Visit, 'key' | 'sent'>, job: boolean): void {
    const { clock, target, onHung } = this.#options
    const before = this.#vain.get(key)
    // It may have waited for the job, or for a load.
    if (before === undefined || job || !target.residentKeys().has(key)) return
    const vain = before + clock.now() - sent
    this.#vain.set(key, vain < vain_ms ? vain : 0)
    if (vain < vain_ms) return
    onHung?.(key, true)
    void target.unload(key)
  }
}
