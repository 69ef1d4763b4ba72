// How a request arrives: its body read to the end while its key is looked for, and its turn on a pipelined connection.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { ForemanError } from '../job/error.ts'
import { largestBody, Upload, type Body } from './body.ts'
import { isReadable, Peek } from './peek.ts'

/** Why a request cannot be passed on as it is. */
export function unfitness(headers: IncomingHttpHeaders): ForemanError | undefined {
  const refused = (what: string) => new ForemanError('invalid_request', what, { status: 501 })
  if (headers.upgrade !== undefined && /\bwebsocket\b/i.test(headers.upgrade))
    return refused('WebSocket connections are not carried')
  // The body would go on without what says how it is packed.
  if (!/^chunked$/i.test(headers['transfer-encoding'] ?? 'chunked'))
    return refused('no transfer coding but chunked is carried')
  return undefined
}

export function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0
}

/** Whether the body of an inference request can tell its key; one that can't is not even kept. */
export function isLegible(path: string, headers: IncomingHttpHeaders): boolean {
  const { 'content-encoding': coding, 'content-length': length } = headers
  return isReadable(path) && coding === undefined && !(Number(length) > largestBody)
}

/**
 * Reads the body of an inference request into `body`, and tells its affinity key and what else was seen when it has ended.
 * What there is no room for is streamed: `done` then gets the stream, and no key.
 */
export function look(
  req: IncomingMessage,
  path: string,
  body: Body,
  done: (key: string | undefined, peek?: Peek, upload?: Upload) => void,
): void {
  const peek = new Peek(path)
  const data = (chunk: Buffer) => {
    peek.write(chunk)
    if (body.add(chunk)) return
    req.off('data', data).off('end', end)
    done(undefined, undefined, new Upload(req, body))
  }
  const end = () => done(peek.key(body.chunks), peek)
  req.on('data', data).on('end', end)
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
