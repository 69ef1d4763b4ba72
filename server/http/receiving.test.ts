// Bodies of own routes while they arrive: all together have a bound, and each has to go on arriving.
import { expect, test } from 'vitest'
import type { Line } from './byhand.ts'
import { openDoor, type Door } from './door.harness.ts'
import { mountRest } from './rest.ts'

// Nothing here comes as far as a procedure.
const door = (idleMs?: number) =>
  openDoor({
    routes: (app) => void app.register(async (scope) => mountRest(scope, { api: {} as never, bodyMax: 1000, idleMs })),
  })

async function half({ client }: Door): Promise<Line> {
  const line = await client()
  line.send('POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n')
  line.send(`{"x":"${'x'.repeat(894)}`)
  return line
}

test('one more than there is room for is answered 503 with Retry-After, and room that is free again is given', async () => {
  const opened = await door()
  const lines = [await half(opened), await half(opened), await half(opened), await half(opened), await half(opened)]
  const refused = await Promise.race(lines.map((line) => line.until(/queue_full/)))
  expect(refused).toMatch(/^HTTP\/1\.1 503 /)
  expect(refused).toMatch(/retry-after: 5/i)
  for (const line of lines) line.socket.destroy()
  await Promise.all(lines.map((line) => line.closed()))
  const later = await half(opened)
  later.send(`${'y'.repeat(98)}"}`)
  expect(await later.until(/urn:foreman/)).toMatch(/^HTTP\/1\.1 422 /)
})

test('one of which nothing more comes is answered 408 and its connection closed', async () => {
  const line = await half(await door(50))
  expect(await line.until(/nothing came/)).toMatch(/^HTTP\/1\.1 408 /)
  await line.closed()
})
