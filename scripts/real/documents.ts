// `npm run real:documents`: the main job on real input. Real documents are posted to a real foreman in front of a real
// Ollama as summarise, extract-as-JSON and embed jobs over three models with mixed num_ctx; foreman is killed five times
// at random on the way while somebody chats through it. Prints the sums that docs/progress.md records.

import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Daemon, freePort } from '../demo/daemon.ts'
import { startOllama } from './ollama.ts'
import { gemma, tinyA, tinyEmbed } from './models.ts'

const wanted = 210
const kills = 5
const longestText = 1200
const root = join(import.meta.dirname, '..', '..')
const say = (line: string) => process.stdout.write(`${line}\n`)

interface Document {
  path: string
  text: string
}

interface Job {
  id: string
  state: string
  request: { endpoint: string; model: string }
  attempt: number
  interruptions: number
  labels: Record<string, string>
  error?: { code: string; detail: string }
  response?: Record<string, unknown>
}

/** Markdown, licences and type definitions under node_modules, in a fixed order. */
function documents(): Document[] {
  const found: string[] = []
  const walk = (folder: string) => {
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) walk(path)
      else if (/^licen[cs]e|\.md$|\.d\.ts$/i.test(entry.name) && statSync(path).size > 400) found.push(path)
    }
  }
  walk(join(root, 'node_modules'))
  const step = found.length / wanted
  return Array.from({ length: wanted }, (_, i) => found[Math.floor(i * step)] as string).map((path) => ({
    path: relative(root, path),
    text: readFileSync(path, 'utf8').slice(0, longestText),
  }))
}

/** Every third document is summarised, every third extracted from, every third embedded; num_ctx alternates. */
function request({ path, text }: Document, i: number): object {
  const num_ctx = i % 2 === 0 ? 2048 : 1024
  const labels = { document: path.slice(-250) }
  if (i % 3 === 0) {
    const messages = [{ role: 'user', content: `Summarise in one sentence:\n\n${text}` }]
    return {
      labels,
      request: {
        endpoint: '/api/chat',
        body: { model: gemma, messages, options: { num_ctx, num_predict: 40, temperature: 0 } },
      },
    }
  }
  if (i % 3 === 1) {
    const format = {
      type: 'object',
      properties: { name: { type: 'string', maxLength: 30 }, lines: { type: 'integer' } },
      required: ['name', 'lines'],
    }
    return {
      labels,
      request: {
        endpoint: '/api/generate',
        body: { model: tinyA, prompt: text, format, options: { num_ctx, num_predict: 200, seed: i } },
      },
    }
  }
  return { labels, request: { endpoint: '/api/embed', body: { model: tinyEmbed, input: text, options: { num_ctx } } } }
}

async function json<T>(url: string, init?: RequestInit): Promise<T> {
  const answer = await fetch(url, init)
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as T
}

/** Foreman may be dead at any moment: asked again until it answers. */
async function surely<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch {
      await pause(100)
    }
  }
}

async function submit(daemon: Daemon, document: Document, i: number): Promise<Job> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': `document-${i}` }
  return surely(() =>
    json<Job>(`${daemon.url}/jobs`, { method: 'POST', headers, body: JSON.stringify(request(document, i)) }),
  )
}

const folder = mkdtempSync(join(tmpdir(), 'foreman-documents-'))
const ollama = await startOllama({ name: 'documents', maxLoadedModels: 1 })
const daemon = new Daemon({ target: ollama.url, port: await freePort(), folder })
await daemon.start()
const began = performance.now()
let loads = 0
let chats = 0
let chatsCut = 0
let killed = 0
const finished = new AbortController()

const chatting = (async () => {
  while (!finished.signal.aborted) {
    const body = JSON.stringify({
      model: gemma,
      messages: [{ role: 'user', content: 'Say hello.' }],
      options: { num_predict: 12 },
    })
    try {
      const text = await (await fetch(`${daemon.url}/api/chat`, { method: 'POST', body })).text()
      if (text.includes('"done":true')) chats += 1
      else chatsCut += 1
    } catch {
      chatsCut += 1
    }
    await pause(4000)
  }
})()

const killing = (async () => {
  while (killed < kills) {
    await pause(4000 + Math.random() * 16_000)
    if (finished.signal.aborted) return
    loads += await surely(() => daemon.loads())
    await daemon.kill()
    killed += 1
    await daemon.start()
  }
})()

const ids: string[] = []
for (const [i, document] of documents().entries()) ids.push((await submit(daemon, document, i)).id)
say(`${ids.length} documents posted in ${((performance.now() - began) / 1000).toFixed(1)} s`)

const ended: Job[] = []
for (const id of ids) {
  let job: Job
  do job = await surely(() => json<Job>(`${daemon.url}/jobs/${id}?wait=30&include=response`))
  while (!['done', 'failed', 'canceled'].includes(job.state))
  ended.push(job)
}
finished.abort()
const seconds = (performance.now() - began) / 1000
await Promise.all([chatting, killing])
loads += await daemon.loads()
const memory = await daemon.figure('process_resident_memory_bytes')
const failed = ended.filter((job) => job.state === 'failed')
say(`jobs posted ${ids.length}, done ${ended.filter((job) => job.state === 'done').length}, failed ${failed.length}`)
for (const job of failed)
  say(`  failed: ${job.request.endpoint} ${job.labels.document}: ${job.error?.code}: ${job.error?.detail}`)
say(`interrupted runs ${ended.reduce((sum, job) => sum + job.interruptions, 0)}, kills ${killed}`)
say(`loads by foreman ${loads}; in order of arrival about ${ids.length}`)
say(`chats through the passthrough: ${chats} whole, ${chatsCut} cut by a kill`)
say(`wall time ${seconds.toFixed(0)} s; memory at the end ${(memory / 1024 / 1024).toFixed(0)} MB`)
for (const i of [0, 1, 2])
  say(`answer to ${ended[i]?.labels.document}:\n${JSON.stringify(ended[i]?.response).slice(0, 700)}`)
await daemon.stop()
await ollama.stop()
rmSync(folder, { recursive: true, force: true })
process.exit(failed.length === 0 && ended.length === wanted ? 0 : 1)
