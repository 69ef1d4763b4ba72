// Addresses and tokens that are none.

import { expect, test } from 'vitest'
import { Foreman } from './index.ts'

test.each(['localhost:11435', '127.0.0.1:11435', '', 'ftp://127.0.0.1', 'http://127.0.0.1?a'])(
  '"%s" is told to be no address at once, not tried for minutes',
  (url) => {
    expect(() => new Foreman({ url })).toThrow(
      new TypeError(`"${url}" is no http address, such as http://127.0.0.1:11435`),
    )
  },
)

test('neither a password in the address nor a token that cannot be sent is in the error', () => {
  const thrown = (options: { url: string; token?: string }) => {
    try {
      return String(new Foreman(options))
    } catch (error) {
      return (error as Error).stack
    }
  }
  for (const told of [
    thrown({ url: 'http://somebody:secret@127.0.0.1' }),
    thrown({ url: 'http://127.0.0.1', token: 'secret\nsecond' }),
    thrown({ url: 'http://127.0.0.1', token: 'secret…' }),
  ]) {
    expect(told).toContain('TypeError')
    expect(told).not.toContain('secret')
  }
})

test('space around a token is not sent, and an empty one is none', async () => {
  const sent: (string | null)[] = []
  const listen: typeof fetch = async (_, init) => {
    sent.push(new Headers(init?.headers).get('authorization'))
    return new Response('{}', { status: 403 })
  }
  for (const token of ['word\n', '', undefined]) {
    const foreman = new Foreman({ url: 'http://127.0.0.1/', token, fetch: listen })
    await expect(foreman.jobs.submit({ request: { endpoint: '/api/chat', body: {} } })).rejects.toMatchObject({
      status: 403,
    })
  }
  expect(sent).toEqual(['Bearer word', null, null])
})
