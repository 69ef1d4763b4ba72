// foreman as the benchmark runs it: server/main.ts in a process of its own, with a token and a data folder.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../demo/daemon.ts'
import { Child, type ChildOptions } from './child.ts'

export interface ForemanOptions extends ChildOptions {
  /** Base URL of the target; nothing listens there unless said. */
  target?: string
  folder: string
}

export const token = 'bench-token-0123456789'
/** Port 9 of loopback: refused at once, as by a machine without Ollama. */
export const nowhere = 'http://127.0.0.1:9'

const root = join(import.meta.dirname, '..', '..')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: { start: string } }
/** What `npm start` gives Node, so that the figures are those of the daemon people run. */
export const flags = manifest.scripts.start.match(/--\S+/g) ?? []
const compiled = join(root, 'node_modules', '.cache', 'foreman')

/** A foreman that is ready, and how long it took from its start as a process, in milliseconds. */
export async function startForeman(options: ForemanOptions): Promise<{ foreman: Child; ready_ms: number }> {
  const port = await freePort()
  const settings = settingsOf(options, port)
  const started = performance.now()
  const foreman = new Child('server/main.ts', { ...options, flags, settings })
  foreman.port = port
  while (!(await isReady(port))) {
    if (performance.now() - started > 60_000 || !foreman.running) await foreman.ask('exit')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return { foreman, ready_ms: performance.now() - started }
}

function settingsOf({ target = nowhere, folder, settings }: ForemanOptions, port: number) {
  return {
    FOREMAN_TARGET: target,
    FOREMAN_LISTEN: `127.0.0.1:${port}`,
    FOREMAN_DATA: folder,
    FOREMAN_TOKEN: token,
    NODE_COMPILE_CACHE: compiled,
    ...settings,
  }
}

/** Bytes that a foreman holds so long after it was ready, with nothing of the benchmark in it. */
export async function idleMemory(options: ForemanOptions, after_ms: number): Promise<number> {
  const port = await freePort()
  const env = { PATH: process.env.PATH, NODE_ENV: 'production', ...settingsOf(options, port) }
  const foreman = spawn(process.execPath, [...flags, join(root, 'server/main.ts')], { env, stdio: 'ignore' })
  try {
    while (!(await isReady(port))) await new Promise((resolve) => setTimeout(resolve, 50))
    await new Promise((resolve) => setTimeout(resolve, after_ms))
    const [, kib = ''] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${foreman.pid}/status`, 'utf8')) ?? []
    return Number(kib) * 1024
  } finally {
    foreman.kill('SIGTERM')
    if (foreman.exitCode === null) await once(foreman, 'exit')
  }
}

async function isReady(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined)
  await answer?.text()
  return answer?.ok === true
}

/** A figure of its /metrics, by its whole name. */
export async function metric(foreman: Child, name: string): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${foreman.port}/metrics`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const found = (await answer.text()).split('\n').find((line) => line.startsWith(`${name} `))
  return Number(found?.slice(name.length + 1) ?? 0)
}
