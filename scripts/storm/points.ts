// The moments of commits at which foreman is made to die: all that any of its lives has passed so far, each in turn.

import type { Dice } from '../simulate/dice.ts'

/** Die when this point is passed for the nth time. */
export interface Aim {
  point: string
  nth: number
}

export class Points {
  #known = new Map<string, { aimed: number; died: number }>()

  passed(point: string): void {
    if (!this.#known.has(point)) this.#known.set(point, { aimed: 0, died: 0 })
  }

  /** The next in turn; undefined before anything is known. A point that was missed is aimed at on its first time. */
  next(dice: Dice): Aim | undefined {
    const least = Math.min(...[...this.#known.values()].map(({ aimed }) => aimed))
    const turn = [...this.#known].filter(([, { aimed }]) => aimed === least)
    if (turn.length === 0) return undefined
    const [point, one] = dice.pick(turn)
    const missed = one.aimed > one.died
    one.aimed++
    return { point, nth: missed ? 1 : dice.pick([1, 1, 1, 2]) }
  }

  died({ point }: Aim): void {
    this.#known.get(point)!.died++
  }

  /** How many there are, and at how many it has died. */
  get counts(): { known: number; reached: number } {
    const all = [...this.#known.values()]
    return { known: all.length, reached: all.filter(({ died }) => died > 0).length }
  }

  /** How often it died at each, by label: before, inside and after its commit. */
  get deaths(): string[] {
    const labels = new Set([...this.#known.keys()].map((point) => point.slice(0, point.indexOf(':'))))
    const died = (label: string, moment: string) => this.#known.get(`${label}:${moment}`)?.died ?? 0
    return [...labels]
      .sort()
      .map((label) => `${label} ${['before', 'inside', 'after'].map((moment) => died(label, moment)).join('/')}`)
  }
}
