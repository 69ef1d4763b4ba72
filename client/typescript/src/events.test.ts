// What is missed of events when their connection is cut, which is nothing, and what is none.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { Foreman, type QueueEvent } from './index.ts'

let server: Server

afterEach(() => {
  server.closeAllConnections()
  server.close()
})

/** A client of a server that answers with these one after the other, each of which is cut, and after which id each was asked for. */
async function answering(answers: string[], type = 'text/event-stream') {
  const after: (string | undefined)[] = []
  server = createServer((request, response) => {
    after.push(request.headers['last-event-id'] as string | undefined)
    response.setHeader('content-type', type)
    response.write(answers[after.length - 1] ?? '', () => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { foreman: new Foreman({ url }), url, after }
}

async function read(
  answers: string[],
): Promise<{ states: string[]; after: (string | undefined)[]; all: QueueEvent[] }> {
  const { foreman, after } = await answering(answers)
  const all: QueueEvent[] = []
  const states: string[] = []
  for await (const event of foreman.queue.events()) {
    all.push(event)
    if (event.event !== 'state') continue
    states.push(event.job.state)
    if (event.job.state === 'done') break
  }
  return { states, after, all }
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

test('they begin once, and tell of what was erased meanwhile', async () => {
  const { all } = await read([
    `retry: 2000\n\nid: 7\n\n:\n\n${state(8, 'queued')}`,
    `id: 8\n\nid: 20\nevent: reset\ndata: {}\n\n${state(21, 'done')}`,
  ])
  expect(all).toEqual([
    { event: 'begin', id: '7' },
    { event: 'state', id: '8', job: { state: 'queued' } },
    { event: 'reset', id: '20' },
    { event: 'state', id: '21', job: { state: 'done' } },
  ])
})

test.each([
  ['a page', '<html>sign in</html>', 'text/html', 'no events, but text/html'],
  ['no JSON', 'id: 1-0\nevent: state\ndata: {"id\n\n', 'text/event-stream', "not a line of foreman's"],
])('%s in place of an event ends them at once', async (_, answer, type, message) => {
  const { foreman, after } = await answering([answer, answer], type)
  await expect(foreman.jobs.events('job_1').next()).rejects.toMatchObject({ code: 'unreachable', message })
  const all = foreman.queue.events()
  await expect(all.next()).rejects.toMatchObject({ code: 'unreachable', message })
  expect(after).toHaveLength(2)
})

test('connections that end before there is anything on them are taken up again for as long as there is patience', async () => {
  const { foreman, after, url } = await answering([
    '',
    '',
    'retry: 2000\n\n',
    'id: 1-0\nevent: end\ndata: {"state":"done"}\n\n',
  ])
  const events = []
  for await (const event of foreman.jobs.events('job_1')) events.push(event)
  expect(events).toEqual([{ event: 'end', id: '1-0', state: 'done' }])
  expect(after).toHaveLength(4)
  const impatient = new Foreman({ url, unreachable_ms: 0 })
  const message = 'the events break off before there are any'
  await expect(impatient.jobs.events('job_1').next()).rejects.toMatchObject({ code: 'unreachable', message })
  await expect(impatient.queue.events().next()).rejects.toMatchObject({ code: 'unreachable', message })
  expect(after).toHaveLength(6)
})
