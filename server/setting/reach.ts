// What an IP address leads to: a place anybody can reach, one inside some network, or one that is nobody's to call.
// Facts of the IANA registries and of the clouds; who may be called is decided in receiver.ts. Nothing here does I/O.
import ipaddr from 'ipaddr.js'

export type Address = ipaddr.IPv4 | ipaddr.IPv6

/** Where an address leads. */
export interface Place {
  /** The address itself, or the IPv4 one that it wraps. */
  address: Address
  wrapped: boolean
  /** `inside`: of this machine or some network only. `never`: no receiver can be there. */
  reach: 'public' | 'inside' | 'never'
  /** What it is, as `a loopback address`. */
  what: string
}

/** Services that give out a machine's credentials: Amazon, Azure, Google, Alibaba, Oracle, Scaleway, Linode. */
const metadata = [
  '169.254.169.254/32',
  '169.254.170.2/32',
  '168.63.129.16/32',
  '100.100.100.200/32',
  '192.0.0.192/32',
  'fd00:ec2::/32',
  'fd20:ce::254/128',
  'fd00:c1::a9fe:a9fe/128',
  'fd00:100::100:200/128',
  'fd00:42::42/128',
  'fd00:a9fe:a9fe::1/128',
].map((text) => ipaddr.parseCIDR(text))

/** What IPv6 routes; whatever lies outside and has no range of its own is reserved, IPv4-compatible forms included. */
const globalUnicast = ipaddr.parseCIDR('2000::/3')
const translated = ipaddr.parseCIDR('64:ff9b::/96')
const reservedIPv4 = ipaddr.parseCIDR('240.0.0.0/4')

const never: Readonly<Record<string, string>> = {
  unspecified: 'an unspecified address',
  broadcast: 'the broadcast address',
  multicast: 'a multicast address',
  linkLocal: 'a link-local address',
  teredo: 'an address of a Teredo tunnel',
  // Of whose many layouts nobody outside the translator can tell which IPv4 address is meant.
  rfc6052: 'an address of a local NAT64 translator',
}

const inside: Readonly<Record<string, string>> = {
  loopback: 'a loopback address',
  private: 'a private address',
  uniqueLocal: 'a private address',
  deprecatedSiteLocal: 'a private address',
  carrierGradeNat: 'an address behind carrier-grade NAT',
}

/** Where `text` leads, an address as resolvers and parsed URLs write it. Throws when it is none. */
export function placeOf(text: string): Place {
  const given = ipaddr.parse(text)
  const inner = given.kind() === 'ipv6' ? unwrapped(given as ipaddr.IPv6) : undefined
  const address = inner ?? given
  return { address, wrapped: inner !== undefined, ...reachOf(address) }
}

/** Whether the address lies in the range; never for one of the other family. */
export function within(address: Address, range: [Address, number]): boolean {
  return address.kind() === range[0].kind() && address.match(range)
}

function reachOf(address: Address): Pick<Place, 'reach' | 'what'> {
  if (metadata.some((range) => within(address, range))) return { reach: 'never', what: 'a metadata service' }
  const range = address.range()
  const refused = never[range]
  if (refused) return { reach: 'never', what: refused }
  const own = inside[range]
  if (own) return { reach: 'inside', what: own }
  const reserved = address.kind() === 'ipv4' ? within(address, reservedIPv4) : !within(address, globalUnicast)
  if (reserved && (range === 'unicast' || range === 'reserved')) return { reach: 'never', what: 'a reserved address' }
  if (range === 'unicast') return { reach: 'public', what: 'a public address' }
  return { reach: 'inside', what: 'an address for special purposes' }
}

/** The IPv4 address that is reached through an IPv4-mapped or translated one, through NAT64 or 6to4. */
function unwrapped(address: ipaddr.IPv6): ipaddr.IPv4 | undefined {
  const bytes = address.toByteArray()
  const range = address.range()
  if (range === '6to4') return new ipaddr.IPv4(bytes.slice(2, 6))
  const last = range === 'ipv4Mapped' || range === 'rfc6145' || within(address, translated)
  return last ? new ipaddr.IPv4(bytes.slice(12)) : undefined
}
