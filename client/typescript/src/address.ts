// Where foreman is, and as whom it is called, looked at before anything is sent. fetch says of what it cannot use only that it
// failed, which would be tried again for minutes, and some of what it says has the secret in it.

/** Without a slash at its end. On a page it may be relative to that. Throws TypeError. */
export function addressOf(url: string): string {
  const page = (globalThis as { location?: { href: string } }).location?.href
  let parsed: URL
  try {
    parsed = new URL(url, page)
  } catch {
    throw new TypeError(`"${url}" is no http address, such as http://127.0.0.1:11435`)
  }
  if (parsed.username !== '' || parsed.password !== '')
    throw new TypeError('the address has a user in it: foreman takes a token')
  if (!/^https?:$/.test(parsed.protocol) || parsed.search !== '' || parsed.hash !== '')
    throw new TypeError(`"${url}" is no http address, such as http://127.0.0.1:11435`)
  return url.replace(/\/+$/, '')
}

/** The headers that a token is sent in: none for one that is empty. Throws TypeError, which does not tell it. */
export function headersOf(token: string | undefined): Record<string, string> {
  const bare = token?.trim() ?? ''
  if (!/^[\x21-\x7e]*$/.test(bare)) throw new TypeError('the token is not one word of visible ASCII characters')
  return bare === '' ? {} : { authorization: `Bearer ${bare}` }
}
