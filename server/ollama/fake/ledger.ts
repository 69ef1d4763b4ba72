// What the simulation did, for tests to read: the requests it saw, its loads and its peaks. Only counts; it decides
// nothing.

/** What a request wants of a runner. `other` wants none. */
export type Purpose = 'work' | 'load' | 'unload' | 'other'

export interface Seen {
  id: number
  method: string
  /** As sent, query included. */
  url: string
  path: string
  /** Names and values as sent. */
  headers: [string, string][]
  /** At most the first MiB. */
  body: Buffer
  bodyBytes: number
  /** As the request writes it. */
  model: string | undefined
  purpose: Purpose
  status: number | undefined
  /** `cut`: the fake ended the connection; `aborted`: the client did. */
  outcome: 'open' | 'answered' | 'aborted' | 'cut'
}

const keptRequests = 500
const keptBody = 1024 * 1024
const keptNames = 10_000

export class Ledger {
  /** The last 500 requests, oldest first. */
  requests: Seen[] = []
  /** Requests by path, all of them. */
  byPath: Record<string, number> = {}
  /** Finished loads. */
  loads = 0
  /** Finished loads by affinity key of the request that caused them. */
  loadsByKey: Record<string, number> = {}
  /** Affinity keys in the order they were loaded. */
  loadOrder: string[] = []
  failedLoads = 0
  /** Loads given up because their request's client left. */
  abortedLoads = 0
  unloads = 0
  /** Requests that ended because their client left. */
  aborted = 0
  /** Work requests (generations, embeddings) that are not answered yet, waiting ones included. */
  inFlight = 0
  maxInFlight = 0
  /** Generations and embeddings in a runner's slot right now. */
  running = 0
  maxRunning = 0
  /** Models in the order their generations and embeddings began. */
  served: string[] = []
  #ids = 0
  #waiting: { holds: () => boolean; resolve: () => void }[] = []

  open(method: string, url: string, rawHeaders: string[]): Seen {
    const path = url.split('?')[0] ?? url
    const headers: [string, string][] = []
    for (let i = 0; i < rawHeaders.length; i += 2) headers.push([rawHeaders[i] ?? '', rawHeaders[i + 1] ?? ''])
    const seen: Seen = {
      id: ++this.#ids,
      method,
      url,
      path,
      headers,
      body: Buffer.alloc(0),
      bodyBytes: 0,
      model: undefined,
      purpose: 'other',
      status: undefined,
      outcome: 'open',
    }
    this.requests.push(seen)
    if (this.requests.length > keptRequests) this.requests.shift()
    this.byPath[path] = (this.byPath[path] ?? 0) + 1
    this.changed()
    return seen
  }

  keepBody(seen: Seen, body: Buffer): void {
    seen.body = body.length > keptBody ? Buffer.from(body.subarray(0, keptBody)) : body
    seen.bodyBytes = body.length
  }

  /** The request is known to be work, a load or an unload. */
  purpose(seen: Seen, purpose: Purpose, model: string | undefined): void {
    seen.purpose = purpose
    seen.model = model
    if (purpose === 'work') {
      this.inFlight++
      this.maxInFlight = Math.max(this.maxInFlight, this.inFlight)
    }
    this.changed()
  }

  close(seen: Seen, outcome: 'answered' | 'aborted' | 'cut', status: number | undefined): void {
    seen.outcome = outcome
    seen.status = status
    if (seen.purpose === 'work') this.inFlight--
    if (outcome === 'aborted') this.aborted++
    this.changed()
  }

  loaded(key: string): void {
    this.loads++
    this.loadsByKey[key] = (this.loadsByKey[key] ?? 0) + 1
    keep(this.loadOrder, key)
    this.changed()
  }

  began(model: string): void {
    this.running++
    this.maxRunning = Math.max(this.maxRunning, this.running)
    keep(this.served, model)
    this.changed()
  }

  ended(): void {
    this.running--
    this.changed()
  }

  /** Resolves as soon as `holds` does; looked at after every change. */
  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve()
    return new Promise((resolve) => {
      this.#waiting.push({ holds, resolve })
    })
  }

  /** To be called after any change that a test may wait for. */
  changed(): void {
    for (const waiting of this.#waiting.filter(({ holds }) => holds())) {
      this.#waiting = this.#waiting.filter((w) => w !== waiting)
      waiting.resolve()
    }
  }
}

function keep(names: string[], name: string): void {
  names.push(name)
  if (names.length > keptNames) names.shift()
}
