import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { Blobs, type StagedBlob } from '../store/blobs.ts'
import { look, openStore, rows, temporaryFolder } from '../store/store.harness.ts'
import { stageResults, type Results } from './results.ts'

const results = (more: Partial<Results>): Results => ({ lines: [], text: '', jsonAsked: false, images: [], ...more })
const lines = (...texts: string[]) => texts.map((text) => Buffer.from(text))
const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex')

/** What was staged, by name: its type, its text, and whether its digest is right. */
async function staged(given: Partial<Results>): Promise<Record<string, [type: string, text: string]>> {
  const store = openStore()
  const artifacts = await stageResults(results(given), (bytes) => store.blobs.stage(bytes))
  await store.commit.run('test', () => artifacts.forEach((one) => one.staged.attach()))
  return Object.fromEntries(
    artifacts.map(({ name, content_type, sha256: digest, staged: { blob, size } }) => {
      const bytes = Buffer.concat([...store.blobs.read(blob)])
      expect([size, digest]).toEqual([bytes.length, sha256(bytes)])
      return [name, [content_type, bytes.toString()]]
    }),
  )
}

describe('what a run leaves', () => {
  test('is its answer, its stream as it came, and its text', async () => {
    const response = Buffer.from('{"model":"m","done":true}')
    expect(await staged({ response, lines: lines('{"a":1}', '{"b":2}'), text: 'hello ü' })).toEqual({
      'response.json': ['application/json', '{"model":"m","done":true}'],
      'stream.ndjson': ['application/x-ndjson', '{"a":1}\n{"b":2}\n'],
      'output.txt': ['text/plain; charset=utf-8', 'hello ü'],
    })
  })

  test('of /v1 has no stream, of an embedding no text', async () => {
    expect(Object.keys(await staged({ response: Buffer.from('{}'), text: 'x' }))).toEqual([
      'response.json',
      'output.txt',
    ])
    expect(Object.keys(await staged({ response: Buffer.from('{}'), lines: lines('{}') }))).toEqual([
      'response.json',
      'stream.ndjson',
    ])
  })

  test.each([
    ['asked for and it parses', true, '{"a":[1]}', 'output.json', 'application/json'],
    ['asked for and it is cut off', true, '{"a":[1', 'output.txt', 'text/plain; charset=utf-8'],
    ['not asked for though it parses', false, '{"a":[1]}', 'output.txt', 'text/plain; charset=utf-8'],
  ])('JSON that was %s', async (_, jsonAsked, text, name, type) => {
    const { 'response.json': _response, ...rest } = await staged({ response: Buffer.from('{}'), jsonAsked, text })
    expect(rest).toEqual({ [name]: [type, text] })
  })

  test('has its images, each under its name and type', async () => {
    const images = [
      { name: 'image-1.png', contentType: 'image/png', bytes: Buffer.from('one') },
      { name: 'image-2.webp', contentType: 'image/webp', bytes: Buffer.from('two') },
    ]
    expect(await staged({ response: Buffer.from('{}'), images })).toMatchObject({
      'image-1.png': ['image/png', 'one'],
      'image-2.webp': ['image/webp', 'two'],
    })
  })

  test('when it failed is only what had arrived of the stream', async () => {
    expect(await staged({ lines: lines('{"a":1}'), text: 'half', images: [] })).toEqual({
      'stream.ndjson': ['application/x-ndjson', '{"a":1}\n'],
    })
    expect(await staged({})).toEqual({})
  })

  test('of several MiB has the right digest too', async () => {
    const long = randomBytes(3 << 20).toString('hex')
    const all = await staged({ response: Buffer.from(JSON.stringify(long)), lines: lines(long, long), text: long })
    expect(Object.keys(all)).toEqual(['response.json', 'stream.ndjson', 'output.txt'])
  })
})

test('a stream of very many lines is digested without holding the others up for long', async () => {
  const many = Array.from({ length: 300_000 }, () => Buffer.alloc(40, 'x'))
  let turns = 0
  let over = false
  const count = () => {
    turns++
    if (!over) setImmediate(count)
  }
  const stage = async (bytes: readonly Buffer[]) => {
    over = true
    return { blob: 1, size: bytes.length, attach: () => {}, discard: () => {} }
  }
  setImmediate(count)
  const [stream] = await stageResults(results({ lines: many }), stage)
  expect(stream?.sha256).toBe(sha256(`${'x'.repeat(40)}\n`.repeat(many.length)))
  expect(turns).toBeGreaterThan(4)
})

test('when one cannot be staged the others are let go: nothing is left behind', async () => {
  const folder = temporaryFolder()
  const store = openStore({ folder })
  let n = 0
  const stage = async (bytes: Buffer[]): Promise<StagedBlob> => {
    n += 1
    if (n === 3) throw new Error('disk is full')
    return store.blobs.stage(bytes)
  }
  const large = Buffer.alloc(2 << 20, '1')
  const given = results({ response: large, lines: [large], text: 'x' })
  await expect(stageResults(given, stage)).rejects.toThrow('disk is full')
  await store.blobs.sweep()
  const disk = look(folder)
  expect([n, rows(disk, 'chunk'), rows(disk, 'loose')]).toEqual([3, 0, 0])
  expect(store.blobs).toBeInstanceOf(Blobs)
})
