// Who may come in: the tokens, however a client carries them, and without tokens the Host names that keep a web page
// from reaching a loopback foreman under a name of its own (DNS rebinding). Origins are origin.ts.
import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'

/** The accepted tokens, kept as digests and compared in constant time. */
export class Tokens {
  readonly #digests: Buffer[]

  constructor(tokens: readonly string[]) {
    this.#digests = tokens.map(digest)
  }

  /** Whether a request needs a token at all. */
  get required(): boolean {
    return this.#digests.length > 0
  }

  /** Whether a request carries one: as a bearer, in `x-api-key`, or as the password of Basic. */
  accepts(headers: IncomingHttpHeaders): boolean {
    const { authorization } = headers
    if (authorization !== undefined && this.#known(tokenOf(authorization))) return true
    const key = headers['x-api-key']
    return typeof key === 'string' && this.#known(key)
  }

  #known(token: string | undefined): boolean {
    if (token === undefined) return false
    const given = digest(token)
    let known = false
    for (const one of this.#digests) known = timingSafeEqual(one, given) || known
    return known
  }
}

function digest(token: string): Buffer {
  return hash('sha256', token, 'buffer')
}

/** The token in an Authorization header. */
function tokenOf(authorization: string): string | undefined {
  const [, scheme, credentials] = /^(\S+) +(\S+) *$/.exec(authorization) ?? []
  if (scheme === undefined || credentials === undefined) return undefined
  if (scheme.toLowerCase() === 'bearer') return credentials
  if (scheme.toLowerCase() !== 'basic') return undefined
  const text = Buffer.from(credentials, 'base64').toString()
  const colon = text.indexOf(':')
  return colon < 0 ? undefined : text.slice(colon + 1)
}

/** The Host names a tokenless foreman answers to. */
export class Hosts {
  readonly #names: Set<string>

  /** `names` beside localhost, loopback and the address listened on: PUBLIC_URL's host and HOSTS, with or without a port. */
  constructor(names: readonly string[]) {
    this.#names = new Set(['localhost', '::1', ...names.map(nameOf)])
  }

  /** `local` is the address the connection came in on: nobody can rebind a name to reach that by number. */
  accepts(host: string | undefined, local: string | undefined): boolean {
    if (host === undefined) return false
    const name = nameOf(host)
    if (this.#names.has(name)) return true
    const family = isIP(name)
    if (family === 0) return false
    return (family === 4 && name.startsWith('127.')) || name === local?.replace(/^::ffff:/, '').toLowerCase()
  }
}

/** A Host header without its port, brackets and last dot, in lower case. */
function nameOf(host: string): string {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(host.trim()) ?? []
  return (bracketed ?? plain ?? host).toLowerCase().replace(/\.$/, '')
}
