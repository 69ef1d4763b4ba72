// What the programs are called against: the simulated Ollama, and a foreman process in front of it.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFake, type Fake, type FakeModel } from '../../server/ollama/fake/fake.ts'
import { Daemon, freePort } from '../demo/daemon.ts'
import type { Ask, Outcome, Program } from './program.ts'

export const talker = 'llama3.2'
/** Begins to answer, and never ends. */
export const endless = 'endless'
export const embedder = 'nomic-embed-text'

/** What foreman shows of a job, as far as it is looked at. */
export interface Job {
  id: string
  state: string
  labels: Record<string, string>
  request: { endpoint: string }
  response?: Record<string, unknown>
  links: { self: string; cancel: string }
}

export interface Stage {
  /** Of the program. */
  version: string
  foreman: string
  fake: Fake
  /** Has the program call foreman. */
  ask(ask: Omit<Ask, 'url'>): Promise<Outcome>
  /** Has it call the simulated Ollama itself. */
  direct(ask: Omit<Ask, 'url'>): Promise<Outcome>
  /** All there are. */
  jobs(): Promise<Job[]>
  /** Those there are as soon as they are more than that, the newest first. */
  moreThan(count: number): Promise<[Job, ...Job[]]>
  /** One at its address, with what was answered, when it has ended. */
  ended(address: string): Promise<Job>
  /** While it runs, no job is started. */
  paused<T>(during: () => Promise<T>): Promise<T>
  stop(): Promise<void>
}

/** Brings up all three, foreman with a token if one is given. Throws when the program is not to be had on this machine. */
export async function setStage(program: Program, token?: string): Promise<Stage> {
  const caller = await program.start().catch((error: unknown) => {
    throw new Error(`${program.name} was not run: ${(error as Error).message}`, { cause: error })
  })
  process.stdout.write(`${program.name} ${caller.version}\n`)
  const models: FakeModel[] = [
    { name: talker, capabilities: ['completion', 'tools'] },
    { name: endless },
    { name: embedder, capabilities: ['embedding'] },
  ]
  const fake = await startFake({ models, room: 3 })
  fake.fault({ do: 'hang', after: 2, times: Infinity, when: ({ model }) => model === endless })
  const folder = mkdtempSync(join(tmpdir(), 'foreman-compat-'))
  const settings: Record<string, string> = token ? { FOREMAN_TOKEN: token } : {}
  const daemon = new Daemon({ target: fake.url, port: await freePort(), folder, settings })
  await daemon.start()
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {}
  const post = (path: string) => fetch(`${daemon.url}${path}`, { method: 'POST', headers })
  const get = async (url: string) => (await fetch(url, { headers })).json()
  const jobs = async () => ((await get(`${daemon.url}/jobs?limit=200`)) as { data: Job[] }).data
  return {
    version: caller.version,
    foreman: daemon.url,
    fake,
    ask: (ask) => caller.ask({ url: daemon.url, token, ...ask }),
    direct: (ask) => caller.ask({ url: fake.url, token, ...ask }),
    jobs,
    moreThan: async (count) => {
      for (;;) {
        const [newest, ...others] = await jobs()
        if (newest && others.length >= count) return [newest, ...others]
      }
    },
    ended: async (address) => (await get(`${address}?wait=60&include=response`)) as Job,
    paused: async (during) => {
      await post('/queue/pause')
      try {
        return await during()
      } finally {
        await post('/queue/resume')
      }
    },
    stop: async () => {
      caller.stop()
      await daemon.stop()
      await fake.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Members whose values are times, or names that the target or the program gives at random. */
const passing = /^(?:id|item_id|toolCallId|created|\w+_at|\w+_duration)$/

/** What Anthropic's errors are told apart by, in the middle of a message. */
const request = /\breq_[0-9a-f]{24}\b/

/** What is the same whenever the same is asked: of members that are not, what they are. */
export function lasting<T>(value: T): T {
  const kept = (name: string, member: unknown) => {
    if (passing.test(name)) return typeof member
    return typeof member === 'string' ? member.replace(request, 'req_') : member
  }
  return JSON.parse(JSON.stringify(value, kept)) as T
}
