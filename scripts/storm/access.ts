// How callers reach a foreman that comes and goes: an answer or none, and asking until there is one.

import { setTimeout as sleep } from 'node:timers/promises'

export interface Answer {
  status: number
  headers: Headers
  text: string
  /** The body parsed; empty when it is no JSON. */
  json: Record<string, unknown>
}

export interface Call {
  body?: object
  headers?: Record<string, string>
}

/** Between two questions to a foreman that is not there. */
const again_ms = 20

export class Access {
  /** Where it listens now; undefined between two lives. */
  url: string | undefined
  #token: string

  constructor(token: string) {
    this.#token = token
  }

  /** The answer, undefined when there is no foreman or it died first: nobody knows what it did then. */
  async call(method: string, path: string, { body, headers }: Call = {}): Promise<Answer | undefined> {
    if (!this.url) return undefined
    const type = body ? { 'content-type': 'application/json' } : {}
    const authorization = `Bearer ${this.#token}`
    try {
      const answer = await fetch(this.url + path, {
        method,
        body: body ? JSON.stringify(body) : undefined,
        headers: { authorization, ...type, ...headers },
      })
      const text = await answer.text()
      return { status: answer.status, headers: answer.headers, text, json: parsed(text) }
    } catch {
      return undefined
    }
  }

  /** Asks, over as many lives as it takes. */
  async insist(method: string, path: string, call?: Call): Promise<Answer> {
    for (;;) {
      const answer = await this.call(method, path, call)
      if (answer) return answer
      await sleep(again_ms)
    }
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}
