// How one who follows is woken: what it looks for it then finds by its own position.

export class Bell {
  #rung = false
  #hear = () => {}

  readonly ring = (): void => {
    this.#rung = true
    this.#hear()
  }

  /** Resolves when it is rung, at once when it was since the last time. */
  async heard(): Promise<void> {
    if (!this.#rung) await new Promise<void>((resolve) => (this.#hear = resolve))
    this.#rung = false
  }
}
