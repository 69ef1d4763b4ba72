import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { Body, largestBody, Memory, Upload } from './body.ts'

const MB = 1 << 20
const request = () => new PassThrough() as unknown as IncomingMessage

function bodyOf(memory: Memory, megabytes: number): Body {
  const body = new Body(memory)
  for (let i = 0; i < megabytes; i++) body.add(Buffer.alloc(MB))
  return body
}

test('what an upload starts with counts until it is handed on, piece by piece', () => {
  const memory = new Memory()
  const upload = new Upload(request(), bodyOf(memory, 8))
  expect(memory.held).toBe(8 * MB)
  expect(upload.read()).toHaveLength(MB)
  expect(memory.held).toBeGreaterThanOrEqual(5 * MB)
  while (upload.read());
  expect(memory.held).toBe(0)
})

test('an upload that nobody wants any more gives its room back, once', () => {
  const memory = new Memory()
  const body = bodyOf(memory, 4)
  const upload = new Upload(request(), body)
  upload.destroy()
  body.drop()
  expect(memory.held).toBe(0)
})

test('the piece that found no room is handed on as well, and does not count', () => {
  const memory = new Memory()
  const body = bodyOf(memory, largestBody / MB)
  expect(body.add(Buffer.alloc(MB))).toBe(false)
  expect(memory.held).toBe(largestBody)
  for (let i = 0; i <= largestBody / MB; i++) expect(body.shift()).toHaveLength(MB)
  expect([body.shift(), memory.held]).toEqual([undefined, 0])
})

test('there is no more room in all than there is', () => {
  const memory = new Memory(2 * MB)
  const [one, other] = [new Body(memory), new Body(memory)]
  expect([one.add(Buffer.alloc(2 * MB)), other.add(Buffer.alloc(1))]).toEqual([true, false])
  one.drop()
  expect(other.add(Buffer.alloc(1))).toBe(true)
})
