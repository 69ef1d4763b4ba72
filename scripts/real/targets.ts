// The two Ollamas that the same tests are run against: the real one, and the simulated one of server/ollama/fake, which
// claims to answer alike. What a test may know of them and do to them is the same for both; how it is done differs.
import { readFileSync, statSync } from 'node:fs'
import { startFake } from '../../server/ollama/fake/fake.ts'
import { hangingVersion, serverPath } from './build.ts'
import { cacheFolder } from './cache.ts'
import { tinyA, tinyB, tinyEmbed, tinyEndless, tinySlow } from './models.ts'
import { type RealOllama, startOllama } from './ollama.ts'

export interface Options {
  /** Names the real one's log file. */
  name: string
  /** OLLAMA_MAX_QUEUE. Default 512. */
  maxQueue?: number
  /** OLLAMA_MAX_LOADED_MODELS. Default 1. */
  room?: number
  /** One that can hang on letting a runner go (ollama#17408). The simulated one always can. */
  hangs?: boolean
}

/** An Ollama with the tiny models, which holds one of them at a time unless told otherwise. */
export interface Target {
  readonly url: string
  /** Loads that went through, by its own account. */
  loads(): number
  /** The processes that hold models are killed. */
  killRunners(): unknown
  /** The machine falls asleep: connections stay and nothing is said on them. */
  freeze(): Promise<void>
  thaw(): void
  /** It dies without a word: connections break and its port refuses. */
  crash(): Promise<void>
  /** After a crash: there again on the same port, with nothing loaded. */
  restart(): Promise<void>
  /** The next request that talks loses its slot when its client leaves. A real one does that by itself, now and then. */
  losesSlot?(): void
  stop(): Promise<void>
}

export interface Kind {
  name: string
  real: boolean
  /** So many tokens take it two seconds, or more: long enough to hurt it in the middle of them. */
  talk: number
  start(options: Options): Promise<Target>
}

export const targets: Kind[] = [
  { name: 'a real Ollama', real: true, talk: 8_000, start: startReal },
  { name: 'the simulated Ollama', real: false, talk: 1_500, start: startSimulated },
]

async function startReal(options: Options): Promise<Target> {
  const { room = 1, hangs = false, ...rest } = options
  const program = hangs ? serverPath(cacheFolder(), hangingVersion) : undefined
  const asked = { ...rest, maxLoadedModels: room, program }
  const started = [await startOllama(asked)]
  const ollama = () => started.at(-1) as RealOllama
  const logStart = statSync(ollama().log).size
  return {
    url: ollama().url,
    loads: () => {
      const words = readFileSync(ollama().log).subarray(logStart).toString()
      // Some versions say it twice.
      return new Set(words.match(/^.*llama runner started in.*$/gm)).size
    },
    killRunners: () => ollama().killRunners(),
    freeze: () => ollama().freeze(),
    thaw: () => ollama().thaw(),
    crash: () => ollama().crash(),
    restart: async () => {
      started.push(await startOllama({ ...asked, port: ollama().port }))
    },
    stop: async () => {
      for (const each of started) await each.stop()
    },
  }
}

async function startSimulated({ maxQueue, room }: Options): Promise<Target> {
  const parameters = { num_ctx: 2048, num_thread: 1 }
  const models = [tinyA, tinyB, tinyEndless, tinySlow].map((name) => ({ name, parameters }))
  const embedder = { name: tinyEmbed, parameters, capabilities: ['embedding' as const] }
  const fake = await startFake({ models: [...models, embedder], loadMs: 100, tokenMs: 1, maxQueue, room })
  return {
    url: fake.url,
    loads: () => fake.loads,
    killRunners: () => fake.crash(),
    freeze: async () => fake.sleep(),
    thaw: () => fake.wake(),
    crash: () => fake.refuse(),
    restart: () => fake.listen(),
    losesSlot: () => void fake.fault({ do: 'lose', after: 8 }),
    stop: () => fake.close(),
  }
}
