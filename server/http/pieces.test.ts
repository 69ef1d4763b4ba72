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

it('holds hardly more memory than it has bytes, and few pieces, whatever they came in', () => {
  const patterns = [[1], [1, 1, 4_096], [4_095, 2], [1, 1, 1, 4_095, 5_000], [70_000, 3, 3], [255, 257]]
  for (const pattern of patterns) {
    const { all } = pieces(Array.from({ length: 30_000 / pattern.length }, (_, i) => pattern[i % pattern.length]!))
    const held = [...new Set(all.all.map(({ buffer }) => buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0)
    // Short ones come from a pool here, as whose part they count.
    expect(held).toBeLessThan(2.5 * all.size + 70_000)
    expect(all.all.length).toBeLessThan(all.size / 1_000 + 20)
  }
})

it('can be taken from its beginning while more is added', () => {
  const all = new Pieces()
  const taken: Buffer[] = []
  const added: Buffer[] = []
  for (let i = 0; i < 5_000; i++) {
    const part = Buffer.alloc(i % 7 ? i % 5 : 5_000, i)
    all.add(part)
    added.push(part)
    if (i % 3 === 0) taken.push(all.shift()!)
  }
  for (let one = all.shift(); one; one = all.shift()) taken.push(one)
  expect(Buffer.concat(taken).equals(Buffer.concat(added))).toBe(true)
})

it('puts small pieces together: a million of one byte are few, one large one stays what it is', () => {
  const { all } = pieces(Array.from({ length: 1_000_000 }, () => 1))
  expect(all.all.length).toBeLessThan(20)
  const large = Buffer.alloc(100_000)
  const one = new Pieces()
  one.add(large)
  expect(one.all[0]).toBe(large)
})
