// What is asked of others: the target, the receiver, a foreman that runs, and their clocks; and whether a packet could wake the target.

import type { RequestListener } from 'node:http'
import { expect, test } from 'vitest'
import { openFake } from '../../server/app.stage.ts'
import { played } from '../command.harness.ts'
import { Asker } from './ask.ts'
import { examineClock } from './clock.ts'
import { examineReceiver } from './receiver.ts'
import { examineRunning } from './running.ts'
import { examineTarget } from './target.ts'
import { examineWake } from './wake.ts'

const ollama = {
  '/api/version': '{"version":"0.33.0"}',
  '/': 'Ollama is running',
  '/api/ps': '{"models":[]}',
  '/api/tags': '{"models":[]}',
}

/** What is found of a target that answers these paths, and 404 to all others. */
async function found(paths: Record<string, string | number>) {
  const { url, close } = await played((request, answer) => {
    const said = paths[request.url ?? '']
    if (typeof said === 'string') answer.end(said)
    else answer.writeHead(said ?? 404).end()
  })
  const findings = await examineTarget({ target: url, targetToken: null, wakeMac: null }, new Asker())
  close()
  return findings.map(({ what, verdict }) => `${verdict} ${what}`)
}

test('an Ollama is well, whichever models it has', async () => {
  const { url } = await openFake()
  const [target, models, responses] = await examineTarget(
    { target: url, targetToken: null, wakeMac: null },
    new Asker(),
  )
  expect(target).toMatchObject({ verdict: 'ok', said: `${url}, Ollama 0.33.0` })
  expect(models?.said).toMatch(/^4: .*alpha:latest/)
  expect(responses?.verdict).toBe('ok')
})

test.each([
  ['an old one without models', ollama, ['ok target', 'warn models', 'warn /v1/responses']],
  ['one that wants a token', { '/api/version': 401 }, ['fail target']],
  ['a page', { '/api/version': '<html>' }, ['fail target']],
  ['another program', { ...ollama, '/': 'llama-swap' }, ['warn target', 'warn models', 'warn /v1/responses']],
  ['one that hides its memory', { ...ollama, '/api/ps': 404 }, ['fail target', 'warn models', 'warn /v1/responses']],
  ['one that lists no models', { ...ollama, '/api/tags': 500 }, ['ok target', 'fail models', 'warn /v1/responses']],
])('of a target that is %s the report says so', async (_, paths, expected) => {
  expect(await found(paths)).toEqual(expected)
})

test('a target that listens where a browser would not go is asked all the same, and one without an address is told', async () => {
  const said = async (target: string) =>
    (await examineTarget({ target, targetToken: null, wakeMac: null }, new Asker()))[0]?.said
  expect(await said('http://127.0.0.1:9')).toContain('the connection was refused')
  expect(await said('http://nowhere.invalid')).toMatch(/its name (has no address|cannot be looked up just now)/)
})

test('the token of the target is sent to it', async () => {
  const seen: (string | undefined)[] = []
  const { url, close } = await played((request, answer) => (seen.push(request.headers.authorization), answer.end()))
  await examineTarget({ target: url, targetToken: 'secret', wakeMac: null }, new Asker())
  close()
  expect(seen).toEqual(['Bearer secret'])
})

async function receiverOf(listener: RequestListener, allow: string[]) {
  const { url, close } = await played(listener)
  const settings = { webhookUrl: `${url}/hook`, webhookAllow: allow, webhookSecrets: [Buffer.alloc(32)] as never }
  const finding = await examineReceiver(settings, new Asker())
  close()
  return finding
}

test('a receiver that answers is well, whatever it says to a HEAD, and is only asked', async () => {
  const seen: string[] = []
  const listener: RequestListener = (request, answer) => (
    seen.push(`${request.method} ${request.url}`),
    answer.writeHead(405).end()
  )
  const finding = await receiverOf(listener, ['127.0.0.1'])
  expect(finding).toMatchObject({ verdict: 'ok', said: expect.stringContaining('answers (405 to an unsigned HEAD)') })
  expect(seen).toEqual(['HEAD /hook'])
})

test('a receiver that may not be called is not, and the reason is that of a delivery', async () => {
  const seen: string[] = []
  const finding = await receiverOf((request) => seen.push(request.url ?? ''), [])
  expect(finding).toMatchObject({
    verdict: 'fail',
    said: expect.stringMatching(/127\.0\.0\.1.*FOREMAN_WEBHOOK_ALLOW does not list/),
  })
  expect(seen).toEqual([])
})

/** What is found of a foreman that says this, behind an edge that leads to another one. */
async function running(ready: object, born: number) {
  const foreman =
    (at: number): RequestListener =>
    (request, answer) => {
      if (request.url === '/readyz') answer.end(JSON.stringify(ready))
      else if (request.url === '/livez') answer.end('{"status":"alive"}')
      else answer.end(`process_start_time_seconds ${at}\n`)
    }
  const [one, other] = [await played(foreman(1)), await played(foreman(born))]
  const listen = { host: '127.0.0.1', port: Number(new URL(one.url).port) }
  const settings = { listen, publicUrl: other.url, tokens: [], data: '/nowhere' }
  const findings = await examineRunning(settings, new Asker())
  for (const { close } of [one, other]) close()
  return findings.map(({ what, verdict, said }) => `${verdict} ${what}: ${said.replaceAll(/http:\S+/g, '…')}`)
}

test('a foreman that is not ready is told with what is wrong; links that lead to another one are, too', async () => {
  const checks = [
    { name: 'store', status: 'fail', detail: 'the disk is full' },
    { name: 'target', status: 'warn', detail: 'asleep' },
  ]
  expect(await running({ checks }, 2)).toEqual([
    'fail foreman: not ready at … store the disk is full',
    'fail links: … leads to another foreman',
  ])
  expect(await running({ checks: [] }, 1)).toEqual(['ok foreman: ready at …', 'ok links: … leads back here'])
})

const mac = '02:00:5e:10:00:00'
const target = 'http://192.168.1.20:11434'
const lan = { address: '192.168.1.7', netmask: '255.255.255.0', family: 'IPv4' as const, internal: false }
const bridge = { ...lan, address: '172.18.0.2', netmask: '255.255.0.0' }

test.each([
  ['ok', 'no MAC', { wakeMac: null }, [lan], false],
  ['ok', 'a MAC', {}, [lan], false],
  ['ok', 'the broadcast of its network', { wakeBroadcast: '192.168.1.255' }, [lan], false],
  ['warn', 'the broadcast of another network', { wakeBroadcast: '192.168.2.255' }, [lan], false],
  ['fail', 'the MAC of a group', { wakeMac: '01:00:5e:10:00:00' }, [lan], false],
  ['fail', 'the MAC of nobody', { wakeMac: '00-00-00-00-00-00' }, [lan], false],
  ['warn', 'a target on this machine', { target: 'http://127.0.0.1:11434' }, [lan], false],
  ['warn', 'a container on a bridge', {}, [bridge], true],
  ['ok', 'a container with the network of its host', {}, [bridge, lan], true],
])('waking is %s with %s', (verdict, _, more, addresses, container) => {
  const settings = { wakeMac: mac, wakeBroadcast: '255.255.255.255', target, ...more }
  expect(examineWake(settings, { addresses, container }).verdict).toBe(verdict)
})

const at = (wall: number, monotonic: number) => ({ wall, monotonic })

test('a clock is compared with those of others, and with itself', () => {
  const verdicts = (ms: number) =>
    examineClock([{ who: 'the target', ms }], at(0, 0), at(1000, 1000)).map((one) => one.verdict)
  expect([verdicts(900), verdicts(-6_000), verdicts(400_000)]).toEqual([['ok'], ['warn'], ['fail']])
  expect(examineClock([{ who: 'this machine', ms: 400_000 }], at(0, 0), at(10, 10))[0]).toMatchObject({ verdict: 'ok' })
  const [set] = examineClock([], at(0, 0), at(61_000, 1_000))
  expect(set).toMatchObject({ verdict: 'warn', said: 'it was set by 60.0 s while this ran' })
})

test('whose clock is off is told, by how much and in which direction', async () => {
  const date = new Date(Date.now() - 20_000).toUTCString()
  const { url, close } = await played((_, answer) => answer.setHeader('date', date).end('{}'))
  const asker = new Asker()
  await asker.ask('the target', url)
  close()
  expect(examineClock(asker.skews, at(0, 0), at(0, 0))[0]?.said).toMatch(/^the target is (19|20|21) s behind$/)
})
