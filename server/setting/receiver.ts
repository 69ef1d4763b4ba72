// Who may be called: the judgement of a receiver's URL, and of each address that its name turns out to have. Foreman
// calls whom its callers name, so it must not become their way into the network it stands in. Pure: names are resolved
// and connections made by webhooks/guard.ts, which asks here anew for each.
import ipaddr from 'ipaddr.js'
import { isIP } from 'node:net'
import { bare, isHostName } from './address.ts'
import { placeOf, within, type Address } from './reach.ts'

/** The ports on which the Fetch Standard lets nobody speak HTTP, as they are other protocols'. */
const othersPorts = new Set([
  0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
  111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532,
  540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
  6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
])

const metadataNames = new Set([
  'metadata.google.internal',
  'metadata.goog',
  'instance-data.ec2.internal',
  'metadata.tencentyun.com',
])

const unlisted = 'which FOREMAN_WEBHOOK_ALLOW does not list'
const notPlain = 'plain http goes only to private hosts that FOREMAN_WEBHOOK_ALLOW lists'

export class Receivers {
  readonly #names = new Set<string>()
  readonly #ranges: [Address, number][] = []

  /** `allow` as FOREMAN_WEBHOOK_ALLOW has it: ranges, addresses and names in lower case, which stand for themselves only. */
  constructor(allow: readonly string[]) {
    for (const entry of allow) {
      const address = entry.split('/', 1)[0] ?? ''
      if (isIP(address) === 0) this.#names.add(entry)
      else this.#ranges.push(rangeOf(entry))
    }
  }

  /** Why nobody at this URL is called, whatever its name resolves to; undefined when that depends on it, or all is well. */
  refusal(url: string): string | undefined {
    const parsed = URL.parse(url)
    if (!parsed || !/^https?:$/.test(parsed.protocol)) return 'not an http or https URL'
    if (parsed.username !== '' || parsed.password !== '')
      return 'a user in the URL is not sent, and would be shown to others'
    if (parsed.port !== '' && othersPorts.has(Number(parsed.port))) return `port ${parsed.port} is not one of HTTP`
    const host = bare(parsed.hostname)
    if (isIP(host) !== 0) return this.#misplaced(parsed.protocol, host, undefined, host)
    const name = plain(host)
    if (!isHostName(name)) return 'its host is no name that could be looked up'
    if (metadataNames.has(name)) return `${name}: a metadata service, which is never called`
    if (this.#names.has(name)) return undefined
    if (/(?:^|\.)localhost$/.test(name) && !this.#lists('127.0.0.1') && !this.#lists('::1'))
      return `${name}: a name of this machine, ${unlisted}`
    return parsed.protocol === 'http:' && this.#ranges.length === 0 ? `${name}: ${notPlain}` : undefined
  }

  /** Why `address` is not called, to which `host`, the name in an acceptable URL of this protocol, was resolved. */
  addressRefusal(protocol: string, host: string, address: string): string | undefined {
    const name = plain(host)
    if (isIP(address) === 0) return `${name} resolves to something that is no address`
    return this.#misplaced(protocol, `${name} resolves to ${address}`, name, address)
  }

  #misplaced(protocol: string, said: string, name: string | undefined, text: string): string | undefined {
    const { address, wrapped, reach, what } = placeOf(text)
    const where = wrapped ? `${said}, which leads to ${address.toString()}` : said
    if (reach === 'never') return `${where}: ${what}, which is never called`
    if (this.#ranges.some((range) => within(address, range))) return undefined
    const named = name !== undefined && this.#names.has(name)
    if (reach === 'inside') return named ? undefined : `${where}: ${what}, ${unlisted}`
    return protocol === 'http:' ? `${where}: ${notPlain}` : undefined
  }

  #lists(address: string): boolean {
    return this.#ranges.some((range) => within(placeOf(address).address, range))
  }
}

/** A name as it is listed: without the dots that may end it, in lower case. */
const plain = (host: string) => host.toLowerCase().replace(/\.+$/, '')

/** An entry as the range of what is called: one written in IPv4-mapped form means the IPv4 addresses. */
function rangeOf(entry: string): [Address, number] {
  const [text = '', prefix] = entry.split('/')
  const given = ipaddr.parse(text)
  const { address, wrapped } = placeOf(text)
  const bits = Number(prefix ?? (given.kind() === 'ipv4' ? 32 : 128))
  return wrapped && bits >= 96 ? [address, bits - 96] : [given, bits]
}
