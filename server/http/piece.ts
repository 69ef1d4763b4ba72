// How one piece of an answer is written: as a chunk of its own, at once.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Writes a piece. False when the client should catch up first. Left to itself, Node makes one chunk of everything that
 * is written within a tick, unless the socket is corked already: then each piece keeps its bounds, in one system call.
 */
export function writePiece(res: ServerResponse, piece: Buffer): boolean {
  const { socket } = res
  if (socket && socket.writableCorked === 0) {
    socket.cork()
    process.nextTick(uncork, socket)
  }
  return res.write(piece)
}

function uncork(socket: Socket): void {
  socket.uncork()
}

/** Ends half an answer so that nobody takes it for a whole one. */
export function cutShort({ httpVersion }: IncomingMessage, { socket }: ServerResponse): void {
  // To HTTP/1.0 the end of the connection may be the end of the answer: only a reset tells the difference.
  if (httpVersion === '1.0') socket?.resetAndDestroy()
  else socket?.destroySoon()
}
