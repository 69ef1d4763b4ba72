// A connection that is not read for a while, whatever Node's HTTP parser would like. While it is halted nobody hears of
// its end either: Node looks for that by reading.
import type { Socket } from 'node:net'

/** Stops reading. Only once until `proceed`. */
export function halt(socket: Socket): void {
  socket.on('resume', again).pause()
}

/** Goes on reading. */
export function proceed(socket: Socket): void {
  socket.off('resume', again).resume()
}

/** A request whose body is asked for resumes the socket, now or in the next tick; what is paused already says so again. */
function again(this: Socket): void {
  this.pause().emit('pause')
}
