// For tests of the whole: a foreman in this process, spoken to over HTTP, read from its log and its database. What
// stands around it is app.stage.ts; foreman as a process of its own is app.outside.ts. No part of the running foreman.

import { createTRPCClient, httpLink } from '@trpc/client'
import Database from 'better-sqlite3'
import { join } from 'node:path'
import pino from 'pino'
import { afterwards, openFake, temporaryFolder } from './app.stage.ts'
import { startApp, type App, type AppOptions } from './app.ts'
import { loadConfig } from './config.ts'
import type { AppRouter } from './http/router.ts'
import type { Job } from './job/schema.ts'
import type { Fake, FakeOptions } from './ollama/fake/fake.ts'

export interface Setup extends Partial<Pick<AppOptions, 'clock' | 'fault' | 'random'>> {
  /** Settings by their names without `FOREMAN_`. */
  settings?: Record<string, string>
  /** Options of a new simulated Ollama, or one that is there. */
  fake?: FakeOptions | Fake
  /** A folder that is there, of an earlier foreman. */
  folder?: string
}

/** One line of the log. */
export interface Line {
  msg: string
  job?: string
  state?: string
  happening?: string
  [name: string]: unknown
}

export interface Reply {
  status: number
  headers: Headers
  text: string
  /** The body parsed, undefined when it is no JSON. */
  json: Record<string, unknown>
}

export interface Call {
  /** An object is sent as JSON, a text as it is. */
  body?: object | string
  headers?: Record<string, string>
  signal?: AbortSignal
}

export async function openForeman(setup: Setup = {}): Promise<Foreman> {
  const { fake = {}, folder = temporaryFolder() } = setup
  const foreman = new Foreman('url' in fake ? fake : await openFake(fake as FakeOptions), folder, setup)
  afterwards(() => foreman.close())
  await foreman.start()
  return foreman
}

/** A whole foreman. All of its parts are real. */
export class Foreman {
  readonly fake: Fake
  readonly folder: string
  /** Everything logged so far, also by those before a restart. */
  readonly lines: Line[] = []
  /** The same as written. */
  written = ''
  app!: App
  #setup: Setup
  #running = false
  #listeners = new Set<() => void>()

  constructor(fake: Fake, folder: string, setup: Setup) {
    this.fake = fake
    this.folder = folder
    this.#setup = setup
  }

  get url(): string {
    return this.app.url
  }

  /** Starts it, or starts it again after `close`, with other settings if given. */
  async start(more: Setup = {}): Promise<void> {
    this.#setup = { ...this.#setup, ...more, settings: { ...this.#setup.settings, ...more.settings } }
    const { settings, clock, fault, random } = this.#setup
    const given = { TARGET: this.fake.url, DATA: this.folder, LISTEN: '127.0.0.1:0', LOG_LEVEL: 'debug', ...settings }
    const env = Object.fromEntries(Object.entries(given).map(([name, value]) => [`FOREMAN_${name}`, value]))
    const config = loadConfig(env, () => '')
    const log = pino({ level: config.logLevel, base: null }, { write: (line: string) => this.#wrote(line) })
    this.app = await startApp({ config, log, owner: process.pid, clock, fault, random })
    this.#running = true
  }

  async close(): Promise<void> {
    if (this.#running) await this.app.close()
    this.#running = false
  }

  async restart(more: Setup = {}): Promise<void> {
    await this.close()
    await this.start(more)
  }

  async call(method: string, path: string, { body, headers, signal }: Call = {}): Promise<Reply> {
    const text = typeof body === 'object' ? JSON.stringify(body) : body
    const type = text === undefined ? {} : { 'content-type': 'application/json' }
    const answer = await fetch(this.url + path, { method, body: text, headers: { ...type, ...headers }, signal })
    return replyOf(answer)
  }

  get(path: string, headers?: Record<string, string>): Promise<Reply> {
    return this.call('GET', path, { headers })
  }

  post(path: string, body?: object | string, headers?: Record<string, string>): Promise<Reply> {
    return this.call('POST', path, { body, headers })
  }

  /** Submits and insists on 202. */
  async submit(input: object, headers?: Record<string, string>): Promise<Job> {
    const { status, json, text } = await this.post('/jobs', input, headers)
    if (status !== 202) throw new Error(`${status}: ${text}`)
    return json as unknown as Job
  }

  async job(id: string, query = ''): Promise<Job> {
    return (await this.get(`/jobs/${id}${query}`)).json as unknown as Job
  }

  /** The job when it has ended. */
  async ended(id: string): Promise<Job> {
    for (;;) {
      const job = await this.job(id, '?wait=60')
      if (['done', 'failed', 'canceled'].includes(job.state)) return job
    }
  }

  /** Resolves when the job has been in this state, or has met this happening, so many times. */
  reached(id: string, what: string, times = 1): Promise<void> {
    const met = ({ job, state, happening }: Line) => job === id && (state === what || happening === what)
    return this.logged(met, times)
  }

  /** Resolves when so many lines of the log are like this. */
  logged(like: (line: Line) => boolean, times = 1): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.lines.filter(like).length < times) return
        this.#listeners.delete(look)
        resolve()
      }
      this.#listeners.add(look)
      look()
    })
  }

  /** Rows of the database, read from beside foreman. */
  rows<T>(sql: string, ...values: unknown[]): T[] {
    const db = new Database(join(this.folder, 'foreman.db'), { readonly: true })
    try {
      return db.prepare<unknown[], T>(sql).all(...values)
    } finally {
      db.close()
    }
  }

  /** How often the job ended in `state`, by its history. */
  endings(id: string, state = 'done'): number {
    const sql = 'SELECT event.seq FROM event JOIN job ON job.seq = event.job WHERE job.id = ? AND event.state = ?'
    return this.rows(sql, id, state).length
  }

  get trpc() {
    return createTRPCClient<AppRouter>({ links: [httpLink({ url: `${this.url}/trpc` })] })
  }

  #wrote(line: string): void {
    this.written += line
    this.lines.push(JSON.parse(line) as Line)
    for (const look of this.#listeners) look()
  }
}

export async function replyOf(answer: Response): Promise<Reply> {
  const text = await answer.text()
  let json = undefined as unknown
  try {
    json = JSON.parse(text)
  } catch {}
  return { status: answer.status, headers: answer.headers, text, json: json as Reply['json'] }
}

/** A chat as a job. */
export function chat(model = 'alpha', content = 'hello', body: object = {}) {
  const messages = [{ role: 'user', content }]
  return { request: { endpoint: '/api/chat', body: { model, messages, ...body } } }
}
