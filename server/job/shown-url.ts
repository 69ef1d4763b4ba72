// The URL of a receiver as it may be shown to callers and written to logs.

/** Without user, password and query, where secrets stand: `…@` and `?…` in their places. */
export function shownUrl(url: string): string {
  const { protocol, username, password, host, pathname, search } = new URL(url)
  const user = username === '' && password === '' ? '' : '…@'
  return `${protocol}//${user}${host}${pathname}${search === '' ? '' : '?…'}`
}
