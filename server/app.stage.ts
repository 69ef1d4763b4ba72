// For tests of the whole: what stands around foreman and is taken down after each test. The target (simulated, or
// played by the test), the folder, and time. No part of the running foreman.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { connect, createServer as createListener, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { systemClock, type Clock, type VirtualClock } from './clock.ts'
import { startFake, type Fake, type FakeOptions } from './ollama/fake/fake.ts'

const open: (() => Promise<unknown>)[] = []

/** Has something closed after the test; what was opened last goes first. */
export function afterwards(close: () => Promise<unknown>): void {
  open.push(close)
}

afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close()
})

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'foreman-test-'))
  open.push(async () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A simulated Ollama that is closed after the test. */
export async function openFake(options: FakeOptions = {}): Promise<Fake> {
  const models = ['alpha', 'beta', 'gamma', { name: 'embedder', capabilities: ['embedding' as const] }]
  const fake = await startFake({ models, ...options })
  open.push(() => fake.close())
  return fake
}

/** One request for work at a target played by a test. */
export interface Work {
  path: string
  body: Buffer
  answer: ServerResponse
}

/**
 * A target that only has one model, `alpha`, and answers work with exactly the bytes a test chooses. `hears`, asked at
 * each probe, says whether that is answered. Resolves to its URL.
 */
export async function openTarget(work: (work: Work) => void, hears = () => true): Promise<string> {
  const known: Record<string, object> = {
    '/api/version': { version: '0.33.0' },
    '/api/tags': { models: [{ name: 'alpha:latest', digest: 'a'.repeat(64), size: 1 }] },
    '/api/ps': { models: [] },
    '/api/show': { modelfile: '', parameters: '' },
  }
  const server = createServer((request, answer) => {
    const parts: Buffer[] = []
    const path = request.url ?? ''
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const body = Buffer.concat(parts)
      if (path === '/api/version' && !hears()) return
      if (known[path]) return void answer.end(JSON.stringify(known[path]))
      // Requests that only load a model have nothing to answer.
      if (body.length < 200 && /^{"model":"alpha:latest",("stream":false|"input":"")}$/.test(body.toString()))
        return void answer.end('{"model":"alpha","done":true,"done_reason":"load","embeddings":[]}')
      work({ path, body, answer })
    })
  })
  await listening(server)
  open.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      }),
  )
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Some turns of the event loop: enough for what is on the loopback to arrive. */
export async function turns(count = 50): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Resolves when `holds` does, looked at each turn of the event loop. */
export async function eventually(holds: () => unknown): Promise<void> {
  while (!(await holds())) await turns(1)
}

/**
 * Lets time pass on a virtual clock, in steps; what the network had under way at a step has arrived before the next one,
 * however busy the machine is.
 */
export async function pass(clock: VirtualClock, ms: number, step = 1000): Promise<void> {
  const echo = await listening(createListener((socket) => socket.pipe(socket)))
  for (let left = ms; left > 0; left -= step) {
    clock.advance(Math.min(step, left))
    await turns(10)
    // What takes as many trips as a probe does, and began later, ends later.
    for (let i = 0; i < 3; i++) await roundTrip(echo)
    await turns(10)
  }
  echo.close()
}

const haste = 10

/**
 * For a foreman whose patience is longer than a test's: its monotonic time is ten times as fast as the target's. A load of a tiny
 * model then takes it three seconds, and a minute of silence is over in six.
 */
export const hastyClock: Clock = {
  now: () => systemClock.now() * haste,
  wall: () => systemClock.wall(),
  at: (time, fn) => systemClock.at(time / haste, fn),
}

async function roundTrip(echo: Server): Promise<void> {
  const socket = connect((echo.address() as AddressInfo).port, '127.0.0.1')
  socket.write('?')
  await once(socket, 'data')
  socket.destroy()
}

async function listening<T extends Server>(server: T): Promise<T> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}
