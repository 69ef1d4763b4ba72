// The least that an own route could cost: Fastify alone, answering the same bytes every time.

import Fastify from 'fastify'
import type { AddressInfo } from 'node:net'
import { ready } from './answers.ts'

const body = `{"text":"${'.'.repeat(Number(process.argv[2]) - 11)}"}`
const app = Fastify()
app.get('/constant', (_request, reply) => reply.type('application/json; charset=utf-8').send(body))
await app.listen({ port: 0, host: '127.0.0.1' })
ready((app.server.address() as AddressInfo).port)
