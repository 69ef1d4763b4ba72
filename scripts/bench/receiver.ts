// Receivers of webhooks as a process of their own: one that takes all and notes when each arrived, and some that never
// answer.

import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { answer, ready } from './answers.ts'

/** Milliseconds of the machine's own clock at which the event of this sequence was told. */
export type Arrivals = [sequence: number, at: number][]

let arrived: Arrivals = []
let look = () => {}

async function open(listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const until = (holds: () => boolean) =>
  new Promise<void>((resolve) => {
    look = () => holds() && resolve()
    look()
  })

answer({
  /** Ports of so many who take a request and never answer. */
  hanging: (many: number) => Promise.all(Array.from({ length: many }, () => open((req) => void req.resume()))),
  /** When so many have arrived: what has, since this was last asked. */
  told: async (many: number): Promise<Arrivals> => {
    await until(() => arrived.length >= many)
    const told = arrived
    arrived = []
    return told
  },
})

ready(
  await open(async (req, res) => {
    const at = Number(process.hrtime.bigint()) / 1e6
    const { data } = (await json(req)) as { data: { sequence: number } }
    res.writeHead(204).end()
    arrived.push([data.sequence, at])
    look()
  }),
)
