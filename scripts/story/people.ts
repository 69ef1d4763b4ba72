// The people: who chats, with pauses, and an editor that asks all the time. They know nothing of jobs.

import type { Dice } from '../simulate/dice.ts'
import type { Access } from '../storm/access.ts'
import type { Chronicle } from './chronicle.ts'
import type { Hours } from './hours.ts'

export interface PeopleOptions {
  hours: Hours
  chronicle: Chronicle
  dice: Dice
  access: Access
}

const second = 1000
const minute = 60_000

export class People {
  readonly #options: PeopleOptions
  #asked = 0

  constructor(options: PeopleOptions) {
    this.#options = options
  }

  /** A conversation for so long: some questions, time to read between them, then a pause. */
  async chat(model: string, ms: number): Promise<void> {
    const { hours, dice } = this.#options
    for (const end = hours.now + ms; hours.now < end;) {
      for (let left = dice.whole(3, 7); left > 0; left--) {
        await this.#ask('/api/chat', model)
        await hours.pause(dice.between(10 * second, 45 * second))
      }
      await hours.pause(dice.between(2 * minute, 6 * minute))
    }
  }

  /** An editor for so long: never a pause in which anything else might be loaded. */
  async complete(model: string, ms: number): Promise<void> {
    const { hours, dice } = this.#options
    for (const end = hours.now + ms; hours.now < end;) {
      await this.#ask('/v1/chat/completions', model)
      await hours.pause(dice.between(5 * second, 25 * second))
    }
  }

  async #ask(path: string, model: string): Promise<void> {
    const { hours, chronicle, access } = this.#options
    const label = `question ${this.#asked++}`
    const asked = hours.now
    const answered = chronicle.begin('people', asked)
    const body = { model, messages: [{ role: 'user', content: label }] }
    const answer = await access.call('POST', path, { body })
    chronicle.asked('questions of people')
    answered(hours.now)
    const whole = /"done":true|"finish_reason":"stop"/.test(answer?.text ?? '')
    chronicle.answers.push({ label, asked, status: answer?.status ?? 0, whole })
  }
}
