// Calls that go to foreman and nowhere else. A redirect is refused: followed, a job that is handed in would become a question for
// the list, and the token might go to somebody else.

import { ForemanError, reasonOf } from './error.ts'

/** A fetch of addresses that begin with `url`. Throws ForemanError without an answer, and for one that leads elsewhere, and says where. */
export function straight(ask: typeof fetch, url: string): typeof fetch {
  return async (input, init) => {
    const answer = await ask(input, { ...init, redirect: 'manual' }).catch((cause: unknown) => {
      if (init?.signal?.aborted) throw cause
      throw new ForemanError('unreachable', `no foreman at ${url}: ${reasonOf(cause)}`, { cause })
    })
    const { status, type } = answer
    // A browser keeps all else of it to itself, and calls its status 0.
    if (type !== 'opaqueredirect' && (status < 300 || status > 399)) return answer
    // Unread it would hold its connection.
    await answer.body?.cancel().catch(() => undefined)
    const said = led(String(input), url, answer.headers.get('location'))
    throw new ForemanError('unreachable', status === 0 ? said : `HTTP ${status}, ${said}`, { status })
  }
}

function led(asked: string, url: string, location: string | null): string {
  const to = resolved(location, asked)
  const rest = asked.slice(url.length)
  if (to?.endsWith(rest)) return `a redirect: the url to set is ${to.slice(0, -rest.length)}`
  return `a redirect${to === undefined ? '' : ` to ${to}`}: the url to set is that of foreman itself`
}

function resolved(location: string | null, base: string): string | undefined {
  if (location === null) return undefined
  try {
    return new URL(location, base).href
  } catch {
    return undefined
  }
}
