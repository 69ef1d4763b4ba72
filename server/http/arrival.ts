// How a request arrives: what its head says of its body, and its turn on a pipelined connection. The body itself is looking.ts.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { ForemanError } from '../job/error.ts'
import { isReadable } from './peek.ts'

/** Why a request cannot be passed on as it is. */
export function unfitness(headers: IncomingHttpHeaders): ForemanError | undefined {
  if (headers.upgrade !== undefined && /\bwebsocket\b/i.test(headers.upgrade))
    return refused('WebSocket connections are not carried')
  return miscoded(headers)
}

/** Why a body cannot be read, and would go on without what says how it is packed. */
export function miscoded(headers: IncomingHttpHeaders): ForemanError | undefined {
  if (/^chunked$/i.test(headers['transfer-encoding'] ?? 'chunked')) return undefined
  return refused('no transfer coding but chunked is carried')
}

const refused = (what: string) => new ForemanError('invalid_request', what, { status: 501 })

export function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || lengthOf(headers) > 0
}

/** The bytes of the body, as far as the head says; 0: it does not, or there are none. */
export function lengthOf(headers: IncomingHttpHeaders): number {
  return Number(headers['content-length'] ?? 0)
}

/** Whether the bytes of the body are not those of its content. */
export function isPacked({ 'content-encoding': coding }: IncomingHttpHeaders): boolean {
  return coding !== undefined && !/^\s*identity\s*$/i.test(coding)
}

/** Whether the body of an inference request can tell its key; one that can't is not even kept. */
export function isLegible(path: string, headers: IncomingHttpHeaders): boolean {
  return isReadable(path) && !isPacked(headers)
}

/** A pipelined request has no socket until the answer before it has ended; only then does it exist for the target. */
export function afterPredecessor(
  { socket }: IncomingMessage,
  res: ServerResponse,
  go: () => void,
  gone: () => void,
): void {
  if (res.socket !== null) return go()
  // One listener for each that waits; any number may be pipelined.
  socket.setMaxListeners(0)
  socket.once('close', gone)
  res.once('socket', () => {
    socket.off('close', gone)
    if (!socket.destroyed) go()
  })
}
