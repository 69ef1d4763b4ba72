// Who may come in: the tokens, however a client carries them, and without tokens the Host names that keep a web page
// from reaching a loopback foreman under a name of its own (DNS rebinding). Origins are origin.ts.
import { timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'

/** The accepted tokens, all of one length by zeros at their ends, so that comparing them takes the same time for any. */
export class Tokens {
  readonly #known: Buffer[]
  readonly #given: Buffer

  constructor(tokens: readonly string[]) {
    const longest = Math.max(0, ...tokens.map((token) => Buffer.byteLength(token)))
    this.#given = Buffer.alloc(longest + 1)
    this.#known = tokens.map((token) => {
      const padded = Buffer.alloc(longest + 1)
      padded.write(token)
      return padded
    })
  }

  /** Whether a request needs a token at all. */
  get required(): boolean {
    return this.#known.length > 0
  }

  /** Whether a request carries one: as a bearer, in `x-api-key`, or as the password of Basic. */
  accepts(headers: IncomingHttpHeaders): boolean {
    const { authorization } = headers
    if (authorization !== undefined && this.#knows(tokenOf(authorization))) return true
    const key = headers['x-api-key']
    return typeof key === 'string' && this.#knows(key)
  }

  #knows(token: string | undefined): boolean {
    const given = this.#given
    // A header holds no zero byte, so that none of them can be part of a token.
    if (token === undefined || token === '' || Buffer.byteLength(token) >= given.length || token.includes('\0'))
      return false
    given.fill(0)
    given.write(token)
    let known = false
    for (const one of this.#known) known = timingSafeEqual(one, given) || known
    return known
  }
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
