// URLs that would make foreman somebody's way into its own network. Each is refused for its reason, before anything
// is connected to: at submit when the URL alone shows it, else when a connection for a delivery is asked for.

import type { LookupFunction } from 'node:net'
import { Agent, request } from 'undici'
import { describe, expect, test } from 'vitest'
import { Guard, ReceiverRefused } from './guard.ts'

const loopback = 'a loopback address, which FOREMAN_WEBHOOK_ALLOW does not list'
const inside = 'a private address, which FOREMAN_WEBHOOK_ALLOW does not list'
const special = 'an address for special purposes, which FOREMAN_WEBHOOK_ALLOW does not list'
const nat = 'an address behind carrier-grade NAT, which FOREMAN_WEBHOOK_ALLOW does not list'
const here = 'a name of this machine, which FOREMAN_WEBHOOK_ALLOW does not list'
const plain = 'plain http goes only to private hosts that FOREMAN_WEBHOOK_ALLOW lists'
const metadata = 'a metadata service, which is never called'
const linkLocal = 'a link-local address, which is never called'
const unspecified = 'an unspecified address, which is never called'
const multicast = 'a multicast address, which is never called'
const reserved = 'a reserved address, which is never called'
const user = 'a user in the URL is not sent, and would be shown to others'
const noHttp = 'not an http or https URL'
const noName = 'its host is no name that could be looked up'

/** Everything that can be allowed. */
const all = ['0.0.0.0/0', '::/0', 'listed.example', 'localhost', 'metadata.google.internal']

/** What the names of the tables resolve to, in the order in which a resolver gives them. */
const names: Record<string, string[]> = {
  'to-loopback.example': ['127.0.0.1'],
  'to-loopback6.example': ['::1'],
  'to-private.example': ['192.168.1.10'],
  'to-ula.example': ['fd12:3456::1'],
  'to-mapped.example': ['::ffff:10.0.0.1'],
  'to-nat64.example': ['64:ff9b::a9fe:a9fe'],
  'to-6to4.example': ['2002:7f00:1::1'],
  'to-zone.example': ['fe80::1%eth0'],
  'good-then-bad.example': ['93.184.215.14', '127.0.0.1'],
  'bad-then-good.example': ['10.1.2.3', '93.184.215.14'],
  'good4-bad6.example': ['93.184.215.14', 'fd00::1'],
  'good6-bad4.example': ['2606:2800:21f:cb07::1', '0.0.0.0'],
  'public.example': ['93.184.215.14'],
  '169.254.169.254.nip.io': ['169.254.169.254'],
  'listed.example': ['169.254.0.23'],
  'nobody.example': [],
  'nonsense.example': ['0x7f.1'],
}

const lookup = ((hostname, _options, done) => {
  const found = names[hostname] ?? []
  done(
    null,
    found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
  )
}) as LookupFunction

/** Why a URL is refused: by itself, or by whoever was to connect; undefined when it was not refused at all. */
async function refused(url: string, allow: string[]): Promise<{ submit?: string; connect?: string }> {
  const guard = new Guard({ allow, lookup, connectMs: 1 })
  const submit = guard.refusal(url)
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) return { submit }
  const dispatcher = new Agent({ connect: guard.connect })
  const error: unknown = await request(url, { dispatcher }).catch((thrown: unknown) => thrown)
  await dispatcher.destroy()
  return { submit, connect: error instanceof ReceiverRefused ? error.message : undefined }
}

describe('what the URL alone shows', () => {
  const rows: [url: string, reason: string, allow?: string[]][] = [
    ['https://127.0.0.1/', `127.0.0.1: ${loopback}`],
    ['https://127.255.255.254/', `127.255.255.254: ${loopback}`],
    ['https://127.1/', `127.0.0.1: ${loopback}`],
    ['https://2130706433/', `127.0.0.1: ${loopback}`],
    ['https://0x7f000001/', `127.0.0.1: ${loopback}`],
    ['https://0x7f.0.0.1/', `127.0.0.1: ${loopback}`],
    ['https://0177.0.0.01/', `127.0.0.1: ${loopback}`],
    ['https://017700000001/', `127.0.0.1: ${loopback}`],
    ['https://127.0.0.1./', `127.0.0.1: ${loopback}`],
    ['https://%31%32%37.0.0.1/', `127.0.0.1: ${loopback}`],
    ['https://１２７.0.0.1/', `127.0.0.1: ${loopback}`],
    ['https://①②⑦.0.0.1/', `127.0.0.1: ${loopback}`],
    ['https://127。0。0。1/', `127.0.0.1: ${loopback}`],
    ['https://127.0.0.1\\@good.example/', `127.0.0.1: ${loopback}`],
    ['https:\\\\127.0.0.1\\', `127.0.0.1: ${loopback}`],
    ['https:127.0.0.1', `127.0.0.1: ${loopback}`],
    ['https:///127.0.0.1/', `127.0.0.1: ${loopback}`],
    ['https://127.0.\n0.1/', `127.0.0.1: ${loopback}`],
    ['https://127.0.0.1#@good.example/', `127.0.0.1: ${loopback}`],
    ['https://[::1]/', `::1: ${loopback}`],
    ['https://[0:0:0:0:0:0:0:1]/', `::1: ${loopback}`],
    ['https://[::ffff:127.0.0.1]/', `::ffff:7f00:1, which leads to 127.0.0.1: ${loopback}`],
    ['https://[::ffff:0:127.0.0.1]/', `::ffff:0:7f00:1, which leads to 127.0.0.1: ${loopback}`],
    ['https://[64:ff9b::127.0.0.1]/', `64:ff9b::7f00:1, which leads to 127.0.0.1: ${loopback}`],
    ['https://[2002:7f00:1::1]/', `2002:7f00:1::1, which leads to 127.0.0.1: ${loopback}`],
    ['https://localhost/', `localhost: ${here}`],
    ['https://localhost./', `localhost: ${here}`],
    ['https://LocalHost:8443/', `localhost: ${here}`],
    ['https://loc%61lhost/', `localhost: ${here}`],
    ['https://ⓛocalhost/', `localhost: ${here}`],
    ['https://loc\u00adalhost/', `localhost: ${here}`],
    ['https://anything.localhost/', `anything.localhost: ${here}`],
    ['https://localhost/', `localhost: ${here}`, ['10.0.0.0/8', 'localhost.example']],
    ['https://10.0.0.1/', `10.0.0.1: ${inside}`],
    ['https://172.16.0.1/', `172.16.0.1: ${inside}`],
    ['https://172.31.255.255/', `172.31.255.255: ${inside}`],
    ['https://192.168.0.1/', `192.168.0.1: ${inside}`],
    ['https://0300.0250.0.1/', `192.168.0.1: ${inside}`],
    ['https://10.0.0.1/', `10.0.0.1: ${inside}`, ['192.168.0.0/16', '10.0.0.2', '::/0', 'hooks.lan']],
    ['https://[::ffff:10.0.0.1]/', `::ffff:a00:1, which leads to 10.0.0.1: ${inside}`, ['::/0']],
    ['https://[fd12:3456::1]/', `fd12:3456::1: ${inside}`],
    ['https://[fc00::1]/', `fc00::1: ${inside}`],
    ['https://[fec0::1]/', `fec0::1: ${inside}`],
    ['https://100.64.0.1/', `100.64.0.1: ${nat}`],
    ['https://100.127.255.255/', `100.127.255.255: ${nat}`],
    ['https://192.0.0.1/', `192.0.0.1: ${special}`],
    ['https://192.0.2.1/', `192.0.2.1: ${special}`],
    ['https://198.18.0.1/', `198.18.0.1: ${special}`],
    ['https://203.0.113.1/', `203.0.113.1: ${special}`],
    ['https://192.88.99.1/', `192.88.99.1: ${special}`],
    ['https://[2001:db8::1]/', `2001:db8::1: ${special}`],
    ['https://[2001:2::1]/', `2001:2::1: ${special}`],
    ['https://[3fff::1]/', `3fff::1: ${special}`],
    ['https://[100::1]/', `100::1: ${special}`],
    ['http://93.184.215.14/', `93.184.215.14: ${plain}`],
    ['http://93.184.215.14/', `93.184.215.14: ${plain}`, ['10.0.0.0/8']],
    ['http://[2606:2800:21f:cb07::1]/', `2606:2800:21f:cb07::1: ${plain}`, ['10.0.0.0/8']],
    ['http://public.example/', `public.example: ${plain}`],
    ['http://hooks.lan/', `hooks.lan: ${plain}`, ['other.lan', 'lan']],
    ['https://public.example:25/', 'port 25 is not one of HTTP'],
    ['https://public.example:22/', 'port 22 is not one of HTTP'],
    ['https://public.example:0/', 'port 0 is not one of HTTP'],
    ['http://10.0.0.1:6667/', 'port 6667 is not one of HTTP', ['10.0.0.0/8']],
    ['https://user:password@public.example/', user],
    ['https://public.example@10.0.0.1/', user],
    ['https://:password@public.example/', user],
    ['file:///etc/passwd', noHttp],
    ['ftp://public.example/', noHttp],
    ['gopher://127.0.0.1:6379/_FLUSHALL', noHttp],
    ['unix:/var/run/docker.sock', noHttp],
    ['data:text/plain,hello', noHttp],
    ['javascript:alert(1)', noHttp],
    ['//127.0.0.1/', noHttp],
    ['https://256.0.0.1/', noHttp],
    ['https://[fe80::1%25eth0]/', noHttp],
    ['https://127.0.0.1%00.example/', noHttp],
    ['https://{name}.example/', noName],
    ['https://*.example/', noName],
    ['https://a..example/', noName],
    ['https://./', noName],
    [`https://${'a'.repeat(64)}.example/`, noName],
    [`https://${'a.'.repeat(127)}example/`, noName],
  ]

  test.each(rows)('%j: %s', async (url, reason, allow = []) => {
    const { submit, connect } = await refused(url, allow)
    expect(submit).toBe(reason)
    // A connection is told only whom to reach: a user is not part of that, and what is no URL comes to no connection.
    if (reason !== user && reason !== noHttp) expect(connect).toBe(reason)
  })
})

describe('what nothing allows', () => {
  const rows: [url: string, reason: string][] = [
    ['http://169.254.169.254/latest/meta-data/', `169.254.169.254: ${metadata}`],
    ['http://2852039166/', `169.254.169.254: ${metadata}`],
    ['http://0xA9.0xFE.0xA9.0xFE/', `169.254.169.254: ${metadata}`],
    ['http://0251.0376.0251.0376/', `169.254.169.254: ${metadata}`],
    ['https://[::ffff:a9fe:a9fe]/', `::ffff:a9fe:a9fe, which leads to 169.254.169.254: ${metadata}`],
    ['https://[64:ff9b::a9fe:a9fe]/', `64:ff9b::a9fe:a9fe, which leads to 169.254.169.254: ${metadata}`],
    ['https://[2002:a9fe:a9fe::]/', `2002:a9fe:a9fe::, which leads to 169.254.169.254: ${metadata}`],
    ['http://169.254.170.2/', `169.254.170.2: ${metadata}`],
    ['http://100.100.100.200/', `100.100.100.200: ${metadata}`],
    ['http://168.63.129.16/', `168.63.129.16: ${metadata}`],
    ['http://192.0.0.192/', `192.0.0.192: ${metadata}`],
    ['http://[fd00:ec2::254]/', `fd00:ec2::254: ${metadata}`],
    ['http://[fd20:ce::254]/', `fd20:ce::254: ${metadata}`],
    ['http://[fd00:c1::a9fe:a9fe]/', `fd00:c1::a9fe:a9fe: ${metadata}`],
    ['http://[fd00:100::100:200]/', `fd00:100::100:200: ${metadata}`],
    ['http://[fd00:42::42]/', `fd00:42::42: ${metadata}`],
    ['http://[fd00:a9fe:a9fe::1]/', `fd00:a9fe:a9fe::1: ${metadata}`],
    ['http://metadata.google.internal/', `metadata.google.internal: ${metadata}`],
    ['http://METADATA.google.internal./', `metadata.google.internal: ${metadata}`],
    ['https://169.254.0.1/', `169.254.0.1: ${linkLocal}`],
    ['https://[fe80::1]/', `fe80::1: ${linkLocal}`],
    ['https://[febf::1]/', `febf::1: ${linkLocal}`],
    ['https://0.0.0.0/', `0.0.0.0: ${unspecified}`],
    ['https://0/', `0.0.0.0: ${unspecified}`],
    ['https://0.1.2.3/', `0.1.2.3: ${unspecified}`],
    ['https://[::]/', `::: ${unspecified}`],
    ['https://[::ffff:0.0.0.0]/', `::ffff:0:0, which leads to 0.0.0.0: ${unspecified}`],
    ['https://224.0.0.1/', `224.0.0.1: ${multicast}`],
    ['https://239.255.255.250/', `239.255.255.250: ${multicast}`],
    ['https://[ff02::1]/', `ff02::1: ${multicast}`],
    ['https://255.255.255.255/', '255.255.255.255: the broadcast address, which is never called'],
    ['https://240.0.0.1/', `240.0.0.1: ${reserved}`],
    ['https://[::127.0.0.1]/', `::7f00:1: ${reserved}`],
    ['https://[4000::1]/', `4000::1: ${reserved}`],
    [
      'https://[64:ff9b:1::10.0.0.1]/',
      '64:ff9b:1::a00:1: an address of a local NAT64 translator, which is never called',
    ],
    ['https://[2001:0:a00:1::1]/', '2001:0:a00:1::1: an address of a Teredo tunnel, which is never called'],
  ]

  test.each(rows)('%s: %s', async (url, reason) => {
    expect(await refused(url, all)).toEqual({ submit: reason, connect: reason })
  })
})

describe('what its name resolves to', () => {
  const rows: [url: string, reason: string, allow?: string[]][] = [
    ['https://to-loopback.example/', `to-loopback.example resolves to 127.0.0.1: ${loopback}`],
    ['https://to-loopback6.example/', `to-loopback6.example resolves to ::1: ${loopback}`],
    ['https://to-private.example/', `to-private.example resolves to 192.168.1.10: ${inside}`],
    ['https://to-private.example/', `to-private.example resolves to 192.168.1.10: ${inside}`, ['private.example']],
    ['http://to-private.example/', `to-private.example resolves to 192.168.1.10: ${inside}`, ['10.0.0.0/8']],
    ['https://to-ula.example/', `to-ula.example resolves to fd12:3456::1: ${inside}`],
    [
      'https://to-mapped.example/',
      `to-mapped.example resolves to ::ffff:10.0.0.1, which leads to 10.0.0.1: ${inside}`,
      ['::/0'],
    ],
    [
      'https://to-nat64.example/',
      `to-nat64.example resolves to 64:ff9b::a9fe:a9fe, which leads to 169.254.169.254: ${metadata}`,
      all,
    ],
    ['https://to-6to4.example/', `to-6to4.example resolves to 2002:7f00:1::1, which leads to 127.0.0.1: ${loopback}`],
    ['https://to-zone.example/', `to-zone.example resolves to fe80::1%eth0: ${linkLocal}`, all],
    ['https://169.254.169.254.nip.io/', `169.254.169.254.nip.io resolves to 169.254.169.254: ${metadata}`, all],
    ['https://listed.example/', `listed.example resolves to 169.254.0.23: ${linkLocal}`, all],
    ['https://good-then-bad.example/', `good-then-bad.example resolves to 127.0.0.1: ${loopback}`],
    ['https://bad-then-good.example/', `bad-then-good.example resolves to 10.1.2.3: ${inside}`],
    ['https://good4-bad6.example/', `good4-bad6.example resolves to fd00::1: ${inside}`],
    ['https://good6-bad4.example/', `good6-bad4.example resolves to 0.0.0.0: ${unspecified}`],
    ['http://public.example/', `public.example resolves to 93.184.215.14: ${plain}`, ['public.example']],
    ['http://public.example/', `public.example resolves to 93.184.215.14: ${plain}`, ['10.0.0.0/8']],
    ['https://nobody.example/', 'nobody.example resolves to no address'],
    ['https://nonsense.example/', 'nonsense.example resolves to something that is no address'],
  ]

  test.each(rows)('%s: %s', async (url, reason, allow = []) => {
    expect(await refused(url, allow)).toEqual({ submit: undefined, connect: reason })
  })
})
