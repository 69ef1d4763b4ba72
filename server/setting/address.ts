// Network names as people write them: where to listen, host names, addresses and ranges. Syntax only; nothing here
// resolves a name or opens a socket.
import { isIP, isIPv4, isIPv6 } from 'node:net'

/** Where to listen. `host` is a name or an address without brackets, `port` 0 lets the system pick one. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/**
 * Reads `127.0.0.1:11435`, `[::1]:0`, `localhost:8080`, a bare port (loopback) or `:11435` (every IPv4 address of this
 * machine). Undefined when the text is none of these.
 */
export function parseListen(text: string): ListenAddress | undefined {
  const match = /^(?:(\[[^\]]+\]|[^:[\]]*):)?(\d{1,5})$/.exec(text)
  const port = Number(match?.[2])
  if (!match || port > 65_535) return undefined
  const name = match[1]
  if (name === undefined) return { host: '127.0.0.1', port }
  if (name === '') return { host: '0.0.0.0', port }
  const host = bare(name)
  const good = name.startsWith('[') ? isIPv6(host) : isIPv4(host) || isHostName(host)
  return good ? { host: host.toLowerCase(), port } : undefined
}

/** The address a neighbour on this machine would use: wildcard addresses become loopback, IPv6 gets its brackets. */
export function urlOf({ host, port }: ListenAddress): string {
  const name = !isWildcard(host) ? host : isIPv6(host) ? '::1' : '127.0.0.1'
  return `http://${isIPv6(name) ? `[${name}]` : name}:${port}`
}

/** Whether `host` stands for every address of a machine: to listen there is to listen everywhere, to connect is to stay here. */
export function isWildcard(host: string): boolean {
  return /^(0\.0\.0\.0|::)$/.test(bare(host))
}

/** Whether only this machine can reach `host`: `localhost`, 127.0.0.0/8 and ::1, mapped forms included. */
export function isLoopback(host: string): boolean {
  const name = bare(host).toLowerCase()
  if (name === 'localhost' || name.endsWith('.localhost')) return true
  if (isIPv4(name)) return name.startsWith('127.')
  // The URL parser writes every spelling of an IPv6 address in one way; zones (`%eth0`) it refuses, rightly here.
  const url = URL.parse(`http://[${name}]`)
  return url !== null && /^\[::(?:1|ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4})\]$/.test(url.hostname)
}

/** Whether the text is a DNS name: labels of letters, digits and inner hyphens (Docker's underscores too), no port. */
export function isHostName(text: string): boolean {
  if (text.length > 253 || /^[\d.]+$/.test(text)) return false
  return text.split('.').every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label))
}

/** Whether the text names a range (`10.0.0.0/8`, `fd00::/8`), one address or one host name. */
export function isNetwork(text: string): boolean {
  const [address = '', prefix, ...more] = text.split('/')
  if (more.length > 0) return false
  if (prefix === undefined) return isIP(address) !== 0 || isHostName(address)
  return /^\d{1,3}$/.test(prefix) && isIP(address) !== 0 && Number(prefix) <= (isIPv4(address) ? 32 : 128)
}

/** An IPv6 address without the brackets it wears in URLs; anything else as it is. */
export function bare(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
}
