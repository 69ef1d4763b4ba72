// deploy/litestream.yml with Litestream itself: it follows a foreman that works, both are killed, and another foreman goes
// on from what the replica holds. And what docs/keep.md shows of it.

import Database from 'better-sqlite3'
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startFake, type Fake } from '../../server/ollama/fake/fake.ts'
import { Daemon, freePort } from '../demo/daemon.ts'
import { root, snippetsIn, textOf } from '../page.harness.ts'
import { runProgram } from '../real/cache.ts'
import { until } from '../real/until.ts'
import { runScript } from '../command.harness.ts'
import { fromGo } from './tools.ts'

let litestream: string
let fake: Fake
let folder: string
let config: string
const daemons: Daemon[] = []
let replicating: ChildProcess | undefined

beforeAll(async () => {
  litestream = await fromGo('litestream', 'github.com/benbjohnson/litestream/cmd/litestream@v0.5.18')
  fake = await startFake({ models: ['llama3.2'], tokens: 5 })
  folder = mkdtempSync(join(tmpdir(), 'foreman-litestream-'))
  for (const name of ['data', 'backup']) mkdirSync(join(folder, name))
  config = join(folder, 'litestream.yml')
  const shown = readFileSync(join(import.meta.dirname, '../../deploy/litestream.yml'), 'utf8')
  expect(shown).toContain('path: /data/foreman.db')
  expect(shown).toContain('path: /backup/foreman')
  writeFileSync(config, shown.replaceAll(/path: (?=\/(?:data|backup)\/)/g, `path: ${folder}`))
})

afterAll(async () => {
  replicating?.kill('SIGKILL')
  for (const daemon of daemons) await daemon.kill()
  await fake?.close()
  if (folder) rmSync(folder, { recursive: true, force: true })
})

async function startForeman(data: string): Promise<Daemon> {
  const daemon = new Daemon({ target: fake.url, port: await freePort(), folder: data })
  daemons.push(daemon)
  await daemon.start()
  return daemon
}

function follow(): ChildProcess {
  return (replicating = spawn(litestream, ['replicate', '-config', config], { stdio: 'ignore' }))
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}

/** The id of a job that was acknowledged; undefined when foreman was killed before. */
async function submit(url: string): Promise<string | undefined> {
  const body = { model: 'llama3.2', messages: [{ role: 'user', content: 'hello' }] }
  const answer = await fetch(`${url}/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ request: { endpoint: '/api/chat', body } }),
  }).catch(() => undefined)
  const job = (await answer?.json().catch(() => undefined)) as { id: string } | undefined
  return job?.id
}

/** What the replica holds now, as a new file; undefined while there is nothing. */
async function restored(name: string): Promise<string | undefined> {
  const file = join(folder, name)
  rmSync(file, { force: true })
  const args = ['restore', '-config', config, '-o', file, '-if-replica-exists', join(folder, 'data/foreman.db')]
  // While the replica is written to, a file of it may go away under the reader.
  await runProgram(litestream, args).catch(() => undefined)
  return existsSync(file) ? file : undefined
}

function idsIn(file: string): Set<string> {
  const db = new Database(file)
  try {
    return new Set(db.prepare<[], string>('SELECT id FROM job').pluck().all())
  } finally {
    db.close()
  }
}

const tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE '\\_litestream%' ESCAPE '\\'"

test('after both are killed at work, foreman goes on from the replica with every job that had reached it', async () => {
  const data = join(folder, 'data')
  const foreman = await startForeman(data)
  const following = follow()
  const acknowledged: string[] = []
  const caller = async () => {
    for (let id = await submit(foreman.url); id !== undefined; id = await submit(foreman.url)) acknowledged.push(id)
  }
  const callers = Promise.all([caller(), caller(), caller()])
  await until('three hundred jobs', () => acknowledged.length >= 300)
  const marked = acknowledged.length
  const last = acknowledged[marked - 1]!
  await until('the replica has the last of them', async () => {
    const file = await restored('look.db')
    return file !== undefined && idsIn(file).has(last)
  })
  await Promise.all([end(following, 'SIGKILL'), foreman.kill(), callers])

  const file = await restored('last.db')
  const ids = idsIn(file!)
  expect(acknowledged.slice(0, marked).filter((id) => !ids.has(id))).toEqual([])
  process.stdout.write(`acknowledged ${acknowledged.length} jobs, ${ids.size} are in the replica\n`)

  const moved = join(folder, 'moved')
  const { code, stderr } = await runScript('restore', [file!], { env: { FOREMAN_DATA: moved } })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const second = await startForeman(moved)
  for (const id of ids) {
    const answer = await fetch(`${second.url}/jobs/${id}?wait=60`)
    expect(((await answer.json()) as { state: string }).state).toBe('done')
  }
})

test('foreman starts where Litestream has left tables of its own, which a backup takes along', async () => {
  const data = join(folder, 'data')
  const db = new Database(join(data, 'foreman.db'), { readonly: true })
  expect(db.prepare(tables).pluck().all()).not.toEqual([])
  db.close()
  const foreman = await startForeman(data)
  const id = await submit(foreman.url)
  const answer = await fetch(`${foreman.url}/jobs/${id}?wait=60`)
  expect(((await answer.json()) as { state: string }).state).toBe('done')
  const backup = join(folder, 'backup.db')
  const { code, stderr } = await runScript('backup', [backup], { env: { FOREMAN_DATA: data } })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
})

test('a replica is restored as the page shows, and Litestream goes on in it from there', async () => {
  const data = join(folder, 'data')
  const foreman = daemons.at(-1)!
  const reaches = (id: string | undefined) =>
    until('a job reaches the replica', async () => {
      const file = await restored('look.db')
      return file !== undefined && idsIn(file).has(id!)
    })
  const following = follow()
  const before = await submit(foreman.url)
  await reaches(before)
  await Promise.all([end(following, 'SIGTERM'), foreman.stop()])

  const page = textOf('docs', 'keep.md')
  const [shown = ''] = snippetsIn(page, 'sh').filter((block) => block.startsWith('litestream restore'))
  const here = shown
    .replace('litestream restore -config litestream.yml', `${litestream} restore -config ${config}`)
    .replaceAll(/(?<= )\/(backups|data)\b/g, `${folder}/$1`)
  mkdirSync(join(folder, 'backups'))
  execFileSync('sh', ['-ec', here], { cwd: root, env: { ...process.env, FOREMAN_DATA: data }, stdio: 'ignore' })

  const second = await startForeman(data)
  expect((await fetch(`${second.url}/jobs/${before}`)).status).toBe(200)
  follow()
  await reaches(await submit(second.url))
  expect(idsIn(join(folder, 'look.db'))).toContain(before)
})
