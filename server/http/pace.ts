// Long work in short steps: between two of them the event loop gets its turn, so that nobody waits for the whole.
import { setImmediate as breathe } from 'node:timers/promises'

export class Pace {
  readonly #step: number
  #began = performance.now()

  /** `stepMs` is about how long one step may be. */
  constructor(stepMs: number) {
    this.#step = stepMs
  }

  /** The step has been long enough: `rest` is due. */
  get tired(): boolean {
    return performance.now() - this.#began > this.#step
  }

  async rest(): Promise<void> {
    await breathe()
    this.#began = performance.now()
  }
}
