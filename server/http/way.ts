// What all passages (passage.ts) share: the way to the target, how a request is put to it, and what each passage reports when
// it is over.
import type { IncomingMessage } from 'node:http'
import type { Dispatcher } from 'undici'
import type { People } from '../people/people.ts'
import type { Active } from './active.ts'
import type { Memory } from './body.ts'
import { upstreamLines } from './lines.ts'
import { originForm } from './peek.ts'

/** What became of a proxied request. */
export interface Served {
  /** One of a few names, safe as a metrics label. */
  route: string
  method: string
  /** The status the client got; 499 when it left before one. */
  status: number
  /** `refused`: foreman answered itself. `left`: the client went before the end. `cut`: the target did. */
  outcome: 'answered' | 'refused' | 'left' | 'cut'
  /** From the handler to the end. */
  ms: number
  /** What foreman itself added: from the request (its body, if it was looked at) to its dispatch. */
  overheadMs: number
  requestId: string
}

/** What all passages share. */
export interface Way {
  dispatcher: Dispatcher
  /** Path prefix of the target, without a slash at its end. */
  prefix: string
  targetToken: string | undefined
  /** foreman's own, which the target never gets. */
  tokens: readonly string[]
  people: People
  memory: Memory
  /** Passages under way. */
  active: Active
  closing: boolean
  onServed: (served: Served) => void
  /** The last of `active` is gone. */
  onIdle: () => void
}

/** A client's request as the target gets it. */
export function onward(
  { prefix, targetToken, tokens }: Way,
  req: IncomingMessage,
  body: unknown,
): Dispatcher.DispatchOptions {
  return {
    path: prefix + originForm(req.url!),
    method: req.method as Dispatcher.HttpMethod,
    headers: upstreamLines(req.rawHeaders, req.headers.connection, targetToken, tokens),
    body: body as Dispatcher.DispatchOptions['body'],
  }
}
