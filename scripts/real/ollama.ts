// One running real Ollama: started in a process group of its own, watched, wounded on purpose, and taken down with all its
// runners. What it serves is models.ts's, how its program came to be is build.ts's, what Linux knows of processes is processes.ts's.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { serverPath } from './build.ts'
import { cacheFolder } from './cache.ts'
import { argumentsOf, childrenOf, isAlive, isMoving, processes, signal, variableOf } from './processes.ts'

export interface OllamaOptions {
  /** The server program. Default: the built one of the cache. */
  program?: string
  /** Holds `home` (the server's key), `models` (the store) and `logs`. Default: `cacheFolder()`. */
  cache?: string
  /** Names the log file, `logs/<name>.log`; two servers at once need two names. Default `ollama`. */
  name?: string
  /** The model store. Default: the cache's, shared by all runs. */
  models?: string
  /** 0 = any free one. A restart on the same port needs the number. */
  port?: number
  /** OLLAMA_KEEP_ALIVE. Default `60s`. */
  keepAlive?: string
  /** OLLAMA_MAX_LOADED_MODELS. Default 1: every switch of model is a load. */
  maxLoadedModels?: number
  /** OLLAMA_NUM_PARALLEL. Default 1. */
  numParallel?: number
  /** OLLAMA_MAX_QUEUE. Default 512. */
  maxQueue?: number
  /** Further variables, e.g. OLLAMA_DEBUG. The caller's own OLLAMA_* are never inherited. */
  env?: Record<string, string>
}

/** A child process of the server that holds one model. */
export interface Runner {
  pid: number
  /** The weights file it was started with. */
  weights: string
}

const startWait = 20_000
const stopWait = 10_000
const logLimit = 10_000_000
/** Tells the process that started a server, in the server's environment. */
const ownerVariable = 'FOREMAN_TEST_OWNER'

/** Starts a server and resolves when /api/version answers. Throws with the end of its log when it does not within 20 s. */
export async function startOllama(options: OllamaOptions): Promise<RealOllama> {
  const { cache = cacheFolder(), name = 'ollama', port = 0, env = {} } = options
  const { program = serverPath(cache) } = options
  endLeftovers(program)
  const logs = join(cache, 'logs')
  const home = join(cache, 'home')
  for (const folder of [logs, home]) mkdirSync(folder, { recursive: true })
  const log = join(logs, `${name}.log`)
  const before = sizeOf(log)
  const file = openSync(log, before > logLimit ? 'w' : 'a')
  const start = before > logLimit ? 0 : before
  const child = spawn(program, ['serve'], {
    detached: true,
    stdio: ['ignore', file, file],
    env: {
      PATH: process.env.PATH,
      HOME: home,
      OLLAMA_HOST: `127.0.0.1:${port}`,
      OLLAMA_MODELS: options.models ?? join(cache, 'models'),
      OLLAMA_KEEP_ALIVE: options.keepAlive ?? '60s',
      OLLAMA_MAX_LOADED_MODELS: String(options.maxLoadedModels ?? 1),
      OLLAMA_NUM_PARALLEL: String(options.numParallel ?? 1),
      OLLAMA_MAX_QUEUE: String(options.maxQueue ?? 512),
      // A second server on the same store must not sweep away what the first is importing.
      OLLAMA_NOPRUNE: '1',
      [ownerVariable]: String(process.pid),
      ...env,
    },
  })
  closeSync(file)
  const failures: Error[] = []
  child.once('error', (error) => failures.push(error))
  const words = () => readFileSync(log).subarray(start).toString()
  const giveUp = Date.now() + startWait
  while (Date.now() < giveUp && failures.length === 0 && child.exitCode === null && child.signalCode === null) {
    const listening = /Listening on 127\.0\.0\.1:(\d+)/.exec(words())
    if (listening && (await answers(`http://127.0.0.1:${listening[1]}`)))
      return new RealOllama(child, Number(listening[1]), log)
    await pause(20)
  }
  if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
  const tail = words().trim().split('\n').slice(-15).join('\n')
  throw new Error(`Ollama did not start: ${failures[0]?.message ?? `see ${log}`}\n${tail}`)
}

/** A server that was started. Every signal goes to the process itself, as an operating system would send it. */
export class RealOllama {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Appended to by every server of this name; kept after the run. */
  readonly log: string
  #child: ChildProcess
  #stopped = false
  #cleanUp = () => this.#signalAll('SIGKILL')

  constructor(child: ChildProcess, port: number, log: string) {
    if (child.pid === undefined) throw new Error('the server has no process')
    this.#child = child
    this.pid = child.pid
    this.port = port
    this.url = `http://127.0.0.1:${port}`
    this.log = log
    process.once('exit', this.#cleanUp)
  }

  /** The loaded or loading models' processes, oldest first. A killed one is gone at once, whatever /api/ps says. */
  runners(): Runner[] {
    return childrenOf(this.pid).flatMap((pid) => {
      const args = argumentsOf(pid)
      const weights = args[args.indexOf('--model') + 1]
      return args[1] === 'runner' && weights ? { pid, weights } : []
    })
  }

  /** SIGKILL to every runner, as the kernel does when memory ends. Answers how many there were. */
  killRunners(): number {
    const runners = this.runners()
    for (const { pid } of runners) signal(pid, 'SIGKILL')
    return runners.length
  }

  /**
   * The machine falls asleep: server and runners stop where they are, connections stay, new ones are taken but not answered.
   * Resolves when the last thread has stopped; one that is in the middle of an answer may still send it before.
   */
  async freeze(): Promise<void> {
    this.#signalAll('SIGSTOP')
    while ([this.pid, ...this.runners().map((runner) => runner.pid)].some(isMoving)) await pause(1)
  }

  /** The machine wakes and everything goes on. */
  thaw(): void {
    this.#signalAll('SIGCONT')
  }

  /** SIGKILL to the server alone: connections break, its runners live on as orphans until `stop`. */
  async crash(): Promise<void> {
    signal(this.pid, 'SIGKILL')
    await this.#gone()
  }

  /** SIGTERM as a service manager sends it, SIGKILL to what is left after 10 s. Safe to call twice and on a frozen server. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.thaw()
    signal(this.pid, 'SIGTERM')
    const timer = setTimeout(() => this.#signalAll('SIGKILL'), stopWait)
    await this.#gone()
    clearTimeout(timer)
    this.#signalAll('SIGKILL')
    process.off('exit', this.#cleanUp)
  }

  async #gone(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit')
  }

  #signalAll(name: NodeJS.Signals): void {
    signal(-this.pid, name)
  }
}

/** Ends the servers, and their runners, whose harness was killed before it could stop them. */
function endLeftovers(program: string): void {
  for (const pid of processes()) {
    const owner = Number(argumentsOf(pid)[0] === program ? variableOf(pid, ownerVariable) : undefined)
    if (owner && !isAlive(owner)) signal(pid, 'SIGKILL')
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/api/version`, { signal: AbortSignal.timeout(2000) })
    return response.ok
  } catch {
    return false
  }
}
