// deploy/foreman.service held to systemd's own judgement, and foreman run as far under its restrictions as goes without a
// systemd that runs: installed as docs/systemd.md says, as nobody, on a file system it cannot write, with every system call
// and every kind of socket it asks for held against what the unit lets through.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadConfig } from '../../server/config.ts'
import { startFake } from '../../server/ollama/fake/fake.ts'
import { root, snippetsIn, textOf } from '../page.harness.ts'
import { runProgram } from '../real/cache.ts'
import { fromDebian } from './tools.ts'

const unit = textOf('deploy', 'foreman.service')
/** All values of a key, in their order. */
const all = (key: string) => [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value]) => value as string)
const one = (key: string) => all(key).join(' ')
const place = '/opt/foreman'
const nobody = 65534
const token = 'token-of-the-unit'

let folder: string
let installed: string
/** The unit as it would be if foreman were installed where it is for this test. */
let moved: string

beforeAll(async () => {
  await fromDebian({ 'systemd-analyze': 'systemd', strace: 'strace' })
  folder = mkdtempSync(join(tmpdir(), 'foreman-systemd-'))
  chmodSync(folder, 0o755)
  installed = join(folder, 'foreman')
  mkdirSync(installed)
  await runProgram('sh', ['-ec', `cd '${root}' && git ls-files -z | xargs -0 tar c | tar x -C '${installed}'`])
  const npm = /^npm ci .*$/m.exec(snippetsIn(textOf('docs', 'systemd.md'), 'sh').join('\n'))?.[0] ?? 'false'
  await runProgram('sh', ['-ec', `cd '${installed}' && ${npm}`])
  moved = join(folder, 'foreman.service')
  writeFileSync(moved, unit.replaceAll(place, installed))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('systemd has nothing to say of the unit, not even a word about a key it does not know', async () => {
  // It answers 0 for unknown keys: what counts is that it is silent.
  expect(await runProgram('sh', ['-c', `systemd-analyze verify '${moved}' 2>&1`])).toBe('')
})

test('its exposure is 1.3 of 10 at most', async () => {
  await runProgram('systemd-analyze', ['security', '--offline=true', '--threshold=13', moved])
})

test('it waits longer for the end than foreman takes for it, and then kills all of it', () => {
  const { stopGrace } = loadConfig({}, () => '')
  expect(Number(one('TimeoutStopSec')) * 1000).toBeGreaterThan(stopGrace + 20_000)
  expect(one('KillMode')).toBe('mixed')
})

test('it starts what npm start does', () => {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: { start: string } }
  const [, started] = /exec node (.*)$/.exec(scripts.start) ?? []
  expect(one('ExecStart')).toBe(`${place}/node_modules/.bin/node ${started}`)
})

test('under its restrictions foreman does a job and stops in order, and asks for nothing that they keep from it', async () => {
  const fake = await startFake({ models: ['alpha'] })
  const foreman = await restricted(fake.url.replace('127.0.0.1', 'localhost'))
  try {
    const body = { request: { endpoint: '/api/chat', body: { model: 'alpha', messages: [] } } }
    const jobs = `${foreman.url}/jobs?wait=60`
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const answer = await fetch(jobs, { method: 'POST', headers, body: JSON.stringify(body) })
    expect(((await answer.json()) as { state: string }).state).toBe('done')
    expect((await fetch(jobs)).status).toBe(401)
  } finally {
    const ended = once(foreman.child, 'exit')
    foreman.child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
    await fake.close()
  }
  const trace = readFileSync(foreman.trace, 'utf8')
  const calls = new Set([...trace.matchAll(/^\d+ +([a-z]\w*)\(/gm)].map(([, name]) => name as string))
  expect(calls.size).toBeGreaterThan(50)
  const passing = await filtered()
  // Which starts it is systemd's own, before the filter.
  expect([...calls].filter((name) => name !== 'execve' && !passing.has(name))).toEqual([])
  const families = new Set([...trace.matchAll(/\bsocket\((AF_\w+)/g)].map(([, name]) => name as string))
  expect(one('RestrictAddressFamilies').split(' ')).toEqual(expect.arrayContaining([...families]))
  // Denied, and not let by: how the file system said no.
  expect(trace).not.toMatch(/ = -1 EROFS/)
})

/** foreman as the unit starts it: nobody, without capabilities, and only state, cache and trace are not read-only. */
async function restricted(target: string): Promise<{ url: string; child: ChildProcess; trace: string }> {
  const state = join(folder, 'private')
  const link = join(folder, 'state')
  const cache = join(folder, 'cache')
  const traces = join(folder, 'traces')
  const credential = join(folder, 'token')
  for (const path of [state, cache, traces]) mkdirSync(path, { mode: 0o700 })
  // As systemd has it for a user that is nobody in particular.
  symlinkSync(state, link)
  writeFileSync(credential, token, { mode: 0o400 })
  const trace = join(traces, 'trace')
  const flags = one('ExecStart').replaceAll(place, installed)
  const own = [state, cache, traces]
  const script = [
    `chown ${nobody} ${[...own, credential].join(' ')}`,
    ...own.map((path) => `mount --bind ${path} ${path}`),
    'mount -o remount,bind,ro /',
    `cd ${installed}`,
    `umask ${one('UMask')}`,
    `exec setpriv --reuid ${nobody} --regid ${nobody} --clear-groups --bounding-set=-all --no-new-privs strace -D -f -qq -o ${trace} ${flags}`,
  ]
  const child = spawn('unshare', ['-m', '--propagation', 'private', 'bash', '-ec', script.join('\n')], {
    env: {
      PATH: process.env.PATH,
      FOREMAN_LISTEN: '127.0.0.1:0',
      FOREMAN_TARGET: target,
      FOREMAN_DATA: link,
      FOREMAN_TOKEN_FILE: credential,
      NODE_COMPILE_CACHE: cache,
      NODE_ENV: 'production',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface({ input: child.stdout })) {
    const [, url] = /"listening on (\S+)"/.exec(line) ?? []
    if (url === undefined) continue
    child.stdout.resume()
    return { url, child, trace }
  }
  throw new Error('foreman ended before it listened')
}

/** The system calls that the unit lets through, by systemd's own lists. */
async function filtered(): Promise<Set<string>> {
  const lists = new Map<string, string[]>()
  let names: string[] = []
  for (const line of (await runProgram('systemd-analyze', ['syscall-filter', '--no-pager'])).split('\n')) {
    if (line.startsWith('@')) lists.set(line, (names = []))
    else if (/^ +[@\w]/.test(line)) names.push(line.trim())
  }
  const members = (name: string): string[] => (name.startsWith('@') ? lists.get(name)!.flatMap(members) : [name])
  const [allowed = '', denied = ''] = all('SystemCallFilter')
  const without = new Set(denied.replace('~', '').split(' ').flatMap(members))
  return new Set(
    allowed
      .split(' ')
      .flatMap(members)
      .filter((name) => !without.has(name)),
  )
}
