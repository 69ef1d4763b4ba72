// A connection that is listened to for as long as there is something to hear: it ends when its caller leaves, and when it
// has been silent for longer than a foreman that is there ever is.

/** How long a connection may be silent that has a word on it every 15 s. */
const silence_ms = 45_000

export class Hearing {
  readonly #signal: AbortSignal | undefined
  readonly #cut = new AbortController()
  readonly #leave = () => this.#cut.abort(this.#signal?.reason)
  #watch: ReturnType<typeof setTimeout> | undefined

  /** `signal` is the caller's. */
  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
    signal?.addEventListener('abort', this.#leave, { once: true })
  }

  /** For the connection; its reason is the caller's if that is who left. */
  get signal(): AbortSignal {
    return this.#cut.signal
  }

  /** It was asked for, or something came: from here on silence counts anew. */
  readonly heard = () => {
    clearTimeout(this.#watch)
    this.#watch = setTimeout(() => this.#cut.abort(), silence_ms)
  }

  /** Lets go of the connection, whoever still reads it. */
  end(): void {
    clearTimeout(this.#watch)
    this.#signal?.removeEventListener('abort', this.#leave)
    this.#cut.abort()
  }
}
