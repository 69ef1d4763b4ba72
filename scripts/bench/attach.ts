// Many who wait for a job and follow it: how soon all of them hear of its end, what they cost while nothing happens, and
// what a person's stream notices of them. And what a look at a job costs, beside a constant answer of its size.

import type { AttachInput, Heard } from './attached.ts'
import type { Bench } from './bench.ts'
import { Child } from './child.ts'
import { startForeman, token } from './foreman.ts'
import { mb, median, ms, quantile, ratios, us } from './quantile.ts'
import type { Rated, RateInput } from './rate.ts'
import { chat, get, job, post } from './request.ts'
import type { Streamed, StreamsInput } from './streams.ts'
import type { Row } from './table.ts'

const waiters = 1000
const readers = 200
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }

export async function attached({ quick, say, caller, target, folder, profile }: Bench): Promise<Row[]> {
  const { foreman } = await startForeman({ folder: folder(), target: `http://127.0.0.1:${target.port}`, profile })
  const url = `http://127.0.0.1:${foreman.port}`
  const ask = async (method: string, path: string, body?: object) => {
    const answer = await fetch(url + path, { method, headers, body: JSON.stringify(body ?? {}) })
    return (await answer.json()) as { id: string }
  }
  await ask('POST', '/queue/pause')
  /** Milliseconds that a chunk of a person's stream is under way, half of them. */
  const stream = async () => {
    const request = post('/api/chat?chunks=200&every_ms=5', chat)
    const input: StreamsInput = { port: foreman.port, request, streams: 1, chunks: 200 }
    return quantile((await caller.ask<Streamed>('streams', input)).delays, 0.5)
  }
  const round = async (waiters: number, readers: number) => {
    const { id } = await ask('POST', '/jobs', job)
    const alone = await stream()
    const before = await foreman.usage()
    await caller.ask('attach', { port: foreman.port, id, waiters, readers } satisfies AttachInput)
    await new Promise((resolve) => setTimeout(resolve, 500))
    const after = await foreman.usage()
    const beside = await stream()
    await ask('POST', `/jobs/${id}/cancel`)
    const heard = await caller.ask<Heard>('told')
    return { heard, rss: after.rss - before.rss, added: beside - alone }
  }
  await round(20, 20)
  const rounds: Awaited<ReturnType<typeof round>>[] = []
  for (let i = 0; i < (quick ? 2 : 8); i++) rounds.push(await round(waiters, readers))
  const look = await looks({ quick, caller, foreman, id: (await ask('POST', '/jobs', job)).id })
  await foreman.stop()

  const p99 = (who: keyof Heard) =>
    quantile(
      rounds.flatMap(({ heard }) => heard[who]),
      0.99,
    )
  const rss = rounds.map((one) => one.rss)
  const added = median(rounds.map((one) => one.added))
  say(
    `${waiters} waiters and ${readers} readers of one job, ${rounds.length} rounds: growth of memory ${rss.map(mb).join(' ')}`,
  )
  say(`  of the waiters 99 of a hundred have their answer after ${ms(p99('waiters'))}`)
  return [
    { what: 'a state at 200 readers beside 1,000 waiters, p99', ...upTo(p99('readers'), 50, ms) },
    { what: '  their memory, the first time', ...upTo(rss[0]!, 60 * 2 ** 20, mb) },
    { what: '  a stream of people beside them, added p50', ...upTo(added, 0.3, us) },
    {
      what: 'GET /jobs/{id} c=32, foreman ÷ bare Fastify',
      measured: look.toFixed(2),
      reach: '≥ 0.18',
      met: look >= 0.18,
    },
  ]
}

interface Looks extends Pick<Bench, 'quick' | 'caller'> {
  foreman: Child
  id: string
}

async function looks({ quick, caller, foreman, id }: Looks): Promise<number> {
  const path = `/jobs/${id}`
  const size = (await (await fetch(`http://127.0.0.1:${foreman.port}${path}`, { headers })).bytes()).length
  const constant = await new Child('scripts/bench/constant.ts', { args: [String(size)] }).listening()
  const load = (port: number, path: string) =>
    caller.ask<Rated>('rate', { port, request: get(path), connections: 32, ms: 1000, status: 200 } satisfies RateInput)
  const over: number[] = []
  const under: number[] = []
  for (let i = 0; i < (quick ? 3 : 11); i++) {
    over.push((await load(foreman.port, path)).perSecond)
    under.push((await load(constant.port, '/constant')).perSecond)
  }
  await constant.stop()
  // The first round warms up.
  return median(ratios(over.slice(1), under.slice(1)))
}

function upTo(value: number, most: number, written: (value: number) => string) {
  return { measured: written(value), reach: `≤ ${written(most)}`, met: value <= most }
}
