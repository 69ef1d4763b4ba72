// Slots that Ollama has lost: one whose client leaves in the very moment of a word may never be given to anybody again, and
// whoever needs that runner waits for ever. Silence doesn't tell that from a long prompt. So when callers have given up one after
// the other, and nothing is in flight, the runner is asked for a single word: only one that has no slot left owes even that. What
// was left, by whom, and whether through this foreman doesn't matter then. Seen on Ollama v0.11.4 to v0.24.0.
import type { Clock } from '../clock.ts'
import { Clearing, type ClearingOptions } from '../ollama/clearing.ts'
import type { Target } from '../ollama/target.ts'
import type { Visit } from './visit.ts'

export interface SlotsOptions {
  clock: Clock
  target: ClearingOptions['target'] & Pick<Target, 'residentKeys' | 'word'>
  /** The slowest load of a runner that was seen; 0: none. */
  slowestLoad: (key: string) => number
  /** When a job last ended; -Infinity: never. */
  worked: () => number
  /** This runner is told to go, as it has no slot left. */
  onHung?: (key: string, vain: true) => void
  /** After that it went. */
  onHealed?: (key: string) => void
}

/** After so long a silence of one after the other a runner is asked for a word. */
const vain_ms = 60_000
/** A runner that nothing else is asked of has said it by then, though it has to end a piece of a prompt that was left. */
const word_ms = 60_000
const remembered = 256

export class Slots {
  readonly #options: SlotsOptions
  readonly #clearing: Clearing
  readonly #onChange: () => void
  /**
   * Runners that somebody has left since when no answer has begun: for how long callers have waited in vain after that, and when
   * the last of them left. Milliseconds.
   */
  readonly #vain = new Map<string, { ms: number; at: number }>()
  #doubt: { key: string; over: AbortController } | undefined

  /** `onChange`: nobody is in doubt any more. */
  constructor(options: SlotsOptions, onChange: () => void) {
    this.#options = options
    this.#clearing = new Clearing(options)
    this.#onChange = onChange
  }

  /** The runner that is asked for a word, or told to go: whoever comes for it is held until that is over. */
  get doubted(): string | undefined {
    return this.#doubt?.key
  }

  /** Whether somebody has left this runner and no answer has begun since. It is the job's that asks to find out more. */
  handOver(key: string): boolean {
    return this.#vain.delete(key)
  }

  /** An answer of this runner has begun. */
  answered(key: string): void {
    this.#vain.delete(key)
  }

  /** A caller has left a request that was in flight; `since`: it had no answer, and its runner was there to give one. */
  leave({ key, name }: Visit, since: number | undefined, idle: boolean): void {
    const { clock, worked } = this.#options
    const now = clock.now()
    const before = this.#vain.get(key)
    // Whoever comes first may have left a long prompt, and whoever waited with him has waited for that.
    const silence = before && since !== undefined ? now - Math.max(since, before.at, worked()) : 0
    const ms = (before?.ms ?? 0) + Math.max(0, silence)
    this.#vain.delete(key)
    this.#vain.set(key, { ms, at: now })
    const [oldest] = this.#vain.keys()
    if (this.#vain.size > remembered) this.#vain.delete(oldest!)
    if (since !== undefined && ms >= vain_ms && idle && !this.#doubt) void this.#ask(name, key)
  }

  /** Something else needs the target: it must not wait for a word. */
  giveWay(): void {
    this.#doubt?.over.abort()
  }

  async #ask(name: string, key: string): Promise<void> {
    const { target, onHung, onHealed } = this.#options
    const over = new AbortController()
    this.#doubt = { key, over }
    try {
      // It may have gone with who left.
      await target.lookAnew()
      const well = !target.residentKeys().has(key) || (await this.#speaks(name, key, over.signal))
      // Whoever made it give way before has the suspicion still.
      this.#vain.delete(key)
      if (well) return
      onHung?.(key, true)
      if (await this.#clearing.letGo([key], over.signal)) onHealed?.(key)
    } catch {
      // The target broke off, or something else needs it: that runner is no longer the matter.
    } finally {
      this.#doubt = undefined
      this.#onChange()
    }
  }

  /** Whether the runner answers in time. Throws when that can't be told. */
  async #speaks(name: string, key: string, over: AbortSignal): Promise<boolean> {
    const { clock, target, slowestLoad } = this.#options
    const late = new AbortController()
    // Some versions list a runner before it is loaded.
    const limit = Math.max(word_ms, 2 * slowestLoad(key))
    const cancel = clock.at(clock.now() + limit, () => late.abort())
    try {
      await target.word(name, AbortSignal.any([over, late.signal]))
      return true
    } catch (error) {
      if (late.signal.aborted && !over.aborted) return false
      throw error
    } finally {
      cancel()
    }
  }
}
