// The package in a browser: bundled as pages are, on a page of another origin than foreman's, in Chromium without a window.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runProgram } from '../../real/cache.ts'
import { setStage, type Stage } from '../../page.harness.ts'
import { makeProject, type Project } from './project.ts'

const token = 'token-of-the-page'
const names = [process.env.CHROMIUM ?? '', 'chromium', 'chromium-browser', 'google-chrome']
const chromium = names.find((name) => name !== '' && spawnSync(name, ['--version']).status === 0)

/** What the page does; it sends what came of it to where it came from. */
const page = `import { Foreman, ForemanError } from 'foreman-client'
const chat = { model: 'llama3.2', messages: [{ role: 'user', content: 'Hello' }] }
const told = {}
try {
  const { url, token } = await (await fetch('/foreman')).json()
  const foreman = new Foreman({ url, token, unreachable_ms: 5_000 })
  const { message } = await foreman.chat(chat, { labels: { by: 'chat' } })
  let parts = ''
  for await (const part of await foreman.chat({ ...chat, stream: true })) parts += part.message.content
  told.same = parts === message.content && parts !== ''
  const { data } = await foreman.jobs.list({ label: 'by:chat' })
  told.jobs = data.map(({ state }) => state)
  const events = []
  for await (const event of foreman.jobs.events(data[0].id)) events.push(event)
  told.ends = [events[0].event, events.at(-1).event]
  const rest = []
  for await (const event of foreman.jobs.events(data[0].id, { after: events[1].id })) rest.push(event)
  told.resumed = JSON.stringify(rest) === JSON.stringify(events.slice(2))
  told.artifact = (await (await foreman.jobs.artifact(data[0].id, 'output.txt')).text()) === message.content
  told.missing = await foreman.chat({ ...chat, model: 'nobody' }).catch((error) => [error instanceof ForemanError, error.code])
  told.refused = await new Foreman({ url }).chat(chat).catch(({ code, status }) => [code, status])
  told.moved = await new Foreman({ url: '/moved', token }).chat(chat).catch(({ code, message }) => [code, message])
  const abort = new AbortController()
  const left = foreman.chat(chat, { signal: abort.signal, labels: { by: 'leaving' } })
  abort.abort(new Error('left'))
  told.left = await left.catch((error) => error.message)
} catch (error) {
  told.error = String(error.stack)
}
await fetch('/told', { method: 'POST', body: JSON.stringify(told) })
`

let project: Project
let stage: Stage
let server: Server
let browser: ChildProcess | undefined
let told: Promise<unknown>
let origin: string

beforeAll(async () => {
  if (!chromium) throw new Error('no Chromium: install the package chromium, or say in CHROMIUM where one is')
  project = await makeProject(['rolldown@1.2.19'])
  writeFileSync(join(project.folder, 'page.js'), page)
  const bundle = join(project.folder, 'bundle.js')
  await runProgram(join(project.folder, 'node_modules/.bin/rolldown'), [
    join(project.folder, 'page.js'),
    '--platform=browser',
    '--format=esm',
    `--file=${bundle}`,
  ])
  const arrived = Promise.withResolvers<unknown>()
  told = arrived.promise
  server = createServer(async (request, answer) => {
    if (request.url === '/told') arrived.resolve(JSON.parse(await text(request)))
    if (request.url?.startsWith('/moved')) return answer.writeHead(301, { location: stage.url }).end()
    const [type, body] =
      request.url === '/bundle.js'
        ? ['text/javascript', readFileSync(bundle)]
        : request.url === '/foreman'
          ? ['application/json', JSON.stringify({ url: stage.url, token })]
          : ['text/html', '<!doctype html><script type="module" src="/bundle.js"></script>']
    return answer.writeHead(200, { 'content-type': type as string }).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  stage = await setStage({ models: ['llama3.2'], tokens: 5 }, { FOREMAN_TOKEN: token, FOREMAN_CORS_ORIGINS: origin })
}, 300_000)

afterAll(async () => {
  if (browser?.exitCode === null) {
    const gone = once(browser, 'exit')
    browser.kill()
    await gone
  }
  server?.closeAllConnections()
  server?.close()
  await stage?.close()
  project?.remove()
})

test('a page of another origin calls, streams, follows, fetches and leaves', async () => {
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run']
  const profile = `--user-data-dir=${join(project.folder, 'profile')}`
  browser = spawn(chromium as string, [...flags, '--no-proxy-server', profile, origin], { stdio: 'ignore' })
  const ended = once(browser, 'exit').then(([code]) => ({ error: `Chromium ended: ${code}` }))
  expect(await Promise.race([told, ended])).toEqual({
    same: true,
    jobs: ['done'],
    ends: ['state', 'end'],
    resumed: true,
    artifact: true,
    missing: [true, 'model_missing'],
    refused: ['unauthorized', 401],
    moved: ['unreachable', 'a redirect: the url to set is that of foreman itself'],
    left: 'left',
  })
})
