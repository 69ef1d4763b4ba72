// Which credentials are a token, whatever a header holds. How the door asks is server.test.ts.
import { describe, expect, test } from 'vitest'
import { Hosts, Tokens } from './auth.ts'

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const basic = (text: string, scheme = 'Basic') => ({
  authorization: `${scheme} ${Buffer.from(text).toString('base64')}`,
})

describe('tokens', () => {
  test('of a rotation are each accepted, whatever was asked before and whichever is longer', () => {
    const tokens = new Tokens(['old', 'a-much-longer-new-one'])
    for (const token of ['a-much-longer-new-one', 'old', 'a-much-longer-new-one']) {
      expect(tokens.accepts(bearer(token))).toBe(true)
      expect(tokens.accepts(bearer('wrong'))).toBe(false)
    }
    // What is left of the one before is no part of this one.
    expect(tokens.accepts(bearer('a-much-longer-new-one'))).toBe(true)
    for (const part of ['ol', 'a', 'a-much-longer-new-on', 'old-much-longer-new-one', 'old\0'])
      expect([part, tokens.accepts(bearer(part))]).toEqual([part, false])
  })

  test('that were taken out of a rotation are accepted no more', () => {
    expect(new Tokens(['new']).accepts(bearer('old'))).toBe(false)
  })

  test('are bytes: a password of more than ASCII is compared as UTF-8', () => {
    const tokens = new Tokens(['schlüssel'])
    expect(tokens.accepts(basic(':schlüssel'))).toBe(true)
    expect(tokens.accepts(basic(':schlussel'))).toBe(false)
    expect(tokens.accepts({ authorization: `Basic ${Buffer.from(':schlüssel', 'latin1').toString('base64')}` })).toBe(
      false,
    )
  })

  test('may hold a colon, and the name before a password may be anything without one', () => {
    const tokens = new Tokens(['a:b'])
    expect(tokens.accepts(bearer('a:b'))).toBe(true)
    expect(tokens.accepts(basic(':a:b'))).toBe(true)
    expect(tokens.accepts(basic('någon annan:a:b', 'BASIC'))).toBe(true)
    expect(tokens.accepts(basic('a:b'))).toBe(false)
  })

  test('are needed by nobody when there are none, and then none is right', () => {
    const tokens = new Tokens([])
    expect(tokens.required).toBe(false)
    for (const headers of [bearer(''), bearer('x'), basic(':'), { 'x-api-key': '' }, {}])
      expect(tokens.accepts(headers)).toBe(false)
  })
})

describe('a Host', () => {
  test('is the address that a connection came in on, in its plain form, and no other', () => {
    const hosts = new Hosts([])
    expect(hosts.accepts('192.168.1.5:11435', '::ffff:192.168.1.5')).toBe(true)
    expect(hosts.accepts('[fd00::1]:11435', 'fd00::1')).toBe(true)
    expect(hosts.accepts('192.168.1.6', '192.168.1.5')).toBe(false)
    for (const host of [
      'localhost@evil.example',
      'evil.example#localhost',
      'localhost evil',
      '',
      undefined,
      '[::1',
      '127.1',
    ])
      expect([host, hosts.accepts(host, '127.0.0.1')]).toEqual([host, false])
  })
})
