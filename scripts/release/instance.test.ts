// A release that is repeated: what a Gitea has already, told by a stand-in of its API, is not handed in again. That what it
// has not is handed in, by npm and twine themselves, is tried in scripts/deploy/workflows.deploy.ts.

import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Instance } from './instance.ts'

const names = {
  npm: ['foreman-client-1.2.3.tgz'],
  pypi: ['foreman_client-1.2.3-py3-none-any.whl', 'foreman_client-1.2.3.tar.gz'],
}
let folder: string
let server: Server
let instance: Instance
/** What was asked, and what is answered by path. */
let asked: string[]
let answers: Record<string, { status: number; body: unknown }>

const place = (registry: string) => `/api/v1/packages/alice/${registry}/foreman-client/1.2.3/files`
const digest = (name: string) => createHash('sha256').update(name).digest('hex')

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'foreman-instance-'))
  for (const name of Object.values(names).flat()) writeFileSync(join(folder, name), name)
  asked = []
  answers = {}
  for (const [registry, files] of Object.entries(names))
    answers[place(registry)] = { status: 200, body: files.map((name) => ({ name, sha256: digest(name) })) }
  server = createServer((req, res) => {
    asked.push(`${req.method} ${req.url} ${req.headers.authorization}`)
    const { status, body } = answers[req.url!] ?? { status: 500, body: {} }
    req.resume().on('end', () => res.writeHead(status).end(JSON.stringify(body)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  instance = new Instance({ url, repository: 'alice/foreman', user: 'alice', token: 'secret' })
})

afterEach(() => {
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

test('what both registries have is not handed in again', async () => {
  await instance.publish(folder, '1.2.3')
  expect(asked).toEqual([`GET ${place('npm')} token secret`, `GET ${place('pypi')} token secret`])
})

test('a file that is there with other bytes is said, and nothing is put in its place', async () => {
  answers[place('npm')] = { status: 200, body: [{ name: names.npm[0], sha256: digest('another') }] }
  await expect(instance.publish(folder, '1.2.3')).rejects.toThrow('npm has another foreman-client-1.2.3.tgz')
  expect(asked).toHaveLength(1)
})

test('a registry that does not tell what it has is handed nothing', async () => {
  answers[place('npm')] = { status: 401, body: { message: 'token is required' } }
  await expect(instance.publish(folder, '1.2.3')).rejects.toThrow('what npm has was not told: 401')
})

test('a page of the release that is there is left as it is, and another refusal is said', async () => {
  const pages = '/api/v1/repos/alice/foreman/releases'
  answers[pages] = { status: 409, body: { message: 'Release is there already' } }
  await instance.release('v1.2.3', 'new')
  answers[pages] = { status: 403, body: { message: 'no' } }
  await expect(instance.release('v1.2.3', 'new')).rejects.toThrow('the release was not made: 403')
})
