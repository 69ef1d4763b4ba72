// What all passages (passage.ts) share: the way to the target, how a request is put to it, and what each passage reports when
// it is over.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import type { Clock } from '../clock.ts'
import type { People } from '../people/people.ts'
import type { Active } from './active.ts'
import type { Body } from './body.ts'
import { upstreamLines } from './lines.ts'
import type { Memory } from './memory.ts'
import { originForm, type Peek } from './peek.ts'

/** What became of a proxied request. */
export interface Served {
  /** One of a few names, safe as a metrics label. */
  route: string
  method: string
  /** The status the client got; 499 when it left before one. */
  status: number
  /** `refused`: foreman answered itself. `left`: the client went before the end. `cut`: the target did. `deferred`: a job was asked for. */
  outcome: 'answered' | 'refused' | 'left' | 'cut' | 'deferred'
  /** From the handler to the end. */
  ms: number
  /** What foreman itself added: from the request (its body, if it was looked at) to its dispatch. None without one. */
  overheadMs: number | undefined
  requestId: string
}

/** An inference request that is there as a whole and was not put to anybody yet. */
export interface Call {
  req: IncomingMessage
  res: ServerResponse
  /** Decoded, without the query. */
  path: string
  requestId: string
  /** CORS lines of the answer, if a page asked. */
  cors: readonly string[] | undefined
  /** The bytes of its body; none when that was not looked at. */
  body: Body | undefined
  /** What was seen of them; none when there was no room for the whole. */
  peek: Peek | undefined
  /** Nobody wants the bytes any more. */
  letGo: () => void
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
  clock: Clock
  memory: Memory
  /** Passages under way. */
  active: Active
  closing: boolean
  /** Takes a call whose caller wants a job in its place, and answers it. False: it passes. */
  defer: ((call: Call) => boolean) | undefined
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
