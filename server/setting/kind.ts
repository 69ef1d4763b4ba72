// The kinds of value a setting can have: how each is read from text, and what to tell somebody who wrote it wrong.
// No setting is named here; config.ts says which exist and of which kind each is.
import { isIPv4 } from 'node:net'
import { z } from 'zod'
import { bare, isHostName, isNetwork, isWildcard, parseListen } from './address.ts'
import { parseDuration, parseSize } from './quantity.ts'

/** `accepts` completes the sentence "accepted: …"; `schema` turns trimmed, non-empty text into the value. */
export interface Kind<T> {
  readonly accepts: string
  readonly schema: z.ZodType<T, string>
}

/** A kind whose reader answers undefined for what it doesn't accept. */
export function kind<T>(accepts: string, read: (text: string) => T | undefined): Kind<T> {
  const schema = z.string().transform((text, context): T => {
    const value = read(text)
    if (value !== undefined) return value
    context.addIssue(accepts)
    return z.NEVER
  })
  return { accepts, schema }
}

/** Several values of one kind, separated by commas; at least one. */
export function list<T>(item: Kind<T>): Kind<readonly T[]> {
  return kind(`${item.accepts}; several separated by commas`, (text) => {
    const items = text.split(',').map((part) => item.schema.safeParse(part.trim()))
    return items.every((part) => part.success) ? Object.freeze(items.map((part) => part.data)) : undefined
  })
}

/** What a duration may be beside a positive one. `off` becomes null. */
type Besides = '0' | 'off'

/** Milliseconds. */
export function duration(): Kind<number>
export function duration(besides: '0'): Kind<number>
export function duration(...besides: Besides[]): Kind<number | null>
export function duration(...besides: Besides[]): Kind<number | null> {
  const accepts = ['a duration such as 500ms, 10s, 5m, 2h or 7d, up to 36500d', ...besides].join(', or ')
  return kind(accepts, (text) => {
    if (text === 'off') return besides.includes('off') ? null : undefined
    const value = parseDuration(text)
    return value === 0 && !besides.includes('0') ? undefined : value
  })
}

/** Milliseconds; `-1`, Ollama's word for ever, becomes Infinity. */
export const keepAlive: Kind<number> = kind(
  'a duration such as 10s, 5m or 2h, up to 36500d, or 0 to unload at once, or -1 to keep it for ever',
  (text) => (text === '-1' ? Infinity : parseDuration(text)),
)

/** Bytes, between two sizes written as in settings. */
export function size(least: string, most: string): Kind<number> {
  const [low = 0, high = 0] = [parseSize(least), parseSize(most)]
  return kind(`a size from ${least} to ${most} such as 64KB or 64MB (a KB is 1,024 bytes)`, (text) => {
    const value = parseSize(text)
    return value !== undefined && value >= low && value <= high ? value : undefined
  })
}

/** A whole number between two others, both included. */
export function count(least: number, most: number): Kind<number> {
  return kind(`a whole number from ${least} to ${most}`, (text) => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : -1
    return value >= least && value <= most ? value : undefined
  })
}

export const flag: Kind<boolean> = kind('0 or 1', (text) => (text === '1' ? true : text === '0' ? false : undefined))

export function oneOf<T extends string>(...words: T[]): Kind<T> {
  return kind(`one of ${words.join(', ')}`, (text) => words.find((word) => word === text))
}

/** A `~` is the shell's: in .env or a container nothing expands it, and it would become a folder of that name. */
export const path: Kind<string> = kind('a path written out, without ~', (text) =>
  /\0|^~(\/|$)/.test(text) ? undefined : text,
)

export const listenAddress = kind(
  'address:port such as 127.0.0.1:11435 or [::1]:0, :port for every IPv4 address, or a port alone for loopback',
  (text) => {
    const address = parseListen(text)
    return address && Object.freeze(address)
  },
)

/** The URL without a slash at its end, if nothing follows its path and no user is in it. */
function plainUrl(text: string): URL | undefined {
  const url = httpUrl(text)
  return url && url.username === '' && url.password === '' && !/[?#]/.test(text) ? url : undefined
}

const withoutSlash = (url: URL | undefined) => url?.href.replace(/\/+$/, '')

/** Where callers reach foreman: it stands in links that anybody may be shown, so no user is in it. */
export const publicUrl = kind(
  'an http or https URL at which callers reach foreman, without user, query or fragment',
  (text) => {
    const url = plainUrl(text)
    return url && isWildcard(url.hostname) ? undefined : withoutSlash(url)
  },
)

/** Without a user in it, whom people's requests would not carry. */
export const targetUrl = kind(
  'an http or https URL without query or fragment; a secret goes to FOREMAN_TARGET_TOKEN',
  (text) => withoutSlash(plainUrl(text)),
)

/** An http or https URL of at most 2,048 characters, as it was written. */
export const receiverUrl = kind('an http or https URL of at most 2048 characters', (text) =>
  text.length <= 2_048 && httpUrl(text) ? text : undefined,
)

/** What a browser sends as `Origin`: scheme, host and maybe a port, in lower case, without the scheme's own port. */
export const origin = kind('an origin such as https://chat.example.org', (text) => {
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@*]+$/i.test(text)) return undefined
  return /^https?:/i.test(text) ? httpUrl(text)?.origin : text.toLowerCase()
})

/** What may stand in a `Host` header, without its port, in lower case. */
export const hostName = kind('a host name or an address, without a port', (text) => {
  const name = bare(text).toLowerCase()
  return isNetwork(name) && !name.includes('/') ? name : undefined
})

export const network = kind('a host name, an address or a range such as 10.0.0.0/8', (text) =>
  isNetwork(text) ? text.toLowerCase() : undefined,
)

export const ipv4 = kind('an IPv4 address such as 192.168.1.255', (text) =>
  isIPv4(text) && text !== '0.0.0.0' ? text : undefined,
)

/** Six bytes in hex, written `aa:bb:cc:dd:ee:ff` whatever separated them; an even first one, as only groups have an odd one. */
export const macAddress = kind('the MAC address of one machine such as aa:bb:cc:dd:ee:ff', (text) =>
  /^[\da-f][02468ace]([:-])(?:[\da-f]{2}\1){4}[\da-f]{2}$/i.test(text) && /[1-9a-f]/i.test(text)
    ? text.toLowerCase().replaceAll('-', ':')
    : undefined,
)

/** What a header can carry after `Bearer `. */
export const token = kind('a token of visible ASCII characters', (text) =>
  /^[\x21-\x7e]+$/.test(text) ? text : undefined,
)

/** A Standard Webhooks secret, prefix included. */
export const webhookSecret = kind('whsec_ followed by the base64 of 24 to 64 random bytes', (text) => {
  const base64 = /^whsec_((?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?)$/.exec(text)?.[1] ?? ''
  const bytes = Buffer.from(base64, 'base64').length
  return bytes >= 24 && bytes <= 64 ? text : undefined
})

function httpUrl(text: string): URL | undefined {
  const url = /^https?:\/\/[^\s/]/i.test(text) && !/\s/.test(text) ? URL.parse(text) : null
  if (url?.port === '0') return undefined
  return url && (isHostName(url.hostname) || isNetwork(bare(url.hostname))) ? url : undefined
}
