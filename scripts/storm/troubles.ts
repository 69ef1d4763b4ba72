// What goes wrong with the target meanwhile: requests that it breaks off, and minutes in which it is not there.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Fake, Fault } from '../../server/ollama/fake/fake.ts'
import type { Dice } from '../simulate/dice.ts'

const faults: Fault[] = [
  { do: 'crash' },
  { do: 'crash', after: 3 },
  { do: 'kill' },
  { do: 'kill', after: 2 },
  { do: 'eof', after: 4 },
  { do: 'busy' },
  { do: 'refuse', text: 'no', status: 400 },
  { do: 'hang', after: 2 },
  { do: 'fail_load', text: 'no room' },
]

export class Troubles {
  #fake: Fake
  #dice: Dice
  #over = false
  #all: Promise<void> = Promise.resolve()

  constructor(fake: Fake, dice: Dice) {
    this.#fake = fake
    this.#dice = dice
  }

  start(): void {
    this.#all = this.#troubling()
  }

  /** Resolves when the target is well again. */
  async stop(): Promise<void> {
    this.#over = true
    await this.#all
    this.#fake.clearFaults()
  }

  async #troubling(): Promise<void> {
    while (!this.#over) {
      await sleep(this.#dice.between(0, 1500))
      if (this.#dice.next() < 0.8) this.#fake.fault(this.#dice.pick(faults))
      else {
        await this.#fake.refuse()
        await sleep(this.#dice.between(0, 300))
        await this.#fake.listen()
      }
    }
  }
}
