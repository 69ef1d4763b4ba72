import { describe, expect, test } from 'vitest'
import { Output } from './output.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

function filled(lines: string[]) {
  let told = 0
  const output = new Output(() => (told += 1))
  output.sequence = 7
  for (const line of lines) output.add(Buffer.from(line))
  return { output, told: () => told }
}

describe('readers', () => {
  test('at the same line get the same batch, which names its place', () => {
    const { output } = filled(['a', 'bb', 'ccc'])
    const batch = output.after(1)
    expect(batch).toEqual({ sequence: 7, from: 1, lines: [Buffer.from('bb'), Buffer.from('ccc')] })
    expect(output.after(1)).toBe(batch)
    expect(output.after(3)).toBeUndefined()
  })

  test('get about 64 kB at a time, and always a line', () => {
    const { output } = filled([...Array<string>(10).fill('x'.repeat(30_000)), 'y'.repeat(500_000), 'z'])
    const sizes: number[] = []
    for (let at = 0; at < output.count;) {
      const { lines } = output.after(at)!
      sizes.push(lines.length)
      at += lines.length
    }
    expect(sizes).toEqual([2, 2, 2, 2, 2, 1, 1])
  })

  test('miss nothing that is added behind a batch that is remembered', () => {
    const { output } = filled(['a'])
    expect(output.after(0)?.lines).toHaveLength(1)
    output.add(Buffer.from('b'))
    const first = output.after(0)!.lines.length
    expect(output.after(first)?.lines.map(String)).toEqual(['b'])
  })

  test('at many places at once cost no more than a few batches', () => {
    const { output } = filled(Array<string>(100).fill('x'))
    const first = output.after(0)
    for (let at = 1; at < 100; at++) output.after(at)
    expect(output.after(0)).not.toBe(first)
    expect(output.after(0)).toEqual(first)
  })

  test('are told once for all lines that come in one piece', async () => {
    const { output, told } = filled(['a', 'b', 'c'])
    expect(told()).toBe(0)
    await turn()
    expect(told()).toBe(1)
    output.add(Buffer.from('d'))
    await turn()
    expect(told()).toBe(2)
  })
})

test('it knows how much comes after a line', () => {
  const { output } = filled(['a', 'bb', 'ccc'])
  expect([0, 1, 2, 3].map((line) => output.bytesAfter(line))).toEqual([6, 5, 3, 0])
})

test('once closed it holds no line, and still knows how many there were', () => {
  const { output } = filled(['a', 'b'])
  output.after(0)
  output.close()
  expect([output.closed, output.count, output.lines, output.after(0)]).toEqual([true, 2, [], undefined])
})
