// How slowly the body of a request may come where foreman itself waits for it: on own routes, where it is kept until its end,
// and everywhere once the request is answered and the rest of its body is wanted by nobody. What is on its way to the target
// takes its time.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../clock.ts'
import { ForemanError } from '../job/error.ts'
import { hasBody } from './arrival.ts'

/** The time a body gets at first, and the most that it can earn at once. */
const grace_ms = 60_000
/** The slowest line worth waiting for, and the least that earns any time. */
const bytesPerSecond = 1024

/**
 * Calls `late` once if the body of `req` is not there in time: 60 s, then a second for each KiB that came in the time
 * before, 60 s at most. Pauses of a minute do no harm after what came faster; a byte now and then earns nothing.
 */
export function keepRate(req: IncomingMessage, clock: Clock, late: () => void): void {
  if (req.complete || !hasBody(req.headers)) return
  const { socket } = req
  let cancel = () => {}
  const arm = (ms: number) => {
    const { bytesRead } = socket
    cancel = clock.at(clock.now() + ms, () => {
      if (req.complete) return
      const earned = ((socket.bytesRead - bytesRead) / bytesPerSecond) * 1000
      if (earned < 1000) late()
      else arm(Math.min(earned, grace_ms))
    })
  }
  arm(grace_ms)
  req.once('close', () => cancel())
}

/** Ends the connection of a request that is answered and whose body is not sent to its end at that rate. */
export function boundRest(req: IncomingMessage, res: ServerResponse, clock: Clock): void {
  if (hasBody(req.headers)) res.once('finish', () => keepRate(req, clock, () => req.socket.destroy()))
}

/** What the sender of such a body is told. */
export function tooSlow(): ForemanError {
  return new ForemanError('invalid_request', 'the body comes too slowly', { status: 408 })
}
