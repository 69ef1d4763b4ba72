// Requests of this process that were sent and are not answered yet, as far as an answer is to be expected at once: all but
// those for an inference and those that wait for something to happen. Node and undici tell of each.

import { subscribe } from 'node:diagnostics_channel'

interface Message {
  request: { method: string; path: string }
}

/** Real milliseconds after which nobody counts on an answer any more. */
const soon_ms = 1_000

const inference = /^\/(?:api\/(?:chat|generate)|v1\/chat\/completions)$/
const waiting = /[?&]wait=|%22wait%22|\/events|\/stream/

export class Exchanges {
  #open = new Map<object, number>()

  constructor() {
    subscribe('undici:request:create', (message) => {
      const { request } = message as Message
      if (!inference.test(request.path) && !waiting.test(request.path)) this.#open.set(request, performance.now())
    })
    for (const name of ['undici:request:trailers', 'undici:request:error'])
      subscribe(name, (message) => this.#open.delete((message as Message).request))
  }

  /** Whether an answer is on its way. */
  get pending(): boolean {
    const since = performance.now() - soon_ms
    for (const [request, at] of this.#open) {
      if (at > since) return true
      this.#open.delete(request)
    }
    return false
  }
}
