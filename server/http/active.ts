// The passages under way: counted, and found again when the server stops.
import type { Served } from './way.ts'

/** Something under way. `place` belongs to the list it is in; -1 outside. */
export interface Underway {
  place: number
  /** Nothing of it was sent to the target yet. */
  readonly held: boolean
  /** What becomes of it, as far as it is known. */
  readonly outcome: Served['outcome']
  /** What has no answer yet gets one, what streams is cut. */
  stop(): void
  /** The same when the target has vanished with it. */
  vanished(): void
}

/**
 * An array and not a Set: each table that a busy Set outgrows stays linked to the next, so once one of them is old the
 * collector carries every request since along until a full collection, a tenth of the processor under load.
 */
export class Active {
  readonly #list: Underway[] = []

  get size(): number {
    return this.#list.length
  }

  add(one: Underway): void {
    one.place = this.#list.push(one) - 1
  }

  /** False when it was not in it (any more). */
  delete(one: Underway): boolean {
    if (one.place < 0) return false
    const last = this.#list.pop()!
    if (last !== one) {
      this.#list[one.place] = last
      last.place = one.place
    }
    one.place = -1
    return true
  }

  /** All of them at this moment; what ends meanwhile changes nothing. */
  all(): Underway[] {
    return [...this.#list]
  }
}
