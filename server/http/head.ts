// What the head of a request has to be before anybody acts on it. Node's parser refuses what is no HTTP; here is what it
// lets through although others on the way may read it differently, which is how requests are smuggled.
import type { IncomingMessage } from 'node:http'
import { ForemanError } from '../job/error.ts'

/** Forms of a request target: a path, or a whole URL that names no user. `*` is for OPTIONS only. */
const path = '/'
const wholeUrl = /^https?:\/\/([^/?#@\\]+)(?:[/?]|$)/i

/** Why a request is not to be acted on; its connection is to be closed, since it may hold more than it seems to. */
export function faultOf({ url, method, httpVersion, headers, rawHeaders }: IncomingMessage): ForemanError | undefined {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return fault(`HTTP/${httpVersion} is not spoken here`, 505)
  if (httpVersion === '1.0' && headers['transfer-encoding'] !== undefined)
    return fault('HTTP/1.0 has no transfer codings')
  if (!url!.startsWith(path) && !wholeUrl.test(url!) && !(url === '*' && method === 'OPTIONS'))
    return fault('the request target is neither a path nor a URL of HTTP')
  if (hosts(rawHeaders) > 1) return fault('there is more than one Host')
  return undefined
}

/** Whom a request is for: a whole URL says it in the place of the Host header, whatever that says. */
export function hostOf({ url, headers }: IncomingMessage): string | undefined {
  return url!.startsWith(path) ? headers.host : (wholeUrl.exec(url!)?.[1] ?? headers.host)
}

/**
 * Ends the connection of a request that asks for another protocol once it is answered: foreman speaks none, and what
 * comes in one piece with such a request Node takes for the other protocol and drops.
 */
export function endUpgrade({ headers }: IncomingMessage, res: { shouldKeepAlive: boolean }): void {
  if (headers.upgrade !== undefined) res.shouldKeepAlive = false
}

function hosts(rawHeaders: readonly string[]): number {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    if (name.length === 4 && name.toLowerCase() === 'host') count++
  }
  return count
}

function fault(message: string, status = 400): ForemanError {
  return new ForemanError('invalid_request', message, { status })
}
