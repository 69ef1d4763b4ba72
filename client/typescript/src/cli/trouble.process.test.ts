// What goes wrong, and what somebody at the command line is told about it: each with its exit code.

import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Command, played, valuesOf } from '../../../../scripts/command.harness.ts'
import { freePort } from '../../../../scripts/demo/daemon.ts'
import { setStage, type Stage } from '../../../../scripts/page.harness.ts'
import { ForemanError, type Job } from '../index.ts'
import { Caller } from './caller.ts'
import { failureOf } from './failure.ts'

let stage: Stage

beforeAll(async () => {
  stage = await setStage({ models: ['m'] }, { FOREMAN_TOKEN: 'first,second', FOREMAN_ABSENT_HOLD: '0' })
})

afterAll(() => stage?.close())

const call = (args: string[], env: Record<string, string> = {}, input?: string) =>
  new Command(args, { env: { FOREMAN_URL: stage.url, ...env }, input }).ended
const admitted = { FOREMAN_TOKEN: 'second' }

test.each([
  'run m Hi',
  'submit -',
  'watch',
  'watch job_1',
  'get job_1',
  'list',
  'cancel job_1',
  'pull m',
  'plan',
  'status',
])('%s says that nobody listens there, and what to do, and ends with 3', async (line) => {
  const url = `http://127.0.0.1:${await freePort()}`
  const { stdout, stderr, code } = await call([...line.split(' '), '--url', url])
  expect({ stdout, code }).toEqual({ stdout: '', code: 3 })
  expect(stderr).toContain(`no foreman at ${url}: connect ECONNREFUSED`)
  expect(stderr).toContain('npm start')
})

test('without a token, and with a wrong one, it says which is the matter and ends with 4', async () => {
  for (const line of [['status'], ['pull', 'm'], ['run', 'm', 'Hi'], ['watch']]) {
    const none = await call(line)
    expect(none).toMatchObject({ stdout: '', code: 4 })
    expect(none.stderr).toContain('This foreman wants a token: set FOREMAN_TOKEN')
    const wrong = await call(line, { FOREMAN_TOKEN: 'third' })
    expect(wrong.code).toBe(4)
    expect(wrong.stderr).toContain('not one of its tokens')
    expect(wrong.stderr).not.toContain('third')
  }
})

test('a token comes from the environment, a file or an option', async () => {
  const file = join(stage.folder, 'token')
  writeFileSync(file, 'first\n')
  expect((await call(['status'], admitted)).code).toBe(0)
  expect((await call(['status'], { FOREMAN_TOKEN: 'first,second' })).code).toBe(0)
  expect((await call(['status'], { FOREMAN_TOKEN_FILE: file })).code).toBe(0)
  expect((await call(['status', '--token-file', file])).code).toBe(0)
  expect((await call(['status'], { FOREMAN_TOKEN: '', FOREMAN_TOKEN_FILE: file })).code).toBe(0)
  expect(new Caller({ url: '' }).url).toBe('http://127.0.0.1:11435')
  const missing = await call(['status'], { FOREMAN_TOKEN_FILE: join(stage.folder, 'nothing') })
  expect(missing.code).toBe(2)
  expect(missing.stderr).toContain("the token's file")
})

test('a token that is typed, or the file of it, goes before the environment', async () => {
  const file = join(stage.folder, 'token')
  writeFileSync(file, 'first\n')
  expect((await call(['status', '--token', 'second'], { FOREMAN_TOKEN: 'third' })).code).toBe(0)
  expect((await call(['status', '--token-file', file], { FOREMAN_TOKEN: 'third' })).code).toBe(0)
  const typed = await call(['status', '--token-file', join(stage.folder, 'nothing')], admitted)
  expect(typed).toMatchObject({ code: 2, stderr: expect.stringContaining("the token's file: ENOENT") as unknown })
})

test('a token that cannot be sent, and a password in the address, are told of and not told', async () => {
  const file = join(stage.folder, 'two-lines')
  writeFileSync(file, 'secret\nsecond\n')
  for (const args of [
    ['--token-file', file],
    ['--url', 'http://me:secret@127.0.0.1:1'],
  ]) {
    const { code, stderr } = await call(['status', ...args])
    expect(code).toBe(2)
    expect(stderr).toMatch(/the token is not one word|foreman takes a token/)
    expect(stderr).not.toContain('secret')
  }
})

test('what foreman refuses is told with its reason and ends with 4', async () => {
  for (const command of ['get', 'watch', 'artifacts'])
    expect(await call([command, 'job_nobody'], admitted)).toEqual({
      code: 4,
      stdout: '',
      stderr: 'foreman: job_nobody: no such job\n',
    })
  const lines =
    '\n{"request":{"endpoint":"/api/chat","body":{"model":"m","messages":[]}}}\n\n{"request":{"endpoint":"/api/chat","body":{}}}\n{"a":1}\n'
  const { stdout, stderr, code } = await call(['submit', '-'], admitted, lines)
  expect({ stdout, code }).toEqual({ stdout: '', code: 4 })
  expect(stderr).toMatch(/^foreman: these lines are refused\n {2}line 4: \/request\/body\/model: /)
  expect(stderr).toMatch(/^ {2}line 5: \/request: is missing$/m)
})

async function told(args: string[], input?: string): Promise<string> {
  const { stderr, stdout, code } = await call(args, admitted, input)
  expect({ stdout, code }).toEqual({ stdout: '', code: 2 })
  return stderr
}

test('what is typed wrong ends with 2 and says what', async () => {
  expect(await told([])).toContain('foreman --help')
  expect(await told(['lst'])).toContain('Did you mean list?')
  expect(await told(['get'])).toContain("missing required argument 'id'")
  expect(await told(['list', '--state', 'doing'])).toContain('queued, loading, working')
  expect(await told(['list', '--limit', '0'])).toContain('whole number')
  expect(await told(['run', 'm', 'Hi', '--label', 'a'])).toContain('key=value')
  expect(await told(['submit', '-', '--key', ''])).toContain('Expected a word')
  expect(await told(['status', '--url', 'localhost:1'])).toContain('no http address')
})

test('what cannot be read, or says nothing, ends with 2', async () => {
  expect(await told(['run', 'm', ' '])).toContain('the prompt is empty')
  expect(await told(['run', 'm', '-'], '\n')).toContain('the prompt is empty')
  expect(await told(['get', 'job_1', '--include', 'all'])).toContain('Expected request or response')
  expect(await told(['submit', join(stage.folder, 'nothing')])).toContain('ENOENT')
  expect(await told(['submit', stage.folder])).toContain(`${stage.folder}: EISDIR`)
  expect(await told(['submit', '-'], '{"a":1}\n[1]\n')).toContain('line 2 is no JSON object')
  expect(valuesOf(await told(['get', '--json']))).toMatchObject([{ error: { code: 'usage' } }])
})

test('what went wrong here is not told to be foreman that is away', () => {
  const failure = failureOf(new RangeError('too long'), { token: false })
  expect(failure).toEqual({ code: 'internal', detail: 'too long', exit: 1 })
})

test.each([
  ['target_failed', /foreman retry/],
  ['timed_out', /--timeout/],
  ['target_refused', undefined],
  ['canceled', undefined],
])('what is said about a job that ended by %s can help', (code, hint) => {
  const job = { id: 'job_1' } as Job
  const said = failureOf(new ForemanError(code, 'no', { job }), { token: false }).hint
  if (hint) expect(said).toMatch(hint)
  else expect(said).toBeUndefined()
})

test('an Ollama in the place of foreman is found out', async () => {
  const { stderr, code } = await call(['status', '--url', stage.fake.url])
  expect(code).toBe(3)
  expect(stderr).toContain(`what answers at ${stage.fake.url} is not foreman`)
})

test('artifacts writes nothing outside of its folder, and nothing that is damaged', async () => {
  let name = '../up'
  const { url, close } = await played(({ url = '' }, response) => {
    const artifact = { name, content_type: 'text/plain', size_bytes: 1, sha256: 'b', url: '', partial: false }
    response.setHeader('content-type', 'application/json')
    response.end(url.startsWith('/trpc') ? JSON.stringify({ result: { data: { data: [artifact] } } }) : 'a')
  })
  const folder = join(stage.folder, 'in')
  const up = await call(['artifacts', 'job_1', '-o', folder, '--url', url])
  expect(up).toEqual({ stdout: '', stderr: 'foreman: "../up" is no name for a file\n', code: 1 })
  name = 'C:up'
  expect((await call(['artifacts', 'job_1', '-o', folder, '--url', url])).stderr).toContain('no name for a file')
  const file = join(stage.folder, 'file')
  writeFileSync(file, '')
  expect((await call(['artifacts', 'job_1', '-o', file, '--url', url])).stderr).toContain(
    `${file} cannot be made a folder`,
  )
  name = 'output.txt'
  const damaged = await call(['artifacts', 'job_1', '-o', folder, '--url', url])
  expect(damaged).toEqual({ stdout: '', stderr: 'foreman: output.txt arrived damaged\n', code: 1 })
  expect(readdirSync(folder)).toEqual([])
  close()
})

test('what a job failed by, and what foreman refuses by, cannot steer a terminal', async () => {
  const detail = 'no \u001B]0;title\u0007\u009B2J'
  const job = { id: 'job_1', state: 'failed', error: { code: 'target_failed', detail }, response: { a: detail } }
  const { url, close } = await played(({ url: path = '' }, response) => {
    response.setHeader('content-type', 'application/json')
    const problem = {
      code: -32_600,
      message: detail,
      data: { problem: { code: 'invalid_request', status: 422, detail } },
    }
    if (path.includes('jobs.list')) response.writeHead(422).end(JSON.stringify({ error: problem }))
    else if (path.startsWith('/trpc')) response.end(JSON.stringify({ result: { data: job } }))
    else response.writeHead(204).end()
  })
  for (const args of [['watch', 'job_1'], ['list'], ['list', '--json'], ['watch', 'job_1', '--json']]) {
    const { stdout, stderr } = await call([...args, '--url', url])
    expect(stderr).toContain('title')
    expect(stdout + stderr).not.toMatch(/(?!\n)\p{Cc}/u)
  }
  close()
})

test('a batch is sent again when the answer says so, whoever gives it', async () => {
  let sent = 0
  const { url, close } = await played(({ url: path = '' }, response) => {
    if (path !== '/jobs/batch') response.end('{"result":{"data":{"data":[]}}}')
    else if (++sent > 1) response.end('{"data":[{"id":"job_1"}]}')
    else response.writeHead(503, { 'retry-after': '1' }).end('<html>later</html>')
  })
  const body = '{"request":{"endpoint":"/api/chat","body":{"model":"m","messages":[]}}}'
  const { stdout, code } = await call(['submit', '-', '--url', url], {}, body)
  expect({ stdout, code, sent }).toEqual({ stdout: 'job_1\n', code: 0, sent: 2 })
  const impatient = await played((_, response) => response.writeHead(503, { 'retry-after': '61' }).end())
  await expect(new Caller({ url: impatient.url }).ask('/')).rejects.toMatchObject({ status: 503, retry_after_s: 61 })
  impatient.close()
  close()
})

test('a pull that ends before its success has failed', async () => {
  const { url, close } = await played((_, response) => response.end('{"status":"pulling manifest"}\n'))
  const pulled = await call(['pull', 'm', '--url', url])
  expect(pulled).toMatchObject({ stdout: 'pulling manifest\n', code: 1 })
  expect(pulled.stderr).toContain('m: the pull broke off')
  close()
})

test('help and the version end with 0 and need no foreman', async () => {
  const { stdout, code } = await call(['--help'])
  expect(code).toBe(0)
  expect(stdout).toContain('Exit codes: 0 done')
  expect(await call(['run', '--help'])).toMatchObject({ code: 0, stderr: '' })
  expect((await call(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})

test('a target that is away: a pull says so and ends with 3, a run says why it waits until Ctrl-C', async () => {
  await stage.fake.refuse()
  const pulled = await call(['pull', 'm'], admitted)
  expect(pulled.code).toBe(3)
  expect(pulled.stderr).toContain('foreman status')
  const running = new Command(['run', 'm', 'Hi'], { env: { FOREMAN_URL: stage.url, ...admitted } })
  await running.until(/waiting: target (?:down|asleep); the job stays, and runs when the target is back/)
  running.interrupt()
  expect(await running.ended).toMatchObject({ code: 130, stdout: '' })
  const [last] = valuesOf((await call(['list', '--json'], admitted)).stdout)
  expect(last).toMatchObject({ state: 'canceled' })
})
