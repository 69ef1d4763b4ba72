// `npm run simulated-ollama` by hand.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const script = join(import.meta.dirname, 'simulated-ollama.ts')
const child = spawn(process.execPath, [script, '0'])
let line: string
let url: string

beforeAll(async () => {
  ;[line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
  url = /listens on (\S+);/.exec(line)?.[1] ?? ''
})

afterAll(() => child.kill())

async function post(path: string, body: object): Promise<string> {
  return (await fetch(url + path, { method: 'POST', body: JSON.stringify(body) })).text()
}

test('it answers on the address that it says, and embeds with the model that it names for that', async () => {
  const [, model] = /embeddings, (\S+) listens/.exec(line) ?? []
  const answer = JSON.parse(await post('/api/embed', { model, input: 'x' })) as object
  expect(answer).toMatchObject({ model, embeddings: [expect.any(Array)] })
})

test('it pulls what it has, and the one that it says it can', async () => {
  const [, other] = /can pull (\S+)/.exec(line) ?? []
  const statuses = async (model?: string) =>
    (await post('/api/pull', { model }))
      .trim()
      .split('\n')
      .map((text) => (JSON.parse(text) as { status: string }).status)
  const known = await statuses('llama3.2')
  expect(known.filter((status) => /^pulling \w{12}$/.test(status))).toHaveLength(2)
  expect(known.at(-1)).toBe('success')
  const brought = await statuses(other)
  expect(brought.length).toBeGreaterThan(known.length)
  expect(brought.at(-1)).toBe('success')
})

test('it calls a function that is offered', async () => {
  const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } }]
  const messages = [{ role: 'user', content: 'Look' }]
  expect(await post('/api/chat', { model: 'llama3.2', messages, tools, stream: false })).toContain('"tool_calls"')
})

test('it says how it is started, also to who names no port', () => {
  const run = (...args: string[]) => spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' })
  expect(run('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('-- PORT') as unknown, stderr: '' })
  for (const port of ['x', '65536', '-1'])
    expect(run(port)).toMatchObject({ status: 2, stderr: expect.stringContaining(`"${port}" is no port`) as unknown })
})
