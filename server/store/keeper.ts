// Writes that must not be lost: kept in memory and tried again while the disk refuses them. Whoever has one kept starts
// nothing else meanwhile, so no more is kept than was under way: one job's results, or those of a bounded number of
// deliveries.

import type { Clock } from '../clock.ts'
import { ForemanError } from '../job/error.ts'

export interface KeeperOptions {
  clock: Clock
  /** The disk refuses writes, or takes them again; `failing` says so by then. */
  onStorage?: (failing: boolean, error?: unknown) => void
}

/** How long to wait before a refused write is tried again. */
const again_ms = 5000

export class Keeper {
  /** A write is being kept. */
  failing = false
  #options: KeeperOptions
  #stopping = false
  /** Each of the kept, to be tried at once. */
  #kept = new Set<() => void>()

  constructor(options: KeeperOptions) {
    this.#options = options
  }

  /** Resolves once `write` has gone through. Throws what has nothing to do with the disk, and everything once stopped. */
  async keep<T>(write: () => Promise<T>): Promise<T> {
    const { clock } = this.#options
    for (;;) {
      try {
        const value = await write()
        this.#become(false)
        return value
      } catch (error) {
        // What was refused by something else than the disk is kept no longer.
        if (!isRefusal(error)) this.#become(false)
        if (!isRefusal(error) || this.#stopping) throw error
        this.#become(true, error)
        await new Promise<void>((resolve) => {
          const again = () => {
            cancel()
            this.#kept.delete(again)
            resolve()
          }
          const cancel = clock.at(clock.now() + again_ms, again)
          this.#kept.add(again)
        })
      }
    }
  }

  #become(failing: boolean, error?: unknown): void {
    if (failing === this.failing) return
    this.failing = failing
    this.#options.onStorage?.(failing, error)
  }

  /** Tries once more at once what is kept, then never again. */
  stop(): void {
    this.#stopping = true
    for (const again of this.#kept) again()
  }
}

/** Whether the disk refused a write. */
export function isRefusal(error: unknown): boolean {
  return error instanceof ForemanError && error.code === 'storage_full'
}
