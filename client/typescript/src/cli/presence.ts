// Whether foreman answers, told when that changes: in a pipe nothing else shows that it is away.

import { isPassing } from '../patience.ts'

/** A fetch that tells. A call that its caller gave up tells nothing. */
export function noticing(ask: typeof fetch, tell: (text: string) => void): typeof fetch {
  let away = false
  const notice = (gone: boolean) => {
    if (gone !== away) tell(gone ? 'foreman does not answer; waiting for it' : 'foreman answers again')
    away = gone
  }
  return async (input, init) => {
    try {
      const answer = await ask(input, init)
      notice(isPassing(answer.status))
      return answer
    } catch (error) {
      if (!init?.signal?.aborted) notice(true)
      throw error
    }
  }
}
