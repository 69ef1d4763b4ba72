// For tests of the guard: a name server on this machine that says something else each time it is asked, a look-up that
// asks it, and listeners that note who came. No part of the running foreman.

import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { isIPv6, type AddressInfo, type LookupFunction, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** For each name the addresses of its first look-up, its second and so on; the last of these stays. */
export type Zone = Record<string, string[][]>

export interface Names {
  lookup: LookupFunction
  /** The names that were asked for, once for each look-up. */
  asked: string[]
}

const [typeA, typeAAAA] = [1, 28]

/** A name server over UDP whose answers nobody may keep, and a look-up of both families there. */
export async function openNames(zone: Zone): Promise<Names> {
  const socket = createSocket('udp4')
  const asked: string[] = []
  socket.on('message', (query, from) => {
    const { name, type, end } = questionOf(query)
    if (type === typeA) asked.push(name)
    // Both families are asked for in one look-up, A first.
    const times = asked.filter((one) => one === name).length
    const found = zone[name]?.at(Math.min(times, zone[name].length) - 1) ?? []
    const addresses = found.filter((address) => isIPv6(address) === (type === typeAAAA))
    socket.send(answer(query.subarray(0, end), addresses), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  onTestFinished(() => void socket.close())
  const resolver = new Resolver()
  resolver.setServers([`127.0.0.1:${socket.address().port}`])
  const none = (): string[] => []
  const lookup: LookupFunction = async (hostname, _options, done) => {
    const v4 = await resolver.resolve4(hostname).catch(none)
    const v6 = await resolver.resolve6(hostname).catch(none)
    done(
      null,
      [...v4, ...v6].map((address) => ({ address, family: isIPv6(address) ? 6 : 4 })),
    )
  }
  return { lookup, asked }
}

function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.'), type: query.readUInt16BE(at + 1), end: at + 5 }
}

/** The question again, and a record for each address with a time to live of nothing. */
function answer(question: Buffer, addresses: string[]): Buffer {
  const head = Buffer.from(question)
  head.writeUInt16BE(0x8180, 2)
  head.writeUInt16BE(addresses.length, 6)
  head.writeUInt32BE(0, 8)
  const records = addresses.map((address) => {
    const data = isIPv6(address) ? bytesOf(address) : Buffer.from(address.split('.').map(Number))
    // The name is where the question has it, the class is Internet.
    const record = Buffer.from([0xc0, 12, 0, data.length === 4 ? typeA : typeAAAA, 0, 1, 0, 0, 0, 0, 0, data.length])
    return Buffer.concat([record, data])
  })
  return Buffer.concat([head, ...records])
}

/** An IPv6 address as its sixteen bytes. */
function bytesOf(address: string): Buffer {
  const [head = [], tail = []] = address.split('::').map((half) => half.split(':').filter(Boolean))
  const zeros = Array<string>(8 - head.length - tail.length).fill('0')
  return Buffer.from([...head, ...zeros, ...tail].map((group) => group.padStart(4, '0')).join(''), 'hex')
}

export interface Listener {
  port: number
  /** The address that each connection was made to. */
  connections: string[]
  /** The Host of each request. */
  hosts: (string | undefined)[]
  /** Ends the connections that are kept, and resolves when they are gone. */
  hangUp: () => Promise<void>
}

/** An HTTP server at one address of this machine, that answers 204 unless told otherwise. */
export async function listen(address: string, port = 0, handle: RequestListener = noContent): Promise<Listener> {
  const connections: string[] = []
  const hosts: (string | undefined)[] = []
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    hosts.push(request.headers.host)
    handle(request, response)
  })
  server.on('connection', (socket: Socket) => {
    connections.push(socket.localAddress ?? '')
    sockets.add(socket)
  })
  server.listen(port, address)
  await once(server, 'listening')
  const hangUp = async () => {
    const closed = [...sockets].filter((socket) => !socket.closed).map((socket) => once(socket, 'close'))
    server.closeAllConnections()
    await Promise.all(closed)
  }
  onTestFinished(async () => {
    await hangUp()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, connections, hosts, hangUp }
}

const noContent: RequestListener = (_request, response) => void response.writeHead(204).end()
