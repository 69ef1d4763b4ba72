// Names that are looked up beside each other, by a look-up that answers when a test has it answer.

import type { LookupFunction } from 'node:net'
import { describe, expect, test } from 'vitest'
import { Lookups } from './lookups.ts'

/** Look-ups, what was asked of the system, and what came of it. */
class Names {
  /** Under way, in the order in which they began. */
  readonly asked: string[] = []
  readonly told: string[] = []
  #answers = new Map<string, Parameters<LookupFunction>[2]>()
  #lookups = new Lookups((hostname, options, done) => {
    expect(options.all).toBe(true)
    this.asked.push(hostname)
    this.#answers.set(hostname, done)
  })

  find(...names: string[]): void {
    for (const name of names)
      this.#lookups.find(name, {}, (error, addresses) =>
        this.told.push(`${name} ${error ? error.code : addresses.map(({ address }) => address).join()}`),
      )
  }

  answer(name: string, address: string): void {
    this.#over(name)(null, [{ address, family: 4 }])
  }

  fail(name: string): void {
    this.#over(name)(Object.assign(new Error('no answer'), { code: 'EAI_AGAIN' }), [])
  }

  #over(name: string) {
    this.asked.splice(this.asked.indexOf(name), 1)
    return this.#answers.get(name)!
  }
}

describe('a name', () => {
  test('is looked up once at a time, whoever asks, and anew for who asks later', () => {
    const names = new Names()
    names.find('a', 'a')
    expect(names.asked).toEqual(['a'])
    names.answer('a', '10.0.0.1')
    expect(names.told).toEqual(['a 10.0.0.1', 'a 10.0.0.1'])
    names.find('a')
    names.answer('a', '10.0.0.2')
    expect(names.told.at(-1)).toBe('a 10.0.0.2')
  })

  test('that is not found is that for all who asked', () => {
    const names = new Names()
    names.find('a', 'a')
    names.fail('a')
    expect(names.told).toEqual(['a EAI_AGAIN', 'a EAI_AGAIN'])
  })
})

describe('names whose servers are silent', () => {
  const silent = Array.from({ length: 20 }, (_, i) => `silent ${i}`)

  test('take two threads, however often they are asked for; one that was found before finds a third', () => {
    const names = new Names()
    names.find('live')
    names.answer('live', '10.0.0.1')
    for (let i = 0; i < 10; i++) names.find(...silent)
    expect(names.asked).toEqual(['silent 0', 'silent 1'])
    names.find('live')
    names.answer('live', '10.0.0.1')
    expect([names.told.length, names.asked]).toEqual([2, ['silent 0', 'silent 1']])
    names.find('live', 'new')
    names.fail('live')
    names.find('live')
    expect(names.asked).toEqual(['silent 0', 'silent 1'])
  })

  test('let those go first who have asked last', () => {
    const names = new Names()
    names.find(...silent, 'silent 7', 'new')
    names.fail('silent 0')
    expect(names.asked).toEqual(['silent 1', 'new'])
    names.answer('new', '10.0.0.1')
    expect(names.asked).toEqual(['silent 1', 'silent 7'])
  })
})
