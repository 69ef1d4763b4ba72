// The whole examination, as a process, of a foreman that runs and of one that does not.

import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openForeman, type Foreman } from '../../server/app.harness.ts'
import { afterwards, openFake, temporaryFolder } from '../../server/app.stage.ts'
import { runScript } from '../command.harness.ts'
import { Asker } from './ask.ts'
import type { Finding } from './finding.ts'
import { examineRunning } from './running.ts'

const token = 'a-token-of-some-length'

/** What the doctor is told of a foreman. */
const settingsOf = (foreman: Foreman, more: Record<string, string> = {}) => ({
  FOREMAN_TARGET: foreman.fake.url,
  FOREMAN_DATA: foreman.folder,
  FOREMAN_LISTEN: new URL(foreman.url).host,
  FOREMAN_TOKEN: token,
  ...more,
})

async function examine(env: Record<string, string>, cwd = temporaryFolder()) {
  const { code, stdout, stderr } = await runScript('doctor', ['--json'], { env, cwd })
  const { well, findings } = JSON.parse(stdout) as { well: boolean; findings: Finding[] }
  expect({ stderr, code }).toEqual({ stderr: '', code: well ? 0 : 1 })
  const of = (what: string) =>
    findings.filter((one) => one.what === what).map(({ verdict, said }) => `${verdict}: ${said}`)
  const wrong = findings.filter(({ verdict }) => verdict === 'fail').map(({ what }) => what)
  return { findings, of, wrong }
}

/** An edge: it hands everything on, but what it keeps. */
async function edgeBefore(url: string, kept: string[] = []): Promise<string> {
  const server = createServer((asked, answer) => {
    if (kept.includes(asked.url ?? '')) return void answer.writeHead(404).end('not here')
    const { method, headers } = asked
    const on = request(url + asked.url, { method, headers }, (back) => {
      answer.writeHead(back.statusCode ?? 502, back.headers)
      back.pipe(answer)
    })
    asked.pipe(on)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  afterwards(() => new Promise((done) => (server.close(done), server.closeAllConnections())))
  return `http://localhost:${(server.address() as AddressInfo).port}`
}

test('a foreman that runs and lacks nothing: a line for each thing, and 0', async () => {
  const foreman = await openForeman({ settings: { TOKEN: token } })
  const { code, stdout } = await runScript('doctor', [], { env: settingsOf(foreman), cwd: temporaryFolder() })
  expect(code).toBe(0)
  const lines = stdout.trim().split('\n')
  expect(lines.filter((line) => !/^(ok {2}|warn) {2}[^:]+: \S/.test(line))).toEqual([])
  const whats = lines.map((line) => /^\w+ +([^:]+):/.exec(line)?.[1]).filter((what) => what !== 'file system')
  expect(whats).toEqual(
    'node,settings,data folder,database,free space,commits,target,models,/v1/responses,wake-on-lan,webhooks,foreman,links,clock'.split(
      ',',
    ),
  )
  expect(stdout).toContain(`foreman: ready at ${foreman.url}`)
  expect(stdout).toMatch(/commits: [\d.]+ ms each, [\d.]+ ms at most: \d+ submits a second/)
  expect(stdout).toMatch(/models: 4: /)
  expect(readdirSync(foreman.folder).filter((name) => name.startsWith('.'))).toEqual([])
})

test('where none runs, nothing is made, and a target that nobody has started is what fails', async () => {
  const folder = temporaryFolder()
  const fake = await openFake()
  await fake.close()
  const env = { FOREMAN_DATA: join(folder, 'data'), FOREMAN_LISTEN: '127.0.0.1:9', FOREMAN_TARGET: fake.url }
  const { of, wrong } = await examine(env)
  expect(wrong).toEqual(['target'])
  expect(of('target')[0]).toContain('the connection was refused: nobody listens there')
  expect(of('foreman')).toEqual(['ok: none runs here'])
  expect(of('data folder')[0]).toContain('is not there yet')
  expect(existsSync(join(folder, 'data'))).toBe(false)
  const waking = await examine({ ...env, FOREMAN_WAKE_MAC: '02:00:5e:10:00:00' })
  expect(waking.of('target')[0]).toMatch(/^warn: .*try to wake it/)
})

test('every mistake in the settings is a line, and nothing else is looked at', async () => {
  const { findings } = await examine({ FOREMAN_TARGET: 'nowhere', FOREMAN_HOLT: '1m' })
  expect(findings.map(({ what, verdict }) => `${verdict} ${what}`)).toEqual([
    'ok node',
    'fail settings',
    'fail settings',
  ])
  expect(findings.map(({ said }) => said).join('\n')).toContain('FOREMAN_HOLT is not a setting; accepted: FOREMAN_HOLD')
})

test('an argument that it does not have is code 2', async () => {
  expect(await runScript('doctor', ['--jason'])).toEqual({
    code: 2,
    stdout: '',
    stderr: 'usage: npm run doctor [-- --json]\n',
  })
})

test('links that lead back to the foreman that runs are well, those that lead to another one or nowhere are not', async () => {
  const foreman = await openForeman({ settings: { TOKEN: token } })
  const listen = { host: '127.0.0.1', port: Number(new URL(foreman.url).port) }
  const linksBy = async (publicUrl: string) => {
    const settings = { listen, publicUrl, tokens: [token], data: foreman.folder }
    const findings = await examineRunning(settings, new Asker())
    return findings.filter(({ what }) => what === 'links').map(({ verdict, said }) => `${verdict}: ${said}`)
  }
  const edge = await edgeBefore(foreman.url)
  expect(await linksBy(edge)).toEqual([`ok: ${edge} leads back here`])
  const shy = await edgeBefore(foreman.url, ['/metrics'])
  expect(await linksBy(shy)).toEqual([`ok: ${shy} leads to a foreman, perhaps this one`])
  const astray = await edgeBefore(foreman.url, ['/livez'])
  expect(await linksBy(astray)).toEqual([`fail: ${astray} does not lead to foreman: /livez is answered 404`])
  expect(await linksBy('http://localhost:9')).toEqual([
    expect.stringMatching(/^warn: .* cannot be reached from here: /),
  ])
})

test('a foreman that has the folder and does not answer where it should, and somebody else who does, are told', async () => {
  const foreman = await openForeman({ settings: { TOKEN: token } })
  const at = async (port: number) => {
    const listen = { host: '127.0.0.1', port }
    const [finding] = await examineRunning({ listen, publicUrl: null, tokens: [], data: foreman.folder }, new Asker())
    return `${finding?.verdict}: ${finding?.said}`
  }
  expect(await at(9)).toMatch(/^fail: one has .*, and does not answer at http:\/\/127\.0\.0\.1:9: /)
  expect(await at(foreman.fake.port)).toMatch(/^fail: somebody else answers at /)
  await foreman.close()
  expect(await at(9)).toBe('ok: none runs here')
})
