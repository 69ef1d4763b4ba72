// The API documents held to the daemon: every route of foreman's own that is registered stands in them and nothing else
// does, and emitting them gives the same bytes each time, whatever happened in between.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startApp, type App } from '../server/app.ts'
import { loadConfig } from '../server/config.ts'
import { openApiDocument } from '../server/http/openapi.ts'
import { isOwn } from '../server/http/own.ts'
import { startFake, type Fake } from '../server/ollama/fake/fake.ts'

const root = join(import.meta.dirname, '..')
const release = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version
const documents = [
  ['3.1.1', 'openapi.json'],
  ['3.0.3', 'openapi-3.0.json'],
] as const
const committed = (file: string) => readFileSync(join(root, 'openapi', file), 'utf8')
const emitted = (version: '3.1.1' | '3.0.3') => `${JSON.stringify(openApiDocument(version, release), null, 2)}\n`

/** What is registered, as `GET /jobs/{id}`. */
const registered: string[] = []
let folder: string
let fake: Fake
let app: App

function listen(message: unknown): void {
  const { fastify } = message as { fastify: FastifyInstance }
  fastify.addHook('onRoute', ({ method, url }) => {
    const methods = [method].flat()
    // Where no route is, all other methods lead to 404 or 405; the same procedures over tRPC are no part of the documents.
    if (!isOwn(url) || methods.length > 10 || url.startsWith('/trpc')) return
    const path = url.replaceAll(/:(\w+)/g, '{$1}')
    registered.push(...methods.filter((name) => name !== 'HEAD').map((name) => `${name} ${path}`))
  })
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'foreman-openapi-'))
  fake = await startFake()
  const env = { FOREMAN_TARGET: fake.url, FOREMAN_LISTEN: '127.0.0.1:0', FOREMAN_DATA: folder }
  const config = loadConfig(env, (path) => readFileSync(path, 'utf8'))
  subscribe('fastify.initialization', listen)
  app = await startApp({ config, log: pino({ level: 'silent' }), owner: process.pid })
  unsubscribe('fastify.initialization', listen)
})

afterAll(async () => {
  await app?.close()
  await fake?.close()
  rmSync(folder, { recursive: true, force: true })
})

describe.each(documents)('the document %s', (version, file) => {
  test('names every own route that is registered, and no other', () => {
    const { paths } = JSON.parse(committed(file)) as { paths: Record<string, Record<string, unknown>> }
    const told = Object.entries(paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(registered.length).toBeGreaterThan(10)
    expect(told.toSorted()).toEqual(registered.toSorted())
  })

  test('is emitted with the same bytes again, before and after requests over both roads', async () => {
    const text = committed(file)
    expect(emitted(version)).toBe(text)
    for (const path of ['/jobs?limit=1', '/queue', '/trpc/jobs.list?input=%7B%7D', '/trpc/queue.get?input=%7B%7D']) {
      expect((await fetch(`${app.url}${path}`)).status, path).toBe(200)
    }
    expect(emitted(version)).toBe(text)
  })

  test('is served as it is committed', async () => {
    expect(await (await fetch(`${app.url}/${file}`)).text()).toBe(committed(file))
  })
})
