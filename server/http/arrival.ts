// How a request arrives: its body read to the end while its key is looked for, and its turn on a pipelined connection.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Upload, type Body } from './body.ts'
import { Peek } from './peek.ts'

/**
 * Reads the body of an inference request into `body`, and tells its affinity key when it has ended. What there is no room
 * for is streamed: `done` then gets the stream, and no key.
 */
export function look(
  req: IncomingMessage,
  path: string,
  body: Body,
  done: (key: string | undefined, upload?: Upload) => void,
): void {
  const peek = new Peek(path)
  const data = (chunk: Buffer) => {
    peek.write(chunk)
    if (body.add(chunk)) return
    req.off('data', data).off('end', end)
    done(undefined, new Upload(req, body))
  }
  const end = () => done(peek.key(body.chunks))
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
