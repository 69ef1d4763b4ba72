// How long foreman itself kept a proxied request: from when it was there, with its body if that was looked at, to its
// dispatch, without the time that the lane held it. In milliseconds of the process' own clock.

export class Overhead {
  readonly #came = performance.now()
  #there = this.#came
  #heldSince: number | undefined
  #held = 0
  /** What foreman added; undefined before it was dispatched. */
  ms: number | undefined

  /** Since it came. */
  get age(): number {
    return performance.now() - this.#came
  }

  /** Its body was read. */
  there(): void {
    this.#there = performance.now()
  }

  /** The lane holds it, until `goes`. */
  waits(): void {
    this.#heldSince ??= performance.now()
  }

  /** It is about to be dispatched. */
  goes(): void {
    if (this.#heldSince !== undefined) this.#held = performance.now() - this.#heldSince
  }

  /** It was. May be told again, of one that could not be sent. */
  gone(): void {
    this.ms = performance.now() - this.#there - this.#held
  }
}
