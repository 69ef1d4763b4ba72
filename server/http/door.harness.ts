// For tests: a whole server in front of a target played by hand. No part of the running foreman.
import { afterEach } from 'vitest'
import { systemClock } from '../clock.ts'
import { Scenery } from '../people/people.harness.ts'
import { People } from '../people/people.ts'
import { Exchange, Line } from './byhand.ts'
import { buildServer, type Server, type ServerOptions } from './server.ts'
import type { Served } from './way.ts'

export interface Door {
  url: string
  server: Server
  target: Exchange
  people: People
  served: Served[]
  /** A new client connection. */
  client(options?: { allowHalfOpen?: boolean }): Promise<Line>
}

/** A lane in which nobody is held for another's sake or for an absent target. */
function openPeople(): People {
  const slowestLoad = () => 0
  return new People({ clock: systemClock, target: new Scenery(), patience: null, absentHold: 0, slowestLoad })
}

const open: (() => Promise<unknown>)[] = []

/** Opens a server before a target played by hand; both are closed after the test. */
export async function openDoor(options: Partial<ServerOptions> & { prefix?: string } = {}): Promise<Door> {
  const target = await new Exchange().open()
  const served: Served[] = []
  const people = options.people ?? openPeople()
  const server = await buildServer({
    tokens: [],
    targetUrl: target.url + (options.prefix ?? ''),
    hosts: [],
    corsOrigins: [],
    routes: () => {},
    ...options,
    people,
    onServed: (one) => served.push(one),
  })
  const url = await server.listen({ host: '127.0.0.1', port: 0 })
  open.push(async () => {
    await server.close(0)
    await target.close()
  })
  return { url, server, target, people, served, client: (half) => Line.to(url, half) }
}

afterEach(async () => {
  for (const close of open.splice(0)) await close()
})
