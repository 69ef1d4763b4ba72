// The way out to receivers: a connector for undici that resolves a name anew for each connection, has every address
// judged by setting/receiver.ts, and connects to those very addresses. Nothing is looked up a second time, so a name
// cannot be one thing when it is checked and another when it is called. A connection that is kept and used again goes
// to the address that was checked when it was made. It knows no proxy and no redirect: who sends must follow none.
import { lookup as systemLookup } from 'node:dns'
import { isIPv6, type LookupFunction } from 'node:net'
import { buildConnector } from 'undici'
import { Receivers } from '../setting/receiver.ts'
import { Lookups } from './lookups.ts'

export interface GuardOptions {
  /** As FOREMAN_WEBHOOK_ALLOW lists them: ranges, addresses and names. */
  allow: readonly string[]
  /** All addresses of a name, as `dns.lookup` gives them; by default the system's, hosts file included. */
  lookup?: LookupFunction
  /** How long looking up and connecting may take, TLS included. */
  connectMs?: number
}

/** A receiver that must not be called. The message says why, in words for whoever named it. */
export class ReceiverRefused extends Error {
  constructor(reason: string) {
    super(reason)
    this.name = 'ReceiverRefused'
  }
}

export class Guard {
  readonly #receivers: Receivers
  readonly #lookups: Lookups
  readonly #connectors: Readonly<Record<string, buildConnector.connector>>

  constructor({ allow, lookup = systemLookup as LookupFunction, connectMs = 10_000 }: GuardOptions) {
    this.#receivers = new Receivers(allow)
    this.#lookups = new Lookups(lookup)
    const connector = (protocol: string) => buildConnector({ timeout: connectMs, lookup: this.#checked(protocol) })
    this.#connectors = { 'http:': connector('http:'), 'https:': connector('https:') }
  }

  /** Why nobody at this URL is called, whatever its name resolves to; undefined when that is left to the connection. */
  refusal(url: string): string | undefined {
    return this.#receivers.refusal(url)
  }

  /** For `new Agent({ connect })`. Fails with ReceiverRefused when the URL or one of its addresses is refused. */
  readonly connect: buildConnector.connector = (options, callback) => {
    const { protocol, hostname, port } = options
    const host = isIPv6(hostname) ? `[${hostname}]` : hostname
    // An address is connected to without a look-up, so it has to be judged here.
    const reason = this.refusal(`${protocol}//${host}${port ? `:${port}` : ''}`)
    if (reason === undefined) this.#connectors[protocol]?.(options, callback)
    else queueMicrotask(() => callback(new ReceiverRefused(reason), null))
  }

  /** A look-up of all addresses that fails if one of them is refused: half of a name is not tried either. */
  #checked(protocol: string): LookupFunction {
    return (hostname, options, done) => {
      this.#lookups.find(hostname, options, (error, addresses) => {
        if (error) return done(error, [])
        for (const { address } of addresses) {
          const reason = this.#receivers.addressRefusal(protocol, hostname, address)
          if (reason !== undefined) return done(new ReceiverRefused(reason), [])
        }
        const [first] = addresses
        if (!first) return done(new ReceiverRefused(`${hostname} resolves to no address`), [])
        if (options.all) return done(null, addresses)
        done(null, first.address, first.family)
      })
    }
  }
}
