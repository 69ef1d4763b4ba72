import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { Pieces } from './pieces.ts'

const lengths = fc.array(fc.oneof(fc.nat(3), fc.nat(5_000), fc.constantFrom(4_095, 4_096, 65_536, 70_000)), {
  maxLength: 40,
})

function pieces(of: number[]): { all: Pieces; whole: Buffer } {
  const all = new Pieces()
  const parts = of.map((length, i) => Buffer.alloc(length, i + 1))
  for (const part of parts) all.add(part)
  return { all, whole: Buffer.concat(parts) }
}

it('holds the bytes that were added, in their order, whatever pieces they came in', () => {
  fc.assert(
    fc.property(lengths, fc.nat(100), fc.nat(100), (of, from, to) => {
      const { all, whole } = pieces(of)
      expect(all.size).toBe(whole.length)
      expect(Buffer.concat([...all.all]).equals(whole)).toBe(true)
      const [start, end] = [from, to].map((share) => Math.floor((whole.length * share) / 100)) as [number, number]
      expect(Buffer.concat(all.between(start, end)).equals(whole.subarray(start, end))).toBe(true)
    }),
    { numRuns: 200 },
  )
})

it('puts small pieces together: a million of one byte are few, one large one stays what it is', () => {
  const { all } = pieces(Array.from({ length: 1_000_000 }, () => 1))
  expect(all.all.length).toBeLessThan(20)
  const large = Buffer.alloc(100_000)
  const one = new Pieces()
  one.add(large)
  expect(one.all[0]).toBe(large)
})
