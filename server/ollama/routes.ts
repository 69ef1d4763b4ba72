// Which routes the target has, as it says itself: no list of versions knows what stands behind an address. An inference
// route is asked without a body, which Ollama refuses before it looks at any model; where there is none, it says that.

import type { Clock } from '../clock.ts'
import { noRoute } from './failure.ts'
import { Wire } from './wire.ts'

export interface RoutesOptions {
  url: string
  token?: string
  clock: Clock
  /** The version the target last told; undefined while it tells none or is absent. */
  version: () => string | undefined
}

/** Whoever hands over a request does not wait for longer. */
const limitMs = 1_000
const most = 16 * 1024

export class Routes {
  readonly #wire: Wire
  readonly #version: RoutesOptions['version']
  /** The version that had a route. One that had it not is asked again: it may be replaced by one of the same name. */
  readonly #had = new Map<string, string>()

  constructor({ url, token, clock, version }: RoutesOptions) {
    this.#wire = new Wire({ url, token, clock })
    this.#version = version
  }

  /** Whether the target says that it has no such route. False as well when it says nothing. Never throws. */
  async lacks(path: string): Promise<boolean> {
    const version = this.#version()
    if (version === undefined || this.#had.get(path) === version) return false
    try {
      const { status, text } = await this.#wire.ask({ method: 'POST', path, limitMs, most })
      const lacking = status === 404 && text.trim() === noRoute
      if (!lacking) this.#had.set(path, version)
      return lacking
    } catch {
      return false
    }
  }
}
