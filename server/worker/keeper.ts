// Writes that must not be lost: kept in memory and tried again while the disk refuses them. Nothing else is started
// meanwhile, so at most one job's results are kept.

import type { Clock } from '../clock.ts'
import { ForemanError } from '../job/error.ts'

export interface KeeperOptions {
  clock: Clock
  /** The disk refuses writes, or takes them again. */
  onStorage?: (failing: boolean, error?: unknown) => void
}

/** How long to wait before a refused write is tried again. */
const again_ms = 5000

export class Keeper {
  /** A write is being kept. */
  failing = false
  #options: KeeperOptions
  #stopping = false
  #again = () => {}

  constructor(options: KeeperOptions) {
    this.#options = options
  }

  /** Resolves once `write` has gone through. Throws what has nothing to do with the disk, and everything once stopped. */
  async keep<T>(write: () => Promise<T>): Promise<T> {
    const { clock, onStorage } = this.#options
    for (;;) {
      try {
        const value = await write()
        if (this.failing) onStorage?.(false)
        this.failing = false
        return value
      } catch (error) {
        if (!isRefusal(error) || this.#stopping) throw error
        if (!this.failing) onStorage?.(true, error)
        this.failing = true
        await new Promise<void>((resolve) => {
          const cancel = clock.at(clock.now() + again_ms, resolve)
          this.#again = () => {
            cancel()
            resolve()
          }
        })
      }
    }
  }

  /** Tries once more at once what is kept, then never again. */
  stop(): void {
    this.#stopping = true
    this.#again()
  }
}

/** Whether the disk refused a write. */
export function isRefusal(error: unknown): boolean {
  return error instanceof ForemanError && error.code === 'storage_full'
}
