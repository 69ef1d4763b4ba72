import { describe, expect, it } from 'vitest'
import { chunksOf, taken } from './byhand.ts'
import { openDoor } from './door.harness.ts'

const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n'
const pieces = ['{"n":0}\n', '{"n":1}\n', '{"n":2}\n']
const framed = pieces.map((piece) => `8\r\n${piece}\r\n`).join('')

describe('pieces of an answer that arrive in one read', () => {
  it.each([
    ['after the head', [head, `${framed}0\r\n\r\n`]],
    ['with the head', [`${head}${framed}`, '0\r\n\r\n']],
    ['with the head and the end', [`${head}${framed}0\r\n\r\n`]],
  ])('stay chunks of their own: %s', async (_, sends) => {
    const door = await openDoor()
    const client = await door.client()
    client.send('GET /api/tags HTTP/1.1\r\nHost: localhost\r\n\r\n')
    const target = await door.target.next()
    await target.until('\r\n\r\n')
    for (const send of sends) {
      target.send(send)
      await client.until('\r\n\r\n')
    }
    await client.until('\r\n0\r\n\r\n')
    const chunks = pieces.map((piece) => Buffer.from(piece))
    expect(chunksOf(taken(client.bytes).body)).toEqual({ chunks, ended: true })
  })
})
