// One person's request on its way through: from the handler to the last byte of the answer. It looks at the body of
// inference requests, waits for its turn on a pipelined connection, dispatches to the target and writes each piece of
// the answer as it comes. When either side goes away the other is told at once. It parses and stores nothing.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import type { ForemanError } from '../job/error.ts'
import type { Ticket, Traveller } from '../people/visit.ts'
import type { Underway } from './active.ts'
import { afterPredecessor, hasBody, isLegible, unfitness } from './arrival.ts'
import { Body, Upload } from './body.ts'
import { clientLines } from './lines.ts'
import { look } from './looking.ts'
import { absent, failure, isUnmade, sendNative, stopping } from './native.ts'
import { Overhead } from './overhead.ts'
import { isInference, originForm, pathOf, routeOf, type Peek } from './peek.ts'
import { cutShort, writePiece } from './piece.ts'
import { onward, type Served, type Way } from './way.ts'

/** An answer so short is sent as one string with its head, which costs Node less. */
const shortAnswer = 16 * 1024
const passageOf = Symbol('passage')
type Response = ServerResponse & { [passageOf]?: Passage }

export class Passage implements Dispatcher.DispatchHandler, Traveller, Underway {
  readonly #way: Way
  readonly #req: IncomingMessage
  readonly #res: Response
  readonly #path: string
  readonly #requestId: string
  /** CORS lines of the answer, if a page asked. */
  readonly #cors: readonly string[] | undefined
  readonly #overhead = new Overhead()
  #body: Body | undefined
  #upload: Upload | undefined
  #ticket: Ticket | undefined
  #abort: (() => void) | undefined
  #resume: (() => void) | undefined
  /** The target's part is over: its answer has ended, failed or is no longer wanted. */
  #over = false
  /** The first piece of the answer while it may still go out together with the head or the end; null before it. */
  #first: Buffer | null | undefined
  outcome: Served['outcome'] = 'left'
  place = -1

  constructor(way: Way, req: IncomingMessage, res: ServerResponse, requestId: string, cors?: readonly string[]) {
    this.#way = way
    this.#req = req
    this.#res = res
    this.#path = pathOf(originForm(req.url!))
    this.#requestId = requestId
    this.#cors = cors
  }

  start(): void {
    const { headers, method } = this.#req
    const unfit = unfitness(headers)
    this.#way.active.add(this)
    this.#res[passageOf] = this
    this.#res.on('close', Passage.closed).on('error', () => {})
    if (this.#way.closing) this.#refuse(stopping())
    else if (unfit) this.#refuse(unfit)
    else if (!isInference(method!, this.#path)) {
      this.#afterPredecessor(() => (this.#way.people.missing() ? this.refuse() : this.forward()))
    } else if (isLegible(this.#path, headers)) this.#look()
    else this.#afterPredecessor(() => this.#arrive(undefined))
  }

  /** The server stops: what has no answer yet gets one, what streams is cut. */
  stop(): void {
    if (this.#over) this.#res.destroy()
    else this.#giveUp(stopping())
  }

  /** The target has vanished: what was sent to it gets no answer any more. What was not may wait for it. */
  vanished(): void {
    if (!this.#over && this.#abort) this.#giveUp(absent())
  }

  get held(): boolean {
    return this.#ticket?.held === true
  }

  /** Reads the body of an inference request to its end, as far as there is room for it. */
  #look(): void {
    this.#body = new Body(this.#way.memory)
    look(this.#req, this.#path, this.#body, this.#way.clock, {
      done: (key, peek, upload) => {
        this.#overhead.there()
        this.#upload = upload
        this.#afterPredecessor(() => this.#arrive(key, peek))
      },
      refuse: (why) => void (this.#over || this.#res.headersSent || this.#giveUp(why)),
    })
  }

  #afterPredecessor(go: () => void): void {
    afterPredecessor(this.#req, this.#res, go, () => this.closed())
  }

  #arrive(key: string | undefined, peek?: Peek): void {
    if (this.#over || this.#deferred(peek)) return
    const ticket = this.#way.people.arrive(key, this)
    if (this.#over) return ticket.release()
    this.#ticket = ticket
    if (this.held) this.#overhead.waits()
    if (this.held && this.#way.closing) this.stop()
  }

  /** Whether a job is made of it, which answers in its place. */
  #deferred(peek: Peek | undefined): boolean {
    if (!this.#way.defer || (this.#req.headers.prefer === undefined && !peek?.background)) return false
    const [req, res, path, requestId, cors] = [this.#req, this.#res, this.#path, this.#requestId, this.#cors]
    const call = { req, res, path, requestId, cors, body: this.#body, peek, letGo: () => this.#end() }
    if (!this.#way.defer(call)) return false
    this.outcome = 'deferred'
    return (this.#over = true)
  }

  /** The lane lets it go to the target. */
  forward(): void {
    if (this.#over) return
    this.#overhead.goes()
    if (!this.#body && hasBody(this.#req.headers)) this.#upload ??= new Upload(this.#req)
    this.#way.dispatcher.dispatch(onward(this.#way, this.#req, this.#upload ?? this.#body?.send() ?? null), this)
    this.#overhead.gone()
  }

  refuse(): void {
    if (!this.#over) this.#refuse(absent())
  }

  onConnect(abort: () => void): void {
    this.#abort = abort
    // What an upload starts with it takes piece by piece.
    if (!this.#upload) this.#body?.sent()
    if (this.#over) abort()
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void, statusText: string): boolean {
    this.#way.people.heard()
    // Interim answers are between the target and undici.
    if (status < 200) return true
    this.#resume = resume
    if (status === 200) this.#ticket?.answered()
    this.#res.sendDate = false
    this.#res.writeHead(status, statusText, clientLines(raw, this.#cors))
    // The head goes out with the first piece if that came along, else by itself: a first token may be minutes away.
    this.#first = null
    process.nextTick(Passage.flush, this)
    return true
  }

  onData(chunk: Buffer): boolean {
    this.#way.people.heard()
    if (this.#first === null) {
      this.#first = chunk
      return true
    }
    if (this.#first) this.#begin()
    if (writePiece(this.#res, chunk)) return true
    if (this.#res.listenerCount('drain') === 0) this.#res.on('drain', Passage.drained)
    this.#ticket?.stalled(true)
    return false
  }

  /** Sends the head, with the first piece if it is there. */
  #begin(): void {
    if (this.#first) writePiece(this.#res, this.#first)
    else this.#res.flushHeaders()
    this.#first = undefined
  }

  drained(): void {
    this.#ticket?.stalled(false)
    this.#resume?.()
  }

  onComplete(): void {
    if (this.#over) return
    this.#end()
    this.outcome = 'answered'
    if (this.#first && this.#first.length <= shortAnswer) this.#res.end(this.#first.toString('latin1'), 'latin1')
    else this.#res.end(this.#first)
  }

  /** Nothing that went out on a connection is sent again, though its end may have the code of one never made. */
  onError(error: Error): void {
    if (this.#over) return
    const unsent = this.#abort === undefined && isUnmade(error) && !this.#way.closing
    if (unsent && this.#ticket?.again()) this.#overhead.waits()
    else this.#giveUp(failure(error))
  }

  /** Ends it on foreman's side, whatever the target still does: says why, or cuts what has begun. A clean end would be a lie. */
  #giveUp(error: ForemanError): void {
    this.#end()
    this.#abort?.()
    if (!this.#res.headersSent) return this.#refuse(error)
    this.outcome = 'cut'
    cutShort(this.#req, this.#res)
  }

  #refuse(error: ForemanError): void {
    this.#end()
    this.outcome = 'refused'
    const closing = this.#way.closing || error.status === 408 ? ['Connection', 'close'] : []
    sendNative(this.#res, this.#path, error, ['X-Request-Id', this.#requestId, ...closing, ...(this.#cors ?? [])])
  }

  /** The target's part is over. */
  #end(left = false): void {
    this.#over = true
    this.#ticket?.release(left)
    this.#body?.drop()
    this.#upload?.destroy()
  }

  /** The connection or the answer has ended. */
  closed(): void {
    if (!this.#way.active.delete(this)) return
    if (!this.#over) {
      this.#end(true)
      this.#abort?.()
    }
    const { headersSent, statusCode, writableFinished } = this.#res
    const outcome = this.outcome === 'answered' && !writableFinished ? 'left' : this.outcome
    this.#way.onServed({
      route: routeOf(this.#path),
      method: this.#req.method!,
      status: headersSent ? statusCode : 499,
      outcome,
      ms: this.#overhead.age,
      overheadMs: this.#overhead.ms,
      requestId: this.#requestId,
    })
    if (this.#way.active.size === 0) this.#way.onIdle()
  }

  static readonly closed = function (this: Response): void {
    this[passageOf]?.closed()
  }

  static readonly drained = function (this: Response): void {
    this[passageOf]?.drained()
  }

  static readonly flush = (passage: Passage): void => {
    if (passage.#first !== undefined && !passage.#over) passage.#begin()
  }
}
