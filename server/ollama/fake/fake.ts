// A simulated Ollama over real HTTP, for tests, the bench and the demo: it loads, queues, streams and fails as the real
// one does (held against recordings in recordings.test.ts), and says afterwards what it did. This file is its outside:
// options, faults, sleep, port and counters; the routes and the scheduler are in the files beside it.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemClock, type Clock } from '../../clock.ts'
import { Catalog, defaultModels, described, type FakeModel } from './catalog.ts'
import { Faults, type Fault } from './fault.ts'
import { Ledger, type Seen } from './ledger.ts'
import { Refusal } from './refusal.ts'
import { route } from './router.ts'
import { Scheduler, type Need } from './scheduler.ts'
import { Sleep, type Span } from './sleep.ts'
import type { Settings, World } from './world.ts'

export type { FakeModel } from './catalog.ts'
export type { Fault } from './fault.ts'
export type { Seen } from './ledger.ts'

export interface FakeOptions {
  /** Its models; a string is a completion model of that name. Three ordinary ones unless given. */
  models?: (string | FakeModel)[]
  /** What /api/pull can bring. */
  registry?: (string | FakeModel)[]
  /** Time a load takes: 0 unless given. A function or a promise lets a test decide. */
  loadMs?: Span | ((model: string) => Span)
  /** Time to evaluate a prompt: 0. A function is given its text. */
  promptMs?: Span | ((text: string) => Span)
  /** Time until it notices that a client has left: none. */
  noticeMs?: () => Span
  /** Time for each token: 0. */
  tokenMs?: Span
  /** Tokens of an answer whose request has no num_predict: 8. */
  tokens?: number
  /** Resident runners (OLLAMA_MAX_LOADED_MODELS): 1. */
  room?: number
  /** Slots of each runner (OLLAMA_NUM_PARALLEL): 1. */
  parallel?: number
  /** Requests that wait for a load before it says 503 (OLLAMA_MAX_QUEUE): 512. */
  maxQueue?: number
  /** Idle time before a runner goes (OLLAMA_KEEP_ALIVE), milliseconds: five minutes. */
  keepAliveMs?: number
  /** num_ctx of those who don't say: 4096. */
  contextLength?: number
  version?: string
  /** 0, any free one, unless given. It stays the same over `refuse` and `listen`. */
  port?: number
  /** Of keep_alive, expires_at, created_at and Date; loads and tokens take real time. */
  clock?: Clock
  /** What the models say, instead of words chosen by a hash of the prompt. */
  reply?: Settings['reply']
}

/** Starts a simulated Ollama on loopback; it listens when this resolves. */
export async function startFake(options: FakeOptions = {}): Promise<Fake> {
  const fake = new Fake(options)
  await fake.listen()
  return fake
}

export class Fake {
  readonly #world: World
  readonly #options: FakeOptions
  readonly #open = new Set<Promise<void>>()
  #server: Server | undefined
  #port: number

  constructor(options: FakeOptions) {
    const { clock = systemClock, models = defaultModels, registry = [], promptMs = 0 } = options
    this.#options = options
    this.#port = options.port ?? 0
    const ledger = new Ledger()
    const sleep = new Sleep()
    const settings: Settings = {
      version: options.version ?? '0.33.0',
      promptMs: typeof promptMs === 'function' ? promptMs : () => promptMs,
      noticeMs: options.noticeMs,
      tokenMs: options.tokenMs ?? 0,
      tokens: options.tokens ?? 8,
      contextLength: options.contextLength ?? 4096,
      reply: options.reply,
      registry: registry.map(described),
    }
    const scheduler = new Scheduler({
      clock,
      room: options.room ?? 1,
      parallel: options.parallel ?? 1,
      maxQueue: options.maxQueue ?? 512,
      keepAliveMs: options.keepAliveMs ?? 300_000,
      load: (need) => this.#load(need),
      onUnload: () => {
        ledger.unloads++
        ledger.changed()
      },
      onChange: () => ledger.changed(),
    })
    const catalog = new Catalog(models.map(described), clock)
    this.#world = { settings, clock, sleep, catalog, scheduler, faults: new Faults(), ledger, blobs: new Set() }
  }

  /** `http://127.0.0.1:port`, without a slash at the end. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get port(): number {
    return this.#port
  }

  /** What happened so far: requests, loads, aborts, peaks. `fake.loads` and the like are short for it. */
  get ledger(): Ledger {
    return this.#world.ledger
  }

  /** Finished loads. */
  get loads(): number {
    return this.ledger.loads
  }

  /** Finished loads by affinity key. */
  get loadsByKey(): Record<string, number> {
    return this.ledger.loadsByKey
  }

  /** The last requests, oldest first. */
  get requests(): Seen[] {
    return this.ledger.requests
  }

  /** Work requests not answered yet. */
  get inFlight(): number {
    return this.ledger.inFlight
  }

  /** Requests that wait behind the one being loaded. */
  get queued(): number {
    return this.#world.scheduler.waiting
  }

  /** Models in the order they were served. */
  get served(): string[] {
    return this.ledger.served
  }

  /** Names of the loaded models as /api/ps lists them. */
  resident(): string[] {
    return this.#world.scheduler.runners.map(({ model }) => model.name)
  }

  /** Resolves as soon as `holds` does: looked at whenever something happened here. */
  until(holds: () => boolean): Promise<void> {
    return this.ledger.until(holds)
  }

  /** Scripts a fault; returns its removal. */
  fault(fault: Fault): () => void {
    return this.#world.faults.add(fault)
  }

  /** Forgets all faults that have not struck. */
  clearFaults(): void {
    this.#world.faults.clear()
  }

  /** Adds or replaces a model. */
  addModel(model: string | FakeModel): void {
    this.#world.catalog.add(described(model))
  }

  /** As if a blob of this digest (`sha256:…`) had been uploaded. */
  addBlob(digest: string): void {
    this.#world.blobs.add(digest.slice(-64))
  }

  /** Kills the runner of a model, or all: its requests fail, it stays listed, the next request reloads it. */
  crash(model?: string): void {
    const weights = model === undefined ? undefined : this.#world.catalog.find(model)?.weights
    for (const runner of this.#world.scheduler.runners) {
      if (model === undefined || runner.model.weights === weights) runner.kill()
    }
    this.ledger.changed()
  }

  /** Stops answering, as under SIGSTOP: connections are accepted and nothing happens on them. */
  sleep(): void {
    this.#world.sleep.sleep()
  }

  wake(): void {
    this.#world.sleep.wake()
  }

  /** Quits, awake or asleep: connections end, models are gone, the port refuses. */
  async refuse(): Promise<void> {
    const server = this.#server
    if (!server) return
    this.#server = undefined
    this.wake()
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve())
    })
    server.closeAllConnections()
    await closed
    await Promise.all(this.#open)
    this.#world.scheduler.reset()
  }

  /** Listens, again after `refuse` on the same port and with nothing loaded. */
  async listen(): Promise<void> {
    if (this.#server) return
    const server = createServer({ requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 }, (req, res) => {
      const routed = route(this.#world, req, res).finally(() => this.#open.delete(routed))
      this.#open.add(routed)
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.#port, '127.0.0.1', resolve)
    })
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
  }

  /** Ends it for good. */
  close(): Promise<void> {
    return this.refuse()
  }

  async #load(need: Need): Promise<void> {
    const { ledger, sleep, faults } = this.#world
    const { loadMs = 0 } = this.#options
    const { model } = need
    try {
      await sleep.pause(model.loadMs ?? (typeof loadMs === 'function' ? loadMs(model.name) : loadMs), need.signal)
    } catch (error) {
      ledger.abortedLoads++
      ledger.changed()
      throw error
    }
    const fault = faults.take(need.seen, true)
    if (fault?.do === 'fail_load') {
      ledger.failedLoads++
      ledger.changed()
      throw new Refusal(500, fault.text)
    }
    ledger.loaded(need.key)
  }
}
