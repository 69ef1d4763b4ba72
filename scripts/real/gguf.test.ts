import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { encodeGguf } from './gguf.ts'
import { type TinyModel, writeTinyGguf } from './tiny.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'foreman-gguf-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function written(model: TinyModel): Promise<Buffer> {
  const path = join(folder, 'model.gguf')
  await writeTinyGguf(path, model)
  return readFile(path)
}

const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

test('a file is the magic, the version, the counts, the metadata, the tensor table and the data, each tensor on a border of 32 bytes', () => {
  const file = Buffer.concat(
    encodeGguf({
      metadata: [
        ['a', { type: 'u32', value: 7 }],
        ['b', { type: 'strings', value: ['x', 'yz'] }],
      ],
      tensors: [
        { name: 'one', dims: [3], data: Float32Array.of(1, 2, 3) },
        { name: 'two', dims: [1, 2], data: Float32Array.of(4, 5) },
      ],
    }),
  )
  expect(file.subarray(0, 4).toString()).toBe('GGUF')
  expect(file.readUInt32LE(4)).toBe(3)
  expect([file.readBigUInt64LE(8), file.readBigUInt64LE(16)]).toEqual([2n, 2n])
  // key 'a' (8 + 1 bytes), its type and value; then key 'b', array of strings, two of them
  expect([file.readUInt32LE(33), file.readUInt32LE(37)]).toEqual([4, 7])
  expect([file.readUInt32LE(50), file.readUInt32LE(54), file.readBigUInt64LE(58)]).toEqual([9, 8, 2n])
  expect(file.length % 32).toBe(0)
  const data = file.subarray(file.length - 64)
  expect([data.readFloatLE(0), data.readFloatLE(8), data.readFloatLE(32), data.readFloatLE(36)]).toEqual([1, 3, 4, 5])
  expect(file.readBigUInt64LE(file.indexOf('two') + 3 + 4 + 16 + 4)).toBe(32n)
})

test('the same arguments write the same bytes, another seed or name other ones', async () => {
  const first = digest(await written({ name: 'tiny', seed: 1 }))
  expect(digest(await written({ name: 'tiny', seed: 1 }))).toBe(first)
  expect(digest(await written({ name: 'tiny', seed: 2 }))).not.toBe(first)
  expect(digest(await written({ name: 'other', seed: 1 }))).not.toBe(first)
})

test('only the embedding model names a pooling, and before the tokenizer, where Ollama looks for it', async () => {
  const embedding = await written({ name: 'tiny', seed: 1, embedding: true })
  expect(embedding.indexOf('llama.pooling_type')).toBeGreaterThan(0)
  expect(embedding.indexOf('llama.pooling_type')).toBeLessThan(embedding.indexOf('tokenizer.'))
  expect((await written({ name: 'tiny', seed: 1 })).includes('llama.pooling_type')).toBe(false)
})
