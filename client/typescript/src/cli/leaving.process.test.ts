// Whoever reads the results, or types Ctrl-C, leaves before their end; and results that cannot be written.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { Command, commandLine, environment, played } from '../../../../scripts/command.harness.ts'

test('a reader that has enough ends it without a word', async () => {
  const [node, main] = commandLine
  const env = environment()
  const { stdout, stderr } = await promisify(execFile)('sh', ['-c', '"$0" "$1" --help | head -n 1', node, main], {
    env,
  })
  expect({ stdout, stderr }).toEqual({ stdout: 'Usage: foreman [options] [command]\n', stderr: '' })
})

test('a reader that has enough of a run cancels its job', async () => {
  const asked: string[] = []
  let events: ServerResponse | undefined
  const say = (id: number) => events?.write(`id: 1-${id}\nevent: output\ndata: {"response":"word "}\n\n`)
  const { url, close } = await played(({ url: path = '' }, response) => {
    asked.push(path)
    if (path === '/jobs') response.end('{"id":"job_1","state":"working"}')
    else if (path !== '/jobs/job_1/events') response.end('{"result":{"data":{"id":"job_1","state":"canceled"}}}')
    else {
      events = response.setHeader('content-type', 'text/event-stream')
      say(1)
    }
  })
  const [node, ...main] = commandLine
  const running = spawn(node, [...main, 'run', 'm', 'Hi', '--url', url], { stdio: ['ignore', 'pipe', 'pipe'] })
  let told = ''
  running.stderr.on('data', (piece: Buffer) => (told += piece.toString()))
  const ended = once(running, 'close')
  await once(running.stdout, 'data')
  running.stdout.destroy()
  say(2)
  const [code] = await ended
  expect({ code, told }).toEqual({ code: 0, told: '' })
  expect(asked).toContain('/trpc/jobs.cancel')
  close()
})

test('a run that is left and cannot cancel its job says which one goes on', async () => {
  const { url, close } = await played(({ url: path = '' }, response) => {
    if (path === '/jobs') response.end('{"id":"job_1","state":"queued"}')
    else if (path === '/jobs/job_1/events') response.setHeader('content-type', 'text/event-stream').write(':\n\n')
    else response.writeHead(500).end()
  })
  const running = new Command(['run', 'm', 'Hi'], { env: { FOREMAN_URL: url } })
  await running.until(/foreman does not answer/)
  running.interrupt()
  const { stderr, code } = await running.ended
  expect(code).toBe(130)
  expect(stderr).toContain('job_1 could not be canceled: `foreman cancel job_1`')
  close()
})

test('a job whose answer was cut is handed in again as the same, and not left to itself', async () => {
  const keys: unknown[] = []
  const { url, close } = await played(async (request, response) => {
    if (request.method !== 'POST') return response.writeHead(404).end()
    keys.push((JSON.parse(await text(request)) as { idempotency_key: unknown }).idempotency_key)
    return keys.length === 1 ? request.socket.destroy() : response.writeHead(403).end()
  })
  const { code } = await new Command(['run', 'm', 'Hi'], { env: { FOREMAN_URL: url } }).ended
  expect(code).toBe(3)
  expect(keys).toEqual([expect.any(String), keys[0]])
  close()
})

test('a run that is left before its job is known cancels the job that its key finds', async () => {
  const asked: string[] = []
  const handed = Promise.withResolvers<void>()
  const { url, close } = await played(({ url: path = '' }, response) => {
    asked.push(path)
    if (path !== '/jobs') return response.end('{"result":{"data":{"id":"job_1","state":"canceled"}}}')
    if (asked.length > 1) return response.end('{"id":"job_1","state":"queued"}')
    return handed.resolve()
  })
  const running = new Command(['run', 'm', 'Hi'], { env: { FOREMAN_URL: url } })
  await handed.promise
  running.interrupt()
  expect(await running.ended).toMatchObject({ code: 130, stderr: '' })
  expect(asked).toEqual(['/jobs', '/jobs', '/trpc/jobs.cancel'])
  close()
})

const full = '/dev/full'

test.skipIf(!existsSync(full))('results that cannot be written are an error of one line, and end with 1', async () => {
  const [node, main] = commandLine
  const { url, close } = await played((_, response) => response.end('{"result":{"data":{"id":"job_1"}}}'))
  const env = environment({ FOREMAN_URL: url })
  for (const line of ['cancel job_1', '--help']) {
    const command = `"$0" "$1" ${line} > ${full}; echo $?`
    const { stdout, stderr } = await promisify(execFile)('sh', ['-c', command, node, main], { env })
    expect(stdout).toBe('1\n')
    expect(stderr).toMatch(/^foreman: ENOSPC: .*\n$/)
  }
  close()
})
