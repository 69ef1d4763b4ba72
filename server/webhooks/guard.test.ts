// The way to a receiver as it is really gone: names come from a name server over UDP that changes its mind, and who is
// called is seen by those who listen.

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer as createPlainServer, type AddressInfo, type LookupFunction } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { promisify } from 'node:util'
import { Agent, request } from 'undici'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Guard, ReceiverRefused, type GuardOptions } from './guard.ts'
import { listen, openNames } from './names.harness.ts'

/** An address of this machine that is not listed. Only Linux has all of 127.0.0.0/8. */
const other = process.platform === 'linux' ? '127.0.0.2' : '::1'

function agent(options: GuardOptions): Agent {
  const dispatcher = new Agent({ connect: new Guard(options).connect, connections: 1 })
  onTestFinished(() => dispatcher.destroy())
  return dispatcher
}

const call = async (dispatcher: Agent, url: string) => {
  const { statusCode, body } = await request(url, { method: 'POST', body: '{}', dispatcher })
  await body.dump()
  return statusCode
}

/** The reason of a refusal; every other end is an end of the test. */
async function refusalOf(calling: Promise<unknown>): Promise<string> {
  const error: unknown = await calling.then(
    () => new Error('the call was made'),
    (thrown: unknown) => thrown,
  )
  if (error instanceof ReceiverRefused) return error.message
  throw error
}

describe('a name that is rebound', () => {
  test('between two look-ups: what was checked is what is called, and the next attempt is refused', async () => {
    const good = await listen('127.0.0.1')
    const bad = await listen(other, good.port)
    const { lookup, asked } = await openNames({ 'rebind.test': [['127.0.0.1'], [other]] })
    const dispatcher = agent({ allow: ['127.0.0.1'], lookup })
    const url = `http://rebind.test:${good.port}/`
    expect(await call(dispatcher, url)).toBe(204)
    expect(asked).toEqual(['rebind.test'])
    await good.hangUp()
    expect(await refusalOf(call(dispatcher, url))).toMatch(`rebind.test resolves to ${other}: a loopback address`)
    expect(asked).toEqual(['rebind.test', 'rebind.test'])
    expect([good.connections, bad.connections]).toEqual([['127.0.0.1'], []])
  })

  test('after the check at submit: the delivery is refused', async () => {
    const inner = await listen('127.0.0.1')
    const { lookup } = await openNames({ 'rebind.test': [['127.0.0.1']] })
    const url = `https://rebind.test:${inner.port}/`
    expect(new Guard({ allow: [], lookup }).refusal(url)).toBeUndefined()
    expect(await refusalOf(call(agent({ allow: [], lookup }), url))).toMatch('rebind.test resolves to 127.0.0.1')
    expect(inner.connections).toEqual([])
  })

  test('while a connection is kept: calls go on to the address that was checked when it was made', async () => {
    const good = await listen('127.0.0.1')
    const bad = await listen(other, good.port)
    const { lookup, asked } = await openNames({ 'rebind.test': [['127.0.0.1'], [other]] })
    const dispatcher = agent({ allow: ['127.0.0.1'], lookup })
    const url = `http://rebind.test:${good.port}/`
    expect([await call(dispatcher, url), await call(dispatcher, url)]).toEqual([204, 204])
    expect(asked).toHaveLength(1)
    expect([good.connections, bad.connections]).toEqual([['127.0.0.1'], []])
  })
})

describe('a name with several addresses', () => {
  test.each([
    ['a good one and then a bad one', ['127.0.0.1', '10.0.0.1']],
    ['a bad one and then a good one', ['10.0.0.1', '127.0.0.1']],
    ['a good IPv4 one and a bad IPv6 one', ['127.0.0.1', 'fd00::1']],
    ['a good one and one that wraps a bad one', ['127.0.0.1', '::ffff:a00:1']],
  ])('%s is not called at all', async (_what, addresses) => {
    const good = await listen('127.0.0.1')
    const { lookup, asked } = await openNames({ 'both.test': [addresses] })
    const calling = call(agent({ allow: ['127.0.0.1'], lookup }), `http://both.test:${good.port}/`)
    expect(await refusalOf(calling)).toMatch('which FOREMAN_WEBHOOK_ALLOW does not list')
    expect(asked).toHaveLength(1)
    expect(good.connections).toEqual([])
  })

  test('is called at the next one when nobody is at the first', async () => {
    const good = await listen('127.0.0.1')
    const { lookup, asked } = await openNames({ 'both.test': [[other, '127.0.0.1']] })
    expect(await call(agent({ allow: ['127.0.0.0/8', '::1'], lookup }), `http://both.test:${good.port}/`)).toBe(204)
    expect(asked).toHaveLength(1)
  })
})

describe('who is listed', () => {
  test('by name is called at its private address, by that name, with Host saying so', async () => {
    const { port, hosts } = await listen('127.0.0.1')
    const { lookup } = await openNames({ 'hooks.test': [['127.0.0.1']], 'sub.hooks.test': [['127.0.0.1']] })
    const dispatcher = agent({ allow: ['hooks.test', '10.0.0.0/8'], lookup })
    expect(await call(dispatcher, `http://hooks.test:${port}/`)).toBe(204)
    expect(await refusalOf(call(dispatcher, `http://sub.hooks.test:${port}/`))).toMatch('sub.hooks.test resolves to')
    expect(await refusalOf(call(dispatcher, `http://127.0.0.1:${port}/`))).toMatch('127.0.0.1: a loopback address')
    expect(hosts).toEqual([`hooks.test:${port}`])
  })

  test('as localhost is found as this machine finds names', async () => {
    const { port } = await listen('127.0.0.1')
    expect(await call(agent({ allow: ['localhost'] }), `http://localhost:${port}/`)).toBe(204)
  })

  test('by address is called without a look-up', async () => {
    const { port } = await listen('127.0.0.1')
    const { lookup, asked } = await openNames({})
    expect(await call(agent({ allow: ['127.0.0.1'], lookup }), `http://127.0.0.1:${port}/`)).toBe(204)
    expect(asked).toEqual([])
  })
})

test('TLS asks for the name, not for the address that was checked', async () => {
  const { promise, resolve } = Promise.withResolvers<string>()
  const server = createTlsServer({ SNICallback: (name, done) => (resolve(name), done(new Error('no certificate'))) })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { lookup } = await openNames({ 'hooks.test': [['127.0.0.1']] })
  const calling = call(
    agent({ allow: ['hooks.test'], lookup }),
    `https://hooks.test:${(server.address() as AddressInfo).port}/`,
  )
  await expect(calling).rejects.toThrow()
  expect(await promise).toBe('hooks.test')
})

test('a redirect is an answer: nobody goes where it points', async () => {
  const elsewhere = await listen('127.0.0.1')
  const first = await listen('127.0.0.1', 0, (_request, response) => {
    response.writeHead(302, { location: `http://127.0.0.1:${elsewhere.port}/` }).end()
  })
  expect(await call(agent({ allow: ['127.0.0.1'] }), `http://127.0.0.1:${first.port}/`)).toBe(302)
  expect(elsewhere.connections).toEqual([])
})

test('proxies of the environment are not used', async () => {
  const receiver = await listen('127.0.0.1')
  const proxy = await listen('127.0.0.1')
  const url = `http://127.0.0.1:${proxy.port}`
  const code = `
    import { Agent, request } from 'undici'
    import { Guard } from './server/webhooks/guard.ts'
    const dispatcher = new Agent({ connect: new Guard({ allow: ['127.0.0.1'] }).connect })
    const { statusCode } = await request('http://127.0.0.1:${receiver.port}/', { dispatcher })
    console.log(statusCode)
    await dispatcher.close()`
  const env = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: url, http_proxy: url, HTTPS_PROXY: url, ALL_PROXY: url }
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], { env })
  expect(stdout).toBe('204\n')
  expect([receiver.connections.length, proxy.connections.length]).toEqual([1, 0])
})

describe('a receiver that is not to be had', () => {
  test('since its name is not found: that is no refusal', async () => {
    const lookup: LookupFunction = (hostname, _options, done) => {
      done(Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: 'ENOTFOUND' }), [])
    }
    await expect(call(agent({ allow: [], lookup }), 'https://nobody.test/')).rejects.toMatchObject({
      code: 'ENOTFOUND',
    })
  })

  test('since the look-up takes for ever: time runs out, and what it says later counts no more', async () => {
    const inner = await listen('127.0.0.1')
    const asked = Promise.withResolvers<() => void>()
    const lookup: LookupFunction = (_hostname, _options, done) => {
      asked.resolve(() => done(null, [{ address: '127.0.0.1', family: 4 }]))
    }
    const calling = call(agent({ allow: ['127.0.0.1'], lookup, connectMs: 1 }), `http://slow.test:${inner.port}/`)
    await expect(calling).rejects.toThrow('timeout: 1ms')
    ;(await asked.promise)()
    // Whoever had gone there late would have come before this one.
    await call(agent({ allow: ['127.0.0.1'] }), `http://127.0.0.1:${inner.port}/`)
    expect(inner.connections).toHaveLength(1)
  })

  test('since its name servers are silent: it takes no more than its share of the threads', async () => {
    const asked: string[] = []
    const lookup: LookupFunction = (hostname) => void asked.push(hostname)
    const dispatcher = agent({ allow: [], lookup, connectMs: 1 })
    const silent = Array.from({ length: 5 }, (_, i) => `silent-${i}.test`)
    const calls = silent.map((name) => expect(call(dispatcher, `https://${name}/`)).rejects.toThrow('timeout: 1ms'))
    await Promise.all(calls)
    expect(asked).toEqual(silent.slice(0, 2))
  })

  test('since TLS is never answered: time runs out', async () => {
    const silent = createPlainServer(() => {}).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    onTestFinished(() => void silent.close())
    const { port } = silent.address() as AddressInfo
    const calling = call(agent({ allow: ['127.0.0.1'], connectMs: 1 }), `https://127.0.0.1:${port}/`)
    await expect(calling).rejects.toThrow('timeout: 1ms')
  })
})
