// foreman's own requests that are on the target: counted while they are, and given up together when nothing has answered for
// the grace time.

import { TargetAbsent, TargetFailure } from './failure.ts'

export interface FlightsParts {
  /** A request went to the target, or is over. */
  onFlight: (who: unknown, on: boolean) => void
  /** The target was not there or broke off: something is the matter with it. */
  onBroken: () => void
  /** It has no such model (any more). */
  onMissing: () => void
  /** Whether the target is not there, asked anew. */
  isAway: () => Promise<boolean>
}

export class Flights {
  readonly #parts: FlightsParts
  readonly #running = new Set<AbortController>()

  constructor(parts: FlightsParts) {
    this.#parts = parts
  }

  /**
   * Has a request on the target until `work` settles. Its signal is the given one, or that of being given up. A 404 that is no
   * word of Ollama's throws TargetAbsent if an edge before it says so because it is away.
   */
  async fly<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const giveUp = new AbortController()
    this.#running.add(giveUp)
    this.#parts.onFlight(giveUp, true)
    try {
      return await work(AbortSignal.any([signal, giveUp.signal]))
    } catch (error) {
      // Know soon what is the matter, instead of at the next probe.
      if (error instanceof TargetAbsent || isCut(error)) this.#parts.onBroken()
      if (error instanceof TargetFailure && error.failure.code === 'model_missing') this.#parts.onMissing()
      if (isNowhere(error) && (await this.#parts.isAway())) throw new TargetAbsent('refused', error)
      throw error
    } finally {
      this.#running.delete(giveUp)
      this.#parts.onFlight(giveUp, false)
    }
  }

  giveUp(reason: unknown): void {
    for (const run of this.#running) run.abort(reason)
  }
}

const isCut = (error: unknown) => error instanceof TargetFailure && error.failure.targetStatus === undefined
const isNowhere = (error: unknown) =>
  error instanceof TargetFailure && error.failure.code === 'target_refused' && error.failure.targetStatus === 404
