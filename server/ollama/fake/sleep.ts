// Standing still. While the simulated server sleeps it is like a process under SIGSTOP: the kernel accepts connections
// and takes bytes, nobody answers, no timer has an effect, and who hung up meanwhile is noticed only after the wake.
// Pacing (loads, tokens) uses real timers: it is the part of the simulation that is meant to take time.

/** How long something takes: milliseconds, or a promise a test resolves when it pleases. */
export type Span = number | Promise<unknown>

export class Sleep {
  #wake: PromiseWithResolvers<void> | undefined

  get asleep(): boolean {
    return this.#wake !== undefined
  }

  sleep(): void {
    this.#wake ??= Promise.withResolvers<void>()
  }

  wake(): void {
    this.#wake?.resolve()
    this.#wake = undefined
  }

  /** Resolves at once while awake, else with the wake. */
  async awake(): Promise<void> {
    while (this.#wake) await this.#wake.promise
  }

  /** Waits `span` and then for the server to be awake; rejects with the signal's reason. */
  async pause(span: Span, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    let cancel = () => {}
    if (typeof span !== 'number') span.then(() => resolve(), reject)
    else if (span <= 0) {
      // A turn of the event loop at least: a client that left must be seen between two tokens.
      const immediate = setImmediate(resolve)
      cancel = () => clearImmediate(immediate)
    } else if (span !== Infinity) {
      const timer = setTimeout(resolve, span)
      cancel = () => clearTimeout(timer)
    }
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', abort)
      cancel()
    }
    await this.awake()
    signal.throwIfAborted()
  }
}
