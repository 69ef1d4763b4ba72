// docs/security.md held to a whole foreman: every row of its table of routes is asked for without a token, with a wrong one,
// under a foreign Host and by a foreign page; every route there is stands in it. And what it says of the lock file.
import { request, type IncomingHttpHeaders } from 'node:http'
import { beforeEach, describe, expect, test } from 'vitest'
import { openForeman, type Foreman } from '../server/app.harness.ts'
import { textOf } from './page.harness.ts'

const page = textOf('docs', 'security.md')
const token = 'token-of-the-page'
const good = { authorization: `Bearer ${token}` }
const evil = 'https://evil.example'

interface Row {
  route: string
  tokenless: string
  host: string
  origin: string
}

/** A row of the page's table has many routes; here each has one. */
const rows: Row[] = [...page.matchAll(/^\| (.*`[A-Z]+ \/.*) \| (\w+) \| (\w+) \| (\w+) \|$/gm)].flatMap(
  ([, routes, tokenless, host, origin]) =>
    [...routes!.matchAll(/`([A-Z]+ [^`]+)`/g)].map(([, route]) => ({ route, tokenless, host, origin }) as Row),
)

/** Asks for a route and lets go when the head of the answer is there: some never end. */
function ask(foreman: Foreman, route: string, headers: Record<string, string>) {
  const [method = '', pattern = ''] = route.split(' ')
  const { port } = new URL(foreman.url)
  const path = pattern.replaceAll(/\{\w+\}/g, 'job_nobody')
  return new Promise<{ status: string; headers: IncomingHttpHeaders }>((resolve, reject) => {
    const asked = request({
      port,
      host: '127.0.0.1',
      method,
      path,
      headers: { host: 'localhost', 'x-asked': 'here', ...headers },
    })
    asked.once('error', reject).once('response', (answer) => {
      resolve({ status: String(answer.statusCode), headers: answer.headers })
      answer.destroy()
    })
    asked.end()
  })
}

/** What came to the target of what was asked here: foreman has questions of its own. */
const passed = ({ fake }: Foreman) =>
  fake.requests.filter(({ headers }) => headers.some(([name]) => name === 'x-asked')).map(({ path }) => path)

test('every route of the documents stands in the table, once', () => {
  const { paths } = JSON.parse(textOf('openapi', 'openapi.json')) as { paths: Record<string, object> }
  const documented = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  const told = rows.map(({ route }) => route)
  expect(told).toEqual(expect.arrayContaining(documented))
  expect(new Set(told).size).toBe(told.length)
})

describe('with a token set', () => {
  let foreman: Foreman
  beforeEach(async () => {
    foreman = await openForeman({ settings: { TOKEN: token } })
  })

  test('without one, or with a wrong one, each route answers as the page says, and the target hears of nothing', async () => {
    const none: Record<string, string>[] = [{}, { authorization: 'Bearer wrong' }, { 'x-api-key': 'wrong' }]
    for (const headers of none) {
      for (const { route, tokenless } of rows) {
        const { status } = await ask(foreman, route, headers)
        expect(`${route}: ${status}`).toBe(`${route}: ${tokenless}`)
      }
    }
    expect(passed(foreman)).toEqual([])
  })

  test('with it each of them is let in', async () => {
    for (const { route } of rows) {
      const { status } = await ask(foreman, route, good)
      // A procedure that is none is let in, too, and answers 404.
      const shut = route.includes('/trpc/') ? ['401', '403', '404'] : ['401', '403']
      expect([route, shut.includes(status) ? status : 'let in']).toEqual([route, 'let in'])
    }
    expect(passed(foreman)).toEqual(expect.arrayContaining(['/', '/api/tags', '/v1/models', '/anything']))
  })

  test('a page of a foreign origin that has it is told what the page says', () => foreign(foreman, good))
})

describe('without a token set', () => {
  let foreman: Foreman
  beforeEach(async () => {
    foreman = await openForeman()
  })

  test('a foreign Host is refused everywhere, and the target hears of nothing', async () => {
    for (const { route, host } of rows) {
      const { status } = await ask(foreman, route, { host: 'evil.example' })
      expect(`${route}: ${status}`).toBe(`${route}: ${host}`)
    }
    expect(passed(foreman)).toEqual([])
  })

  test('a page of a foreign origin is told what the page says', () => foreign(foreman, {}))
})

async function foreign(foreman: Foreman, headers: Record<string, string>): Promise<void> {
  for (const { route, origin } of rows) {
    const { status, headers: told } = await ask(foreman, route, { ...headers, origin: evil })
    const seen = ['401', '403'].includes(status) ? status : 'unread'
    expect(`${route}: ${seen}`).toBe(`${route}: ${origin}`)
    expect(told['access-control-allow-origin']).toBeUndefined()
    const [method = '', path = ''] = route.split(' ')
    const preflight = { ...headers, origin: evil, 'access-control-request-method': method }
    expect([route, (await ask(foreman, `OPTIONS ${path}`, preflight)).status]).toEqual([route, '403'])
  }
}

test('every package of the lock file is pinned by its digest, and none runs a script at install', () => {
  const { packages } = JSON.parse(textOf('package-lock.json')) as {
    packages: Record<string, { integrity?: string; hasInstallScript?: boolean; link?: boolean }>
  }
  const fetched = Object.entries(packages).filter(([path, { link }]) => path.includes('node_modules/') && !link)
  expect(fetched.length).toBeGreaterThan(100)
  expect(fetched.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))).toEqual([])
  expect(fetched.filter(([, { hasInstallScript }]) => hasInstallScript)).toEqual([])
})
