// What docs/webhooks.md shows in the shell and in TypeScript, run as it stands there. Only addresses are put in. The receivers in
// Go and Python are run by `npm run compat`.

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import type { Delivery } from '../server/job/delivery.ts'
import { outcomes, redelivery } from '../server/job/redelivery.ts'
import { hasCurl, root, setStage, shownAt, snippetsIn, textOf } from './page.harness.ts'
import { ports, Receiver, receiverIn } from './receiver.harness.ts'
import { describeReceiver } from './receiver.suite.ts'

const run = promisify(execFile)
const page = textOf('docs', 'webhooks.md')

describeReceiver('TypeScript', async (folder, port) => {
  project(folder)
  return program(folder, receiverIn('ts').replace(`${ports.webhooks}`, `${port}`))
})

/** A project that has the packages of this one. */
function project(folder: string): void {
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
}

function program(folder: string, code: string): string[] {
  const file = join(folder, 'receiver.ts')
  writeFileSync(file, code)
  return [process.execPath, file]
}

test('the secret that the page makes is one that foreman takes', async () => {
  const { stdout } = await run('sh', ['-ec', snippetsIn(page, 'sh')[0] ?? ''])
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('FOREMAN_'))
  const env = { ...Object.fromEntries(others), FOREMAN_WEBHOOK_SECRET: stdout.trim() }
  const checked = await run(process.execPath, [join(root, 'server/main.ts'), '--check'], { cwd: tmpdir(), env })
  expect(checked.stdout).toMatch(/settings are fine/)
})

test('the receivers in TypeScript have no type error', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'foreman-types-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  project(folder)
  const files = snippetsIn(page, 'ts').map((code, i) => {
    writeFileSync(join(folder, `${i}.ts`), code)
    return `${i}.ts`
  })
  expect(files).toHaveLength(2)
  const compilerOptions = { typeRoots: [join(root, 'node_modules/@types')] }
  const config = { extends: join(root, 'tsconfig.json'), compilerOptions, include: [], files }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { stdout } = await run(process.execPath, [tsc, '-p', folder]).catch((error: { stdout: string }) => error)
  expect(stdout).toBe('')
})

/** The receiver of artifacts, and the folder where it leaves them. */
async function openStore(): Promise<{ receiver: Receiver; folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'foreman-artifacts-'))
  const code = receiverIn('ts', ports.artifacts)
  const command = async (port: number) => program(folder, code.replace(`${ports.artifacts}`, `${port}`))
  const receiver = await Receiver.start({ command, folder, secret: '' })
  onTestFinished(async () => {
    await receiver.stop()
    rmSync(folder, { recursive: true })
  })
  return { receiver, folder }
}

test('the receiver of artifacts takes what is whole and of a known kind, and nothing else', async () => {
  const { receiver, folder } = await openStore()
  const digest = (text: string) => `sha-256=:${createHash('sha256').update(text).digest('base64')}:`
  const put = async (name: string, body: string, more: Record<string, string> = {}) => {
    const headers = { 'content-type': 'application/json', 'content-digest': digest(body), ...more }
    return (await fetch(new URL(name, receiver.url), { method: 'PUT', body, headers })).status
  }
  expect(await put('/a.json', '{}')).toBe(204)
  expect(await put('/b.json', '{}', { 'content-digest': digest('{ }') })).toBe(400)
  expect(await put('/c.html', '{}', { 'content-type': 'text/html' })).toBe(415)
  expect(readdirSync(folder).filter((name) => /^\w\.\w+$/.test(name))).toEqual(['a.json'])
  expect(readFileSync(join(folder, 'a.json'), 'utf8')).toBe('{}')
})

test.skipIf(!hasCurl)('what the job that is shown made arrives, is told as delivered, and is sent again', async () => {
  const { receiver, folder } = await openStore()
  const stage = await setStage({ models: ['llama3.2'] }, { FOREMAN_WEBHOOK_ALLOW: '127.0.0.1' })
  onTestFinished(() => stage.close())
  const { origin } = new URL(receiver.url)
  const shell = async <T>(like: string, put: Record<string, string> = {}): Promise<T> => {
    let text = snippetsIn(page, 'sh').find((snippet) => snippet.includes(like)) ?? ''
    expect(text).toContain(shownAt)
    for (const [shown, here] of Object.entries({ [shownAt]: stage.url, ...put })) text = text.replace(shown, here)
    const { stdout } = await run('sh', ['-ec', text.replace('curl', "curl -sS --fail --noproxy '*'")])
    return JSON.parse(stdout) as T
  }
  const { id } = await shell<{ id: string }>('"deliver"', { [`http://127.0.0.1:${ports.artifacts}`]: origin })
  const job = (await (await fetch(`${stage.url}/jobs/${id}?wait=60`)).json()) as { artifacts: { name: string }[] }
  const deliveries = async () => (await shell<{ data: Delivery[] }>('/deliveries\n', { 'job_…': id })).data
  const delivered = async (tries: number) => {
    for (let data = await deliveries(); ; data = await deliveries())
      if (data.every(({ state, attempts }) => state === 'delivered' && attempts.length >= tries)) return data
  }
  const pushed = await delivered(1)
  expect(pushed.map(({ artifact }) => artifact).toSorted()).toEqual(job.artifacts.map(({ name }) => name).toSorted())
  for (const { name } of job.artifacts) {
    const bytes = await (await fetch(`${stage.url}/jobs/${id}/artifacts/${name}`)).text()
    expect(readFileSync(join(folder, `feed-42-${name}`), 'utf8')).toBe(bytes)
  }
  for (const one of pushed)
    expect(await shell('/redeliver', { 'msg_…': one.id })).toMatchObject({ id: one.id, state: 'pending' })
  await delivered(2)
})

test('the page tells the tries and the outcomes as they are', () => {
  const words = (ms: number) => {
    const [count, unit] = ms < 60_000 ? [ms / 1000, 's'] : ms < 3_600_000 ? [ms / 60_000, 'min'] : [ms / 3_600_000, 'h']
    return `${count} ${unit}`
  }
  const waits = [0]
  for (let wait = redelivery(1, 0.5); wait !== null; wait = redelivery(waits.length, 0.5)) waits.push(wait)
  const told = /Tries are made after (.+?), each/s.exec(page)?.[1]?.split(/, | and /)
  expect(told).toEqual(waits.map(words))
  const table = page.slice(page.indexOf('| `outcome` |'))
  const rows = [...table.matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)].flatMap(([, names]) => names!.match(/\w+/g))
  expect(rows.slice(1)).toEqual([...outcomes])
})
