// The body of an inference request while it arrives: read to its end and kept, as far as there is room, and looked into on
// the way. What the head says beforehand is arrival.ts; the room that all of them share, memory.ts.
import type { IncomingMessage } from 'node:http'
import type { Clock } from '../clock.ts'
import { ForemanError } from '../job/error.ts'
import { isEndpoint } from '../job/submit.ts'
import { lengthOf } from './arrival.ts'
import { largestBody, Upload, type Body } from './body.ts'
import { keepRate, tooSlow } from './data-rate.ts'
import { noRoom } from './memory.ts'
import { backgroundPath, Peek } from './peek.ts'
import { prefer } from './prefer.ts'

/** What becomes of a body that is looked at. */
export interface Looked {
  /**
   * It is there, with its affinity key and what else was seen; or there is no room for the whole: then it goes on as a
   * stream, without any of that. Called once at most.
   */
  done: (key: string | undefined, peek?: Peek, upload?: Upload) => void
  /** It is not to go on. May come after `done` with a stream, of which the end was not handed on then. */
  refuse: (why: ForemanError) => void
}

/**
 * Reads the body of an inference request into `body`. One that comes too slowly is refused if it is to be a job, else as soon
 * as another needs its room. What is streamed is read along where it may ask for a background response, which is refused.
 */
export function look(req: IncomingMessage, path: string, body: Body, clock: Clock, { done, refuse }: Looked): void {
  const peek = new Peek(path)
  let reading = true
  const data = (chunk: Buffer) => {
    peek.write(chunk)
    if (!body.add(chunk)) stream()
  }
  const end = () => {
    stop()
    done(peek.key(body.chunks), peek)
  }
  const stop = () => {
    reading = false
    req.off('data', data).off('end', end)
    body.settled()
  }
  const stream = () => {
    stop()
    const why = Math.max(body.size, lengthOf(req.headers)) > largestBody ? tooLong() : noRoom()
    const along = (chunk: Buffer) => {
      peek.write(chunk)
      if (peek.background) refuse(why)
    }
    if (!peek.background)
      return done(undefined, undefined, new Upload(req, body, path === backgroundPath ? along : undefined))
    req.resume()
    refuse(why)
  }
  const giveUp = () => {
    stop()
    req.resume()
    refuse(tooSlow())
  }
  if (lengthOf(req.headers) > largestBody) return stream()
  req.on('data', data).on('end', end)
  keepRate(req, clock, () => {
    if (!reading) return
    if (peek.background || (isEndpoint(path) && prefer(req.headers.prefer).respondAsync)) giveUp()
    else body.slow(giveUp)
  })
}

function tooLong(): ForemanError {
  return new ForemanError('too_large', `the body is limited to ${largestBody} bytes`)
}
