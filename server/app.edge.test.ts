// An Ollama behind an edge such as Traefik, which answers 404 in its place while it is away: it restarts, or is unhealthy.
// That is an absence like another, and no job fails by it.
import { createServer, request as ask } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { chat, openForeman } from './app.harness.ts'
import { afterwards, eventually, openFake, pass } from './app.stage.ts'
import { VirtualClock } from './clock.ts'

/** An edge before a server, and whether that is behind it. */
async function openEdge(behind: string) {
  const edge = { url: '', away: false }
  const server = createServer((request, answer) => {
    if (edge.away) return void request.resume().on('end', () => answer.writeHead(404).end('404 page not found\n'))
    const { method, headers, url = '' } = request
    const onward = ask(behind + url, { method, headers }, (reply) => {
      answer.writeHead(reply.statusCode!, reply.headers)
      reply.pipe(answer)
    })
    request.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  afterwards(async () => {
    server.closeAllConnections()
    server.close()
  })
  edge.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return edge
}

test.each([
  ['is loaded', 'alpha'],
  ['has to be loaded', 'beta'],
])('a job whose model %s waits while an edge answers 404 in the place of its Ollama', async (_, model) => {
  const clock = new VirtualClock()
  const fake = await openFake()
  const edge = await openEdge(fake.url)
  const foreman = await openForeman({ clock, fake, settings: { TARGET: edge.url } })
  await foreman.ended((await foreman.submit(chat('alpha'))).id)
  edge.away = true
  const { id } = await foreman.submit(chat(model))
  let job = await foreman.job(id)
  await eventually(async () => (job = await foreman.job(id)).reason === 'target_down' || job.state === 'failed')
  expect(job).toMatchObject({ state: 'queued', reason: 'target_down' })
  edge.away = false
  const ended = foreman.ended(id)
  await pass(clock, 20_000)
  expect(await ended).toMatchObject({ state: 'done', attempt: 1 })
})

test('a route that an Ollama has not is still no absence of it', async () => {
  const fake = await openFake()
  const edge = await openEdge(fake.url)
  const foreman = await openForeman({ fake, settings: { TARGET: edge.url } })
  fake.fault({ do: 'html', status: 404, text: '404 page not found' })
  const { state, error } = await foreman.ended((await foreman.submit(chat('alpha'))).id)
  expect({ state, code: error?.code }).toEqual({ state: 'failed', code: 'target_refused' })
})
