// One request over and over: on each of so many connections the next as soon as the last was answered.

import { Exchange } from './exchange.ts'

export interface RateInput {
  port: number
  /** The whole request, head and body. */
  request: string
  connections: number
  ms: number
  /** Every answer must have this status. */
  status: number
}

export interface Rated {
  answers: number
  perSecond: number
  /** Milliseconds from request to whole answer, at most 1,000,000 of them. */
  latencies: Float64Array
}

const latenciesKept = 1_000_000
const patience_ms = 10_000

/** Fails when an answer has another status or a connection breaks: then there is nothing to be measured. */
export async function rate({ port, request, connections, ms, status }: RateInput): Promise<Rated> {
  const bytes = Buffer.from(request, 'latin1')
  const latencies = new Float64Array(latenciesKept)
  let answers = 0
  const started = performance.now()
  const until = started + ms
  const exchanges: Exchange[] = []
  try {
    await new Promise<void>((resolve, reject) => {
      let open = connections
      setTimeout(() => reject(new Error('requests are not answered')), ms + patience_ms).unref()
      for (let i = 0; i < connections; i++) {
        let sent = performance.now()
        const exchange = new Exchange(
          port,
          (got) => {
            const now = performance.now()
            if (got !== status) return reject(new Error(`answered ${got} instead of ${status}`))
            if (answers < latenciesKept) latencies[answers] = now - sent
            answers++
            sent = now
            if (now < until) exchange.send(bytes)
            else if (--open === 0) resolve()
          },
          reject,
        )
        exchanges.push(exchange)
        exchange.send(bytes)
      }
    })
    const seconds = (performance.now() - started) / 1000
    return { answers, perSecond: answers / seconds, latencies: latencies.slice(0, Math.min(answers, latenciesKept)) }
  } finally {
    for (const exchange of exchanges) exchange.close()
  }
}
