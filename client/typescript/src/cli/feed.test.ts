// What is missed of the events of all jobs when their connection is cut: nothing.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { Caller } from './caller.ts'
import { feedOf } from './feed.ts'
import type { Session } from './session.ts'

let server: Server

afterEach(() => {
  server.closeAllConnections()
  server.close()
})

/** What a reader gets of connections that each answer with that and are cut, and after which id each was asked for. */
async function read(answers: string[]): Promise<{ states: string[]; after: (string | undefined)[] }> {
  const after: (string | undefined)[] = []
  server = createServer((request, response) => {
    after.push(request.headers['last-event-id'] as string | undefined)
    response.write(answers[after.length - 1] ?? '', () => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const caller = new Caller({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  const session = { caller, signal: new AbortController().signal } as Session
  const states: string[] = []
  for await (const { state } of feedOf(session, async () => undefined)) {
    states.push(state)
    if (state === 'done') break
  }
  return { states, after }
}

const state = (id: number, state: string) => `id: ${id}\nevent: state\ndata: {"state":"${state}"}\n\n`

test('a connection that is cut before anything happened is taken up where it began', async () => {
  const { states, after } = await read(['retry: 2000\n\nid: 7\n\n', state(8, 'queued') + state(9, 'done')])
  expect(after).toEqual([undefined, '7'])
  expect(states).toEqual(['queued', 'done'])
})

test('an event that was cut in two is told once', async () => {
  const half = state(9, 'working').slice(0, -1)
  const { states, after } = await read([
    `id: 7\n\n${state(8, 'queued')}${half}`,
    state(9, 'working') + state(10, 'done'),
  ])
  expect(after).toEqual([undefined, '8'])
  expect(states).toEqual(['queued', 'working', 'done'])
})
