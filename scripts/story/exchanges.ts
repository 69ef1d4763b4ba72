// Requests of this process that were sent and are not answered yet, as far as an answer is to be expected at once: all but
// those that wait for something to happen, and an inference only once its answer has begun. undici tells of each.

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
    subscribe('undici:request:create', (message) => this.#expect(message as Message, (path) => !inference.test(path)))
    subscribe('undici:request:headers', (message) => this.#expect(message as Message, (path) => inference.test(path)))
    for (const name of ['undici:request:trailers', 'undici:request:error'])
      subscribe(name, (message) => this.#open.delete((message as Message).request))
  }

  #expect({ request }: Message, soon: (path: string) => boolean): void {
    if (soon(request.path) && !waiting.test(request.path)) this.#open.set(request, performance.now())
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
