import { afterEach, expect, test } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { affinityKey, type RunnerOptions } from '../job/affinity.ts'
import { Names } from './names.ts'
import { plain, replay, type Replay, type Route } from './recordings/replay.ts'
import { Wire } from './wire.ts'

const open: Replay[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
})

const a = 'a'.repeat(64)
const b = 'b'.repeat(64)
const c = 'c'.repeat(64)

interface Shown {
  digest: string
  modelfile?: string
  parameters?: string
  remote_host?: string
}

const from = (hash: string, more = '') =>
  `# FROM other:latest\n\nFROM /models/blobs/sha256-${hash}\n${more}TEMPLATE x\n`
const key = (model: string, options: RunnerOptions = {}) => affinityKey(model, options)

/** Names over a target with these models; what it has can be changed. */
async function named(models: Record<string, Shown>) {
  const show: Route = (socket, request) => {
    const { model } = JSON.parse(request.body) as { model: string }
    const { modelfile, parameters } = models[model] ?? {}
    if (modelfile === 'cut') return void socket.destroy()
    const route =
      modelfile === undefined ? plain(500, '{"error":"x"}') : plain(200, JSON.stringify({ modelfile, parameters }))
    if (typeof route === 'function') route(socket, request)
  }
  const tags: Route = (socket, request) => {
    const listed = Object.entries(models).map(([name, { digest, remote_host }]) => ({
      name,
      digest,
      size: 5,
      remote_host,
    }))
    const route = plain(200, JSON.stringify({ models: listed }))
    if (typeof route === 'function') route(socket, request)
  }
  const server = await replay({ 'GET /api/tags': tags, 'POST /api/show': show })
  open.push(server)
  let changes = 0
  const names = new Names({
    clock: new VirtualClock(),
    wire: new Wire({ url: server.url, clock: new VirtualClock() }),
    onChange: () => void changes++,
  })
  return { names, server, models, changes: () => changes }
}

const shows = (server: Replay) => server.received.filter(({ path }) => path === '/api/show').length

test('copies and models made FROM another share a runner, models of other weights don’t', async () => {
  const { names } = await named({
    'llama3:latest': { digest: '1', modelfile: from(a) },
    'copy:latest': { digest: '1', modelfile: from(a) },
    'poet:v2': { digest: '2', modelfile: from(a, 'SYSTEM You are a poet\n') },
    'other:latest': { digest: '3', modelfile: from(b) },
    'tuned:latest': { digest: '4', modelfile: `${from(a)}ADAPTER /models/blobs/sha256-${c}\n` },
  })
  await names.refresh()
  const runner = names.runner(key('LLAMA3'))
  expect(runner).toBe(`sha256-${a}`)
  for (const same of ['copy', 'poet:v2', 'registry.ollama.ai/library/llama3:latest']) {
    expect(names.runner(key(same))).toBe(runner)
  }
  for (const other of ['other', 'tuned']) expect(names.runner(key(other))).not.toBe(runner)
  expect(names.runner(key('tuned'))).toBe(`sha256-${a}+sha256-${c}`)
})

test('the parameters of the Modelfile count as if the request had set them, and the request wins', async () => {
  const parameters =
    'num_ctx                        2048\nstop                           "num_batch 9"\nnum_gpu                        -1'
  const { names } = await named({
    'plain:latest': { digest: '1', modelfile: from(a) },
    'fixed:latest': { digest: '2', modelfile: from(a), parameters },
    'mapped:latest': { digest: '3', modelfile: from(a), parameters: 'use_mmap true\nnum_thread 4' },
  })
  await names.refresh()
  expect(names.runner(key('fixed'))).toBe(names.runner(key('plain', { num_ctx: 2048 })))
  expect(names.runner(key('fixed', { num_ctx: 4096 }))).toBe(names.runner(key('plain', { num_ctx: 4096 })))
  expect(names.runner(key('fixed', { shift: false }))).toBe(`sha256-${a} num_ctx=2048 shift=false`)
  expect(names.runner(key('mapped'))).toBe(names.runner(key('plain', { num_thread: 4, use_mmap: true })))
  expect(names.runner(key('plain', { use_mmap: false }))).not.toBe(names.runner(key('mapped')))
})

test('what the target has not told falls back to the manifest’s digest, then to the key', async () => {
  const { names, models } = await named({
    'odd:latest': { digest: '1', modelfile: 'FROM somewhere\n' },
    'odd-copy:latest': { digest: '1', modelfile: 'FROM somewhere\n' },
    'cut:latest': { digest: '3', modelfile: 'cut' },
    'secret:latest': { digest: '2' },
    'last:latest': { digest: '4', modelfile: from(a) },
  })
  expect(names.runner(key('odd', { num_ctx: 8 }))).toBe('odd:latest num_ctx=8')
  await names.refresh()
  expect(names.runner(key('odd', { num_ctx: 8 }))).toBe('1 num_ctx=8')
  expect(names.runner(key('odd-copy'))).toBe(names.runner(key('odd')))
  expect(names.runner(key('secret'))).toBe('2')
  expect(names.runner(key('cut'))).toBe('3')
  expect(names.runner(key('last'))).toBe(`sha256-${a}`)
  expect(names.runner(key('unknown', { shift: false }))).toBe('unknown:latest shift=false')
  models['secret:latest'] = { digest: '2', modelfile: from(b) }
  await names.refresh()
  expect(names.runner(key('secret'))).toBe(`sha256-${b}`)
})

test('each digest is asked for once, and a change of names is told', async () => {
  const { names, server, models, changes } = await named({
    'llama3:latest': { digest: '1', modelfile: from(a) },
    'copy:latest': { digest: '1', modelfile: from(a) },
  })
  await Promise.all([names.refresh(), names.refresh()])
  await names.refresh()
  expect(shows(server)).toBe(1)
  expect(changes()).toBe(2)
  // Pulled again, and gone.
  models['llama3:latest'] = { digest: '9', modelfile: from(b) }
  delete models['copy:latest']
  await names.refresh()
  expect(shows(server)).toBe(2)
  expect(changes()).toBe(4)
  expect(names.runner(key('llama3'))).toBe(`sha256-${b}`)
  expect(names.runner(key('copy'))).toBe('copy:latest')
  // What was loaded by the old name is still known by its weights.
  expect(names.weightsOf({ name: 'llama3:latest', digest: '1' })).toBe(`sha256-${a}`)
})

test('cloud models and stubs of a remote host have no runner here and are never shown', async () => {
  const { names, server } = await named({
    'gpt-oss:20b-cloud': { digest: '1' },
    'stub:latest': { digest: '2', remote_host: 'https://ollama.com:443' },
  })
  await names.refresh()
  expect(shows(server)).toBe(0)
  for (const model of ['gpt-oss:20b-cloud', 'gpt-oss:120b:cloud', 'stub']) expect(names.cloud(model)).toBe(true)
  expect(names.cloud('llama3')).toBe(false)
  expect(names.runner(key('stub'))).toBe('stub:latest')
})

test('a recorded target is read as it is', async () => {
  const server = await replay({ 'GET /api/tags': 'tags', 'POST /api/show': 'show-alias' })
  open.push(server)
  const names = new Names({ clock: new VirtualClock(), wire: new Wire({ url: server.url, clock: new VirtualClock() }) })
  await names.refresh()
  expect(names.models.find(({ name }) => name === 'gemma3:270m')).toMatchObject({ sizeBytes: 253113197, cloud: false })
  expect(names.runner(key('alias-a'))).toBe(
    'sha256-e10a863fada91c18b09d3e8a2e2404ea5bd26e2d192356dc3a50769ed50b9227 num_ctx=2048',
  )
  expect(names.runner(key('127.0.0.1:5005/library/pull-a'))).toMatch(/^sha256-/)
})

test('a target that answers nonsense or nothing leaves everything as it was', async () => {
  const { names, server } = await named({ 'llama3:latest': { digest: '1', modelfile: from(a) } })
  await names.refresh()
  await server.close()
  await names.refresh()
  expect(names.models).toHaveLength(1)
  for (const route of [plain(200, '<html>'), plain(500, '{"error":"x"}'), plain(200, '{}')]) {
    const odd = await replay({ 'GET /api/tags': route })
    open.push(odd)
    const others = new Names({ clock: new VirtualClock(), wire: new Wire({ url: odd.url, clock: new VirtualClock() }) })
    await others.refresh()
    expect(others.models).toEqual([])
  }
})

test('a thousand digests are remembered, those of present names first of all', async () => {
  const models: Record<string, Shown> = {}
  for (let n = 0; n < 3; n++) models[`m${n}:latest`] = { digest: `d${n}`, modelfile: from(a) }
  const { names, server } = await named(models)
  await names.refresh()
  for (let round = 0; round < 10; round++) {
    for (let n = 0; n < 105; n++) models[`x${n}:latest`] = { digest: `${round}-${n}`, modelfile: from(b) }
    await names.refresh()
  }
  expect(names.weightsOf({ name: 'gone', digest: '0-0' })).toBe('gone:latest')
  expect(names.weightsOf({ name: 'gone', digest: '8-0' })).toBe(`sha256-${b}`)
  expect(names.runner(key('m0'))).toBe(`sha256-${a}`)
  expect(shows(server)).toBe(3 + 10 * 105)
})

test('closed, it asks nothing any more', async () => {
  const { names, server } = await named({ 'llama3:latest': { digest: '1', modelfile: from(a) } })
  names.close()
  await names.refresh()
  expect(server.received).toEqual([])
})
