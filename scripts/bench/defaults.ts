// What most would write: Fastify with @fastify/http-proxy before the target, everything else as it comes.

import httpProxy from '@fastify/http-proxy'
import Fastify from 'fastify'
import type { AddressInfo } from 'node:net'
import { ready } from './answers.ts'

const app = Fastify()
await app.register(httpProxy, { upstream: process.argv[2] as string })
await app.listen({ port: 0, host: '127.0.0.1' })
ready((app.server.address() as AddressInfo).port)
