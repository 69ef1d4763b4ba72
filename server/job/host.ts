// The host that a delivery goes to. What answers at one of its addresses says whether the others are there, so
// connections and patience are counted by host.

/** Scheme, host and port of a URL, as they are shown and logged: without user, path and query, where secrets stand. */
export function hostOf(url: string): string {
  return URL.parse(url)?.origin ?? ''
}
