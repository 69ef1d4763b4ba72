// Who may be called. Who may not, and for which reason, has its table in webhooks/hostile.test.ts.

import { describe, expect, test } from 'vitest'
import { Receivers } from './receiver.ts'

/** Why the URL, or its name once it is resolved to these addresses, is refused. */
function refusal(url: string, allow: string[], addresses: string[]): string | undefined {
  const receivers = new Receivers(allow)
  const { protocol, hostname } = new URL(url)
  const reasons = [
    receivers.refusal(url),
    ...addresses.map((address) => receivers.addressRefusal(protocol, hostname, address)),
  ]
  return reasons.find((reason) => reason !== undefined)
}

describe('is called:', () => {
  const rows: [url: string, allow: string[], addresses?: string[]][] = [
    // Anybody in public, over TLS.
    ['https://example.com/hook', [], ['93.184.215.14', '2606:2800:21f:cb07::1']],
    ['https://example.com:8443/hook?key=1#part', [], ['93.184.215.14']],
    ['https://93.184.215.14/', []],
    ['https://[2606:2800:21f:cb07::1]/', []],
    ['https://[::ffff:93.184.215.14]/', []],
    ['https://example.com/', [], ['64:ff9b::5db8:d70e']],
    ['https://xn--bcher-kva.example/', [], ['93.184.215.14']],
    ['https://bücher.example/', [], ['93.184.215.14']],
    // The edges of what is private.
    ['https://example.com/', [], ['126.255.255.255', '128.0.0.0', '9.255.255.255', '11.0.0.0']],
    ['https://example.com/', [], ['172.15.255.255', '172.32.0.0', '192.167.255.255', '192.169.0.0']],
    [
      'https://example.com/',
      [],
      ['100.63.255.255', '100.128.0.0', '169.253.255.255', '169.255.0.0', '223.255.255.255'],
    ],
    // What only looks hostile: it is no other host's, as the parser that decides is the one that calls.
    ['https://example.com\\@127.0.0.1/', [], ['93.184.215.14']],
    ['https://example.com/?to=http://127.0.0.1/', [], ['93.184.215.14']],
    ['https://example.com#@127.0.0.1/', [], ['93.184.215.14']],
    ['https://127.0.0.1.example/', [], ['93.184.215.14']],
    ['https://localhost.example/', [], ['93.184.215.14']],
    ['https://hooks.lan/', [], ['93.184.215.14']],
    // Whom the setting lists by range or address, over TLS or not.
    ['http://10.1.2.3/', ['10.0.0.0/8']],
    ['https://10.1.2.3/', ['10.0.0.0/8']],
    ['http://0x0a.1.2.3/', ['10.1.2.3']],
    ['http://[::ffff:10.1.2.3]/', ['10.0.0.0/8']],
    ['http://10.1.2.3/', ['::ffff:10.0.0.0/104']],
    ['http://10.1.2.3/', ['::ffff:10.1.2.3']],
    ['http://hooks.lan/', ['10.0.0.0/8'], ['10.1.2.3']],
    ['http://hooks.lan:8080/', ['10.0.0.0/8', 'fd00::/8'], ['10.1.2.3', 'fd12::1']],
    ['http://[fd12::1]/', ['fd00::/8']],
    ['http://[0:0::0:1]/', ['::1']],
    ['http://127.0.0.1:3000/', ['127.0.0.0/8']],
    ['http://localhost:3000/', ['127.0.0.1', '::1'], ['127.0.0.1', '::1']],
    ['http://localhost:3000/', ['127.0.0.1'], ['127.0.0.1']],
    ['http://localhost:3000/', ['::1'], ['::1']],
    ['http://100.100.1.1/', ['100.64.0.0/10']],
    ['http://198.18.0.1/', ['198.18.0.0/15']],
    // A public range that is listed is somebody's own: IPv6 at home has no other.
    ['http://nas.lan/', ['192.168.1.0/24', '2001:470:1::/48'], ['192.168.1.5', '2001:470:1::5']],
    // Whom it lists by name.
    ['http://hooks.lan/', ['hooks.lan'], ['192.168.1.5', 'fd12::1', '127.0.0.1', '100.64.0.1']],
    ['http://HOOKS.lan./', ['hooks.lan'], ['192.168.1.5']],
    ['https://hooks.lan/', ['hooks.lan'], ['93.184.215.14', '192.168.1.5']],
    ['http://localhost/', ['localhost'], ['::1', '127.0.0.1']],
    ['http://under_score:8000/', ['under_score'], ['172.17.0.2']],
  ]

  test.each(rows)('%s with %j listed', (url, allow, addresses = []) => {
    expect(refusal(url, allow, addresses)).toBeUndefined()
  })
})

test('a listed name stands for itself: not for names below or above it, nor for its address', () => {
  const allow = ['hooks.lan']
  for (const url of ['https://a.hooks.lan/', 'https://lan/', 'https://hooks.lan.example/', 'https://192.168.1.5/'])
    expect(refusal(url, allow, ['192.168.1.5'])).toMatch('192.168.1.5: a private address')
})

test('a range of one family lists nobody of the other', () => {
  expect(refusal('https://[fd12::1]/', ['0.0.0.0/0'], [])).toMatch('a private address')
  expect(refusal('https://10.0.0.1/', ['::/0'], [])).toMatch('a private address')
})

test('a name that is listed may have a private address in plain http, and no public one', () => {
  const allow = ['nas.lan']
  expect(refusal('http://nas.lan/', allow, ['192.168.1.5', '2001:470:1::5'])).toBe(
    'nas.lan resolves to 2001:470:1::5: plain http goes only to private hosts that FOREMAN_WEBHOOK_ALLOW lists',
  )
})
