// How soon a receiver is told: from the commit of an event to its arrival; the same beside receivers that are dead, and
// beside a long outbox that is not due; and what such an outbox takes of memory.

import Database from 'better-sqlite3'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { freePort } from '../demo/daemon.ts'
import type { Bench } from './bench.ts'
import { Child } from './child.ts'
import { flags, idleMemory, nowhere, token } from './foreman.ts'
import { mb, median, ms, quantile } from './quantile.ts'
import type { Arrivals } from './receiver.ts'
import { job } from './request.ts'
import type { Row } from './table.ts'
import type { Commits } from './teller.ts'

const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
const perBatch = 100
const dead = 20
const day_ms = 24 * 3_600_000
const settings = {
  FOREMAN_TOKEN: token,
  FOREMAN_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString('base64')}`,
  FOREMAN_WEBHOOK_ALLOW: '127.0.0.0/8',
}

interface Webhook {
  url: string
  events: string[]
}

/** A foreman whose commits are noted, with what is asked of it. */
class Teller {
  readonly child: Child
  readonly #receiver: Child

  constructor(child: Child, receiver: Child) {
    this.child = child
    this.#receiver = receiver
  }

  static async start(receiver: Child, target: string, folder: string, profile?: string): Promise<Teller> {
    const own = { ...settings, FOREMAN_LISTEN: '127.0.0.1:0', FOREMAN_TARGET: target, FOREMAN_DATA: folder }
    return new Teller(
      await new Child('scripts/bench/teller.ts', { settings: own, flags, profile }).listening(),
      receiver,
    )
  }

  async post(path: string, body: object): Promise<void> {
    const url = `http://127.0.0.1:${this.child.port}${path}`
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
    if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`)
    await answer.text()
  }

  /** One job for each of these webhooks. */
  async submit(webhooks: readonly (Webhook | undefined)[]): Promise<void> {
    for (let i = 0; i < webhooks.length; i += perBatch) {
      const jobs = webhooks.slice(i, i + perBatch).map((webhook) => ({ ...job, webhook }))
      await this.post('/jobs/batch', { jobs })
    }
  }

  /** From the commits since the last `note` to their arrival, of those that have arrived; resolves when so many have. */
  async delays(label: 'submit' | 'finish', many: number): Promise<number[]> {
    const arrivals = await this.#receiver.ask<Arrivals>('told', many)
    const commits = new Map(await this.child.ask<Commits>('commits', label))
    return arrivals.map(([sequence, at]) => at - commits.get(sequence)!)
  }
}

export async function webhooks(bench: Bench): Promise<Row[]> {
  const receiver = await new Child('scripts/bench/receiver.ts').listening()
  const way = await bare(bench, receiver)
  bench.say(`a bare POST to its arrival, p50 / p99: ${ms(quantile(way, 0.5))} / ${ms(quantile(way, 0.99))}`)
  const rows = [...(await besideTheDead(bench, receiver)), ...(await besideALongOutbox(bench, receiver))]
  await receiver.stop()
  return rows
}

/** What the way itself takes: a POST of the same size from here, one after the other, until it arrives. */
async function bare({ quick }: Bench, receiver: Child): Promise<number[]> {
  const padding = 'x'.repeat(1_000)
  const sent: number[] = []
  for (let sequence = 0; sequence < (quick ? 100 : 1_000); sequence++) {
    sent.push(Number(process.hrtime.bigint()) / 1e6)
    const body = JSON.stringify({ data: { sequence }, padding })
    await (await fetch(`http://127.0.0.1:${receiver.port}/`, { method: 'POST', headers, body })).text()
  }
  return (await receiver.ask<Arrivals>('told', sent.length)).map(([sequence, at]) => at - sent[sequence]!)
}

/** Half of the jobs tell a live receiver; the others tell nobody, or the dead in turn: half of those refuse, half hang. */
async function besideTheDead({ quick, say, folder, profile }: Bench, receiver: Child): Promise<Row[]> {
  const jobs = quick ? 200 : 1000
  const ollama = await new Child('scripts/bench/ollama.ts', { args: ['0', '0', 'bench'] }).listening()
  const target = `http://127.0.0.1:${ollama.port}`
  const alone = await Teller.start(receiver, target, folder(), profile)
  const beside = await Teller.start(receiver, target, folder(), profile)
  const hanging = await receiver.ask<number[]>('hanging', dead / 2)
  const ports: number[] = []
  // Nobody listens on the other half: refused at once.
  for (const port of hanging) ports.push(port, await freePort())
  const addresses = ports.map((port) => `http://127.0.0.1:${port}/`)
  const live = { url: `http://127.0.0.1:${receiver.port}/`, events: ['done'] }
  const others = (i: number) => ({ url: addresses[i % dead]!, events: ['done'] })
  const round = async (teller: Teller, other: (i: number) => Webhook | undefined) => {
    await teller.child.ask('note')
    await teller.submit(Array.from({ length: jobs }, (_, i) => (i % 2 === 0 ? live : other((i - 1) / 2))))
    return teller.delays('finish', jobs / 2)
  }
  const delays = { alone: [] as number[][], beside: [] as number[][] }
  for (let i = 0; i < (quick ? 2 : 6); i++) {
    delays.alone.push(await round(alone, () => undefined))
    delays.beside.push(await round(beside, others))
  }
  await Promise.all([alone.child.stop(), beside.child.stop(), ollama.stop()])

  // The first round warms up.
  const [without, with_] = [delays.alone.slice(1).flat(), delays.beside.slice(1).flat()]
  const [p50, p99] = [quantile(without, 0.5), quantile(without, 0.99)]
  const others99 = quantile(with_, 0.99)
  say(`commit to arrival of ${without.length} webhooks, p50 / p99: ${ms(p50)} / ${ms(p99)}`)
  say(`  of ${with_.length} beside ${dead} dead receivers: ${ms(quantile(with_, 0.5))} / ${ms(others99)}`)
  return [
    { what: 'webhook, commit to arrival p50', measured: ms(p50), reach: '≤ 10 ms', met: p50 <= 10 },
    { what: '  p99', measured: ms(p99), reach: '≤ 100 ms', met: p99 <= 100 },
    {
      what: `  p99 beside ${dead} dead receivers ÷ without them`,
      measured: (others99 / p99).toFixed(2),
      reach: '≤ 2',
      met: others99 <= 2 * p99,
    },
  ]
}

/** Nothing runs here: jobs tell that they are queued. Before a foreman lies an outbox in which all of them are due tomorrow. */
async function besideALongOutbox({ quick, say, folder, profile }: Bench, receiver: Child): Promise<Row[]> {
  const size = quick ? 1_000 : 10_000
  const folders = { none: folder(), long: folder() }
  const start = (folder: string) => Teller.start(receiver, nowhere, folder, profile)
  const ports = await receiver.ask<number[]>('hanging', dead)
  const owed = (i: number) => ({ url: `http://127.0.0.1:${ports[i % dead]}/`, events: ['queued'] })
  for (const [folder, webhook] of [
    [folders.none, () => undefined],
    [folders.long, owed],
  ] as const) {
    const filled = await start(folder)
    await filled.submit(Array.from({ length: size }, (_, i) => webhook(i)))
    await filled.child.stop()
    const db = new Database(join(folder, 'foreman.db'))
    db.prepare('UPDATE delivery SET due = due + ?').run(day_ms)
    db.close()
  }
  const none = await start(folders.none)
  const long = await start(folders.long)
  const live = { url: `http://127.0.0.1:${receiver.port}/`, events: ['queued'] }
  const each = quick ? 50 : 200
  const round = async (teller: Teller) => {
    await teller.child.ask('note')
    const { cpuUs } = await teller.child.usage()
    for (let i = 0; i < each; i++) await teller.post('/jobs', { ...job, webhook: live })
    const delays = await teller.delays('submit', each)
    return { p50: quantile(delays, 0.5), cpu: ((await teller.child.usage()).cpuUs - cpuUs) / each }
  }
  const rounds: { none: Awaited<ReturnType<typeof round>>; long: Awaited<ReturnType<typeof round>> }[] = []
  for (let i = 0; i < (quick ? 3 : 9); i++) rounds.push({ none: await round(none), long: await round(long) })
  await Promise.all([none.child.stop(), long.child.stop()])
  const idle = { none: [] as number[], long: [] as number[] }
  for (let i = 0; i < (quick ? 1 : 5); i++)
    for (const who of ['none', 'long'] as const)
      idle[who].push(await idleMemory({ folder: folders[who], settings }, quick ? 1_000 : 5_000))
  const [without, with_] = [median(idle.none), median(idle.long)]

  const of = (who: 'none' | 'long', what: 'p50' | 'cpu') => rounds.slice(1).map((one) => one[who][what])
  const ratio = (what: 'p50' | 'cpu') => median(of('long', what).map((value, i) => value / of('none', what)[i]!))
  say(`resident memory with ${size} jobs that owe nothing ${mb(without)}, with ${size} that owe a webhook ${mb(with_)}`)
  say(`  a webhook beside them, p50: ${ms(median(of('none', 'p50')))} and ${ms(median(of('long', 'p50')))}`)
  return [
    {
      what: `${size.toLocaleString('en')} deliveries pending, memory they add`,
      measured: mb(with_ - without),
      reach: '≤ 5 MB',
      met: with_ - without <= 5 * 2 ** 20,
    },
    beside('  commit to arrival p50 beside them ÷ without', ratio('p50')),
    beside('  processor time of submit and webhook ÷ without', ratio('cpu')),
  ]
}

function beside(what: string, value: number): Row {
  return { what, measured: value.toFixed(2), reach: '≤ 1.25', met: value <= 1.25 }
}
