import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { VirtualClock } from '../../clock.ts'
import { startFake, type Fake, type FakeOptions } from './fake.ts'

/** Loads that last until they are let go, one by one. */
class Loads {
  #waiting: PromiseWithResolvers<void>[] = []
  readonly begin = (): Promise<void> => {
    const load = Promise.withResolvers<void>()
    this.#waiting.push(load)
    return load.promise
  }
  get count(): number {
    return this.#waiting.length
  }
  finish(): void {
    this.#waiting.shift()?.resolve()
  }
}

let fake: Fake
let loads: Loads
beforeEach(() => {
  loads = new Loads()
})
afterEach(() => fake.close())

const start = async (options: FakeOptions) => {
  fake = await startFake({ models: ['a', 'b', 'c'], ...options })
}
const send = (body: object, signal?: AbortSignal, path = '/api/generate') =>
  fetch(fake.url + path, { method: 'POST', body: JSON.stringify({ prompt: 'hi', stream: false, ...body }), signal })
const status = async (body: object) => {
  const answer = await send(body)
  await answer.arrayBuffer()
  return answer.status
}
const listed = async () => {
  const answer = await fetch(`${fake.url}/api/ps`)
  return ((await answer.json()) as { models: { name: string; expires_at: string; context_length: number }[] }).models
}

describe('which requests share a runner', () => {
  beforeEach(() => start({}))

  test('requests of one model load once', async () => {
    await status({ model: 'a' })
    await status({ model: 'A:latest' })
    await status({ model: 'library/a' })
    expect(fake.loads).toBe(1)
  })

  test('copies and derived models use the runner of their source, listed under the name that loaded it', async () => {
    await fetch(`${fake.url}/api/copy`, {
      method: 'POST',
      body: JSON.stringify({ source: 'a', destination: 'copied' }),
    })
    const derived = { model: 'derived', from: 'a', system: 'Be brief.', stream: false }
    await fetch(`${fake.url}/api/create`, { method: 'POST', body: JSON.stringify(derived) })
    for (const model of ['copied', 'a', 'derived']) await status({ model })
    expect(fake.loads).toBe(1)
    expect(fake.resident()).toEqual(['copied:latest'])
    const tags = (await (await fetch(`${fake.url}/api/tags`)).json()) as { models: { name: string; digest: string }[] }
    const digest = (name: string) => tags.models.find((model) => model.name === `${name}:latest`)?.digest
    expect(digest('copied')).toBe(digest('a'))
    expect(digest('derived')).not.toBe(digest('a'))
  })

  test.each([
    ['another num_ctx', { options: { num_ctx: 8192 } }],
    ['another num_batch', { options: { num_batch: 64 } }],
    ['a num_gpu', { options: { num_gpu: 0 } }],
    ['a main_gpu', { options: { main_gpu: 0 } }],
    ['a num_thread', { options: { num_thread: 2 } }],
    ['use_mmap', { options: { use_mmap: false } }],
    ['shift: false', { shift: false }],
  ])('%s reloads', async (_, more) => {
    await status({ model: 'a' })
    await status({ model: 'a', ...more })
    expect(fake.loads).toBe(2)
    await status({ model: 'a', ...more })
    expect(fake.loads).toBe(2)
  })

  test.each([
    ['the num_ctx it has anyway', { options: { num_ctx: 4096 } }],
    ['the batch it has anyway', { options: { num_batch: 512 } }],
    ['a negative num_gpu', { options: { num_gpu: -1 } }],
    ['shift: true', { shift: true }],
    ['options of sampling', { options: { temperature: 1, seed: 3 } }],
  ])('%s does not', async (_, more) => {
    await status({ model: 'a' })
    await status({ model: 'a', ...more })
    expect(fake.loads).toBe(1)
  })

  test('a Modelfile num_ctx counts like one of the request, and /v1 uses it', async () => {
    fake.addModel({ name: 'd', parameters: { num_ctx: 2048 } })
    await status({ model: 'd' })
    await status({ model: 'd', options: { num_ctx: 2048 } })
    const body = JSON.stringify({ model: 'd', messages: [{ role: 'user', content: 'hi' }] })
    await fetch(`${fake.url}/v1/chat/completions`, { method: 'POST', body })
    expect(fake.loads).toBe(1)
    expect((await listed())[0]?.context_length).toBe(2048)
  })

  test('loads are counted by the affinity key of the request', async () => {
    await status({ model: 'a' })
    await status({ model: 'A', options: { num_ctx: 8192 }, shift: false })
    expect(fake.loadsByKey).toEqual({ 'a:latest': 1, 'a:latest num_ctx=8192 shift=false': 1 })
  })
})

describe('waiting for a load', () => {
  test('a load in progress is not listed, and its model is when it is over', async () => {
    await start({ loadMs: loads.begin })
    const answer = status({ model: 'a' })
    await fake.until(() => fake.inFlight === 1)
    expect(await listed()).toEqual([])
    loads.finish()
    expect(await answer).toBe(200)
    expect((await listed()).map(({ name }) => name)).toEqual(['a:latest'])
  })

  test('who finds its model loaded overtakes who waits for a load', async () => {
    await start({ room: 2, loadMs: (model) => (model === 'a:latest' ? 0 : loads.begin()) })
    await status({ model: 'a' })
    const second = status({ model: 'b' })
    await fake.until(() => fake.inFlight === 1)
    expect(await status({ model: 'a' })).toBe(200)
    expect(fake.served).toEqual(['a', 'a'])
    loads.finish()
    expect(await second).toBe(200)
  })

  test('one loads, maxQueue wait, the next is told that the server is busy', async () => {
    await start({ maxQueue: 2, loadMs: loads.begin })
    const waiting = ['a', 'a', 'b'].map((model) => status({ model }))
    await fake.until(() => fake.inFlight === 3 && fake.queued === 2)
    expect(await status({ model: 'c' })).toBe(503)
    loads.finish()
    await fake.until(() => fake.loads === 1 && loads.count === 1)
    loads.finish()
    expect(await Promise.all(waiting)).toEqual([200, 200, 200])
  })

  test('when the client that caused a load leaves, the load is given up and the next waiter loads from the start', async () => {
    await start({ loadMs: loads.begin })
    const client = new AbortController()
    const left = send({ model: 'a' }, client.signal).catch(() => 'left')
    await fake.until(() => loads.count === 1)
    const other = status({ model: 'a' })
    await fake.until(() => fake.queued === 1)
    client.abort()
    expect(await left).toBe('left')
    await fake.until(() => loads.count === 2)
    expect(fake.ledger.abortedLoads).toBe(1)
    loads.finish()
    loads.finish()
    expect(await other).toBe(200)
    expect(fake.loads).toBe(1)
  })

  test('a waiter that left is skipped and evicts nothing', async () => {
    await start({ loadMs: loads.begin })
    const first = status({ model: 'a' })
    await fake.until(() => loads.count === 1)
    const client = new AbortController()
    const left = send({ model: 'b' }, client.signal).catch(() => 'left')
    await fake.until(() => fake.queued === 1)
    client.abort()
    await left
    await fake.until(() => fake.ledger.aborted === 1)
    loads.finish()
    await first
    await status({ model: 'a' })
    expect(fake.ledger.loadOrder).toEqual(['a:latest'])
    expect(fake.ledger.unloads).toBe(0)
  })

  test('a runner has as many slots as NUM_PARALLEL says, an embedding runner one', async () => {
    const gate = Promise.withResolvers<void>()
    await start({
      parallel: 2,
      promptMs: gate.promise,
      models: ['a', { name: 'e', capabilities: ['embedding'] }],
      room: 2,
    })
    const chats = Array.from({ length: 4 }, () => status({ model: 'a' }))
    await fake.until(() => fake.inFlight === 4 && fake.ledger.running === 2)
    const embeds = Array.from({ length: 2 }, () => send({ model: 'e', input: 'hi' }, undefined, '/api/embed'))
    await fake.until(() => fake.inFlight === 6 && fake.ledger.running === 3)
    gate.resolve()
    await Promise.all([...chats, ...embeds])
    expect(fake.ledger.maxRunning).toBe(3)
    expect(fake.ledger.running).toBe(0)
  })
})

describe('room and keep_alive', () => {
  test('with room for one, another model takes the place', async () => {
    await start({})
    for (const model of ['a', 'b', 'a']) await status({ model })
    expect(fake.ledger.loadOrder).toEqual(['a:latest', 'b:latest', 'a:latest'])
    expect(fake.resident()).toEqual(['a:latest'])
  })

  test('of several idle runners the one with the shortest keep_alive goes, however long it was used', async () => {
    await start({ room: 2 })
    await status({ model: 'a', keep_alive: '1m' })
    await status({ model: 'b', keep_alive: '10m' })
    await status({ model: 'a' })
    await status({ model: 'c' })
    expect(fake.resident().toSorted()).toEqual(['b:latest', 'c:latest'])
  })

  test('the last request that carries keep_alive decides, and time counts from idle', async () => {
    const clock = new VirtualClock()
    await start({ clock })
    await status({ model: 'a', keep_alive: '10s' })
    await status({ model: 'a' })
    clock.advance(9_999)
    expect(fake.resident()).toEqual(['a:latest'])
    await status({ model: 'a' })
    clock.advance(9_999)
    expect(fake.resident()).toEqual(['a:latest'])
    clock.advance(1)
    expect(fake.resident()).toEqual([])
    await status({ model: 'a', keep_alive: -1 })
    clock.advance(10 * 365 * 86_400_000)
    expect((await listed())[0]?.expires_at).toMatch(/^23/)
  })

  test('a busy runner may show an expiry in the past', async () => {
    const clock = new VirtualClock()
    await start({ clock })
    await status({ model: 'a', keep_alive: 1 })
    fake.fault({ do: 'hang' })
    void status({ model: 'a' }).catch(() => {})
    await fake.until(() => fake.ledger.running === 1)
    clock.advance(5_000)
    expect(Date.parse((await listed())[0]?.expires_at ?? '')).toBe(clock.wall() - 4_000)
  })

  test('an unload is answered at once, spares running answers and works through a copy', async () => {
    const gate = Promise.withResolvers<void>()
    await start({
      models: [
        { name: 'a', weights: 'w' },
        { name: 'copied', weights: 'w' },
      ],
      promptMs: gate.promise,
    })
    const answer = status({ model: 'a' })
    await fake.until(() => fake.ledger.running === 1)
    expect(await status({ model: 'copied', prompt: '', keep_alive: 0 })).toBe(200)
    expect(fake.resident()).toEqual(['a:latest'])
    gate.resolve()
    expect(await answer).toBe(200)
    await fake.until(() => fake.ledger.unloads === 1)
    expect(fake.resident()).toEqual([])
  })

  test('an unload during the load is lost', async () => {
    await start({ loadMs: loads.begin })
    const answer = status({ model: 'a' })
    await fake.until(() => loads.count === 1)
    expect(await status({ model: 'a', prompt: '', keep_alive: 0 })).toBe(200)
    loads.finish()
    await answer
    expect(fake.resident()).toEqual(['a:latest'])
  })

  test('keep_alive in the moment of an eviction blocks all loads until somebody unloads', async () => {
    const gate = Promise.withResolvers<void>()
    await start({ promptMs: gate.promise })
    const running = status({ model: 'a' })
    await fake.until(() => fake.ledger.running === 1)
    const switching = status({ model: 'b' })
    await fake.until(() => fake.inFlight === 2)
    const renewing = status({ model: 'a', keep_alive: '10m' })
    await fake.until(() => fake.inFlight === 3)
    gate.resolve()
    expect(await Promise.all([running, renewing])).toEqual([200, 200])
    expect(fake.resident()).toEqual(['a:latest'])
    expect(fake.inFlight).toBe(1)
    await status({ model: 'a', prompt: '', keep_alive: 0 })
    expect(await switching).toBe(200)
    expect(fake.resident()).toEqual(['b:latest'])
  })
})
