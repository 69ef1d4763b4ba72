// Which header lines pass through, both ways: everything as it was written and in its order, but what belongs to one
// connection only (hop-by-hop) and what foreman answers for itself: Host, credentials, Origin and CORS.

/** Lines of one connection, whichever way. */
const hopByHop =
  'connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding upgrade http2-settings'.split(
    ' ',
  )
/** Node has answered Expect itself, and undici refuses it. */
const notUpstream = new Set([...hopByHop, 'host', 'expect', 'origin', 'x-api-key'])
const notDown = new Set(hopByHop)

const nothing: ReadonlySet<string> = new Set()

/** The schemes of credentials that foreman accepts; another scheme is none of its business. */
const credential = /^(bearer|basic)\b/i

/**
 * The lines to send to the target, flat. `connection` is the client's own Connection header, whose names are dropped
 * too; `token` is what the target gets as a bearer in the place of any Authorization; `own` are foreman's own tokens,
 * which it gets in none.
 */
export function upstreamLines(
  raw: readonly string[],
  connection: string | undefined,
  token: string | undefined,
  own: readonly string[],
): string[] {
  const listed = namesIn(connection)
  const lines: string[] = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!
    const lower = name.toLowerCase()
    if (notUpstream.has(lower) || listed?.has(lower)) continue
    if (lower === 'authorization' && (token !== undefined || isOwn(raw[i + 1]!, own))) continue
    lines.push(name, raw[i + 1]!)
  }
  if (token !== undefined) lines.push('Authorization', `Bearer ${token}`)
  return lines
}

function isOwn(authorization: string, own: readonly string[]): boolean {
  return credential.test(authorization) || own.some((token) => authorization.includes(token))
}

/** The lines to send to the client, flat. With `cors` the target's own are replaced by those. */
export function clientLines(raw: readonly Buffer[], cors: readonly string[] | undefined): string[] {
  const lines: string[] = []
  let listed: ReadonlySet<string> | undefined
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toString('latin1')
    const lower = name.toLowerCase()
    const value = raw[i + 1]!.toString('latin1')
    if (lower === 'connection') listed = (namesIn(value) ?? nothing).union(listed ?? nothing)
    if (notDown.has(lower) || (cors && lower.startsWith('access-control-'))) continue
    lines.push(name, value)
  }
  if (listed) dropListed(lines, listed)
  if (cors) lines.push(...cors)
  return lines
}

/** The header names in a Connection header; undefined when there are none, as nearly always. */
function namesIn(connection: string | undefined): Set<string> | undefined {
  if (connection === undefined) return undefined
  const lower = connection.toLowerCase()
  if (lower === 'keep-alive' || lower === 'close') return undefined
  const names = lower.split(',').map((name) => name.trim())
  // The body's length is no matter of the connection, whoever says so.
  return new Set(names.filter((name) => name !== 'content-length'))
}

function dropListed(lines: string[], listed: ReadonlySet<string>): void {
  for (let i = lines.length - 2; i >= 0; i -= 2) {
    if (listed.has(lines[i]!.toLowerCase())) lines.splice(i, 2)
  }
}
