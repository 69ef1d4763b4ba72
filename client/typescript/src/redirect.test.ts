// Answers that lead elsewhere, against servers that redirect, and what a browser makes of them.

import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Caller } from './cli/caller.ts'
import { Foreman } from './index.ts'

const request = { endpoint: '/api/chat' as const, body: { model: 'm', messages: [] } }
let servers: Server[]
/** What reached where it leads. */
let followed: string[]
let asked: number

beforeEach(() => {
  servers = []
  followed = []
  asked = 0
})

afterEach(() => {
  for (const server of servers) server.closeAllConnections()
  for (const server of servers) server.close()
})

async function listening(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A server that leads all to another, which has a list of jobs for whoever comes. */
async function leading(status: number, location: (path: string, other: string) => string | undefined) {
  const other = await listening((one, answer) => {
    followed.push(`${one.method} ${one.url}`)
    answer.writeHead(200, { 'content-type': 'application/json' }).end('{"data":[],"next_cursor":null}')
  })
  const url = await listening((one, answer) => {
    asked++
    const to = location(one.url ?? '', other)
    answer.writeHead(status, { 'content-type': 'application/json', ...(to && { location: to }) }).end('{}')
  })
  return { url, other }
}

test.each([301, 302, 303, 307, 308])(
  'a redirect by %i is an error at once, which says where it leads',
  async (status) => {
    const { url, other } = await leading(status, (path, to) => `${to}/behind${path}`)
    const message = `HTTP ${status}, a redirect: the url to set is ${other}/behind`
    const told = { code: 'unreachable', status, message }
    const foreman = new Foreman({ url: `${url}/` })
    await expect(foreman.jobs.submit({ request })).rejects.toMatchObject(told)
    await expect(foreman.chat(request.body)).rejects.toMatchObject(told)
    await expect(foreman.jobs.get({ id: 'job_1' })).rejects.toMatchObject(told)
    await expect(foreman.jobs.retry({ id: 'job_1' })).rejects.toMatchObject(told)
    await expect(foreman.jobs.events('job_1').next()).rejects.toMatchObject(told)
    await expect(foreman.jobs.artifact('job_1', 'output.txt')).rejects.toMatchObject(told)
    await expect(new Caller({ url }).ask('/api/pull', { method: 'POST' })).rejects.toMatchObject(told)
    expect({ asked, followed }).toEqual({ asked: 7, followed: [] })
  },
)

test.each([
  ['to another page', () => '/sign-in?for=foreman', (url: string) => ` to ${url}/sign-in?for=foreman`],
  ['to nowhere', () => undefined, () => ''],
  ['to what is no address', () => 'http://[', () => ''],
])('a redirect %s says that it is one', async (_, location, to) => {
  const { url } = await leading(302, location)
  const message = `HTTP 302, a redirect${to(url)}: the url to set is that of foreman itself`
  await expect(new Foreman({ url }).jobs.submit({ request })).rejects.toMatchObject({ message })
})

test('a redirect of which a browser shows nothing is an error at once all the same', async () => {
  const fetch = async () => Object.defineProperties(Response.error(), { type: { value: 'opaqueredirect' } })
  const foreman = new Foreman({ url: 'http://127.0.0.1', fetch })
  const told = { code: 'unreachable', status: 0, message: 'a redirect: the url to set is that of foreman itself' }
  await expect(foreman.jobs.submit({ request })).rejects.toMatchObject(told)
  await expect(foreman.jobs.get({ id: 'job_1' })).rejects.toMatchObject(told)
})
