// What must be true after a storm: what callers were promised, what receivers were told and what the database says, each
// held against the others. Pure; answers one line for each thing that is not so.

import type { Disk } from './disk.ts'
import type { Order } from './orders.ts'
import type { Receipt, Upload } from './receivers.ts'

export interface Evidence {
  orders: readonly Order[]
  receipts: readonly Receipt[]
  uploads: readonly Upload[]
  disk: Disk
}

interface Event {
  sequence: number
  state: string
}

const terminal = ['done', 'failed', 'canceled']

export function verdict(evidence: Evidence): string[] {
  const { disk, receipts, uploads } = evidence
  return [
    ...disk.damage.map((said) => `the database: ${said}`),
    ...(disk.deliveries.pending ? [`${disk.deliveries.pending} deliveries are still pending`] : []),
    ...(disk.deliveries.gave_up ? [`${disk.deliveries.gave_up} deliveries were given up`] : []),
    ...[...receipts, ...uploads].flatMap(({ wrong }) => (wrong === undefined ? [] : [`a delivery is wrong: ${wrong}`])),
    ...promises(evidence),
    ...told(evidence),
    ...identities(receipts),
    ...handed(evidence),
  ]
}

/** Every acknowledged job is there or was erased by its caller, has ended, and is done once at most. */
export function promises({ orders, disk }: Evidence): string[] {
  const found: string[] = []
  const there = new Map(disk.jobs.map((job) => [job.id, job]))
  for (const { n, ids, erased } of orders) {
    if (ids.size > 1) found.push(`order ${n} became ${ids.size} jobs: ${[...ids].join(' ')}`)
    for (const id of ids) {
      if (!there.has(id) && !erased) found.push(`${id} was acknowledged and is not there`)
      if (there.has(id) && erased) found.push(`${id} was erased and is there`)
    }
  }
  const numbers = new Map<string, string>()
  const histories = Map.groupBy(disk.events, ({ job }) => job)
  for (const { seq, id, state, n } of disk.jobs) {
    const other = numbers.get(n)
    if (other !== undefined) found.push(`${id} and ${other} are both order ${n}`)
    numbers.set(n, id)
    if (!terminal.includes(state)) found.push(`${id} has not ended: it is ${state}`)
    const history = histories.get(seq) ?? []
    if (history.at(-1)?.state !== state) found.push(`${id} is ${state}, its last event says ${history.at(-1)?.state}`)
    const done = history.filter((event) => event.state === 'done').length
    if (done > 1) found.push(`${id} was done ${done} times`)
  }
  return found
}

/** Every committed event that was asked for has been taken by its receiver, and nobody was told of another. */
export function told({ orders, receipts, disk }: Evidence): string[] {
  const found: string[] = []
  const histories = Map.groupBy<number, Event & { job: number }>(disk.events, ({ job }) => job)
  const byJob = Map.groupBy(receipts, ({ job }) => job)
  const known = new Set<string>()
  const check = (id: string, order: Order | undefined, history: readonly Event[], whole: boolean) => {
    known.add(id)
    const committed = new Map(history.map(({ sequence, state }) => [sequence, state]))
    const accepted = new Set<number>()
    let last: Receipt | undefined
    for (const receipt of (byJob.get(id) ?? []).toSorted((a, b) => a.sequence - b.sequence)) {
      const { sequence, state, timestamp } = receipt
      const at = `${id}: ${state} of sequence ${sequence}`
      if (committed.get(sequence) !== state) found.push(`${at} was told and never committed`)
      if (!order?.events.includes(state)) found.push(`${at} was told and not asked for`)
      if (last && Date.parse(timestamp) < Date.parse(last.timestamp))
        found.push(`${at} is older than sequence ${last.sequence}`)
      last = receipt
      if (receipt.accepted) accepted.add(sequence)
    }
    if (!whole || !order) return
    for (const { sequence, state } of history)
      if (order.events.includes(state) && !accepted.has(sequence))
        found.push(`${id}: ${state} of sequence ${sequence} was never delivered`)
  }
  for (const { seq, id, n } of disk.jobs) check(id, orders[Number(n)], histories.get(seq) ?? [], true)
  // What was pending when a job was erased went with it.
  for (const order of orders) if (order.erased) for (const id of order.ids) check(id, order, order.erased, false)
  for (const id of byJob.keys()) if (!known.has(id)) found.push(`${id || 'a job'} was told of and never existed`)
  return found
}

/** One event, one webhook-id, the same bytes; another event, another id. */
export function identities(receipts: readonly Receipt[]): string[] {
  const found: string[] = []
  const event = ({ job, sequence }: Receipt) => `${job} sequence ${sequence}`
  for (const [id, same] of Map.groupBy(receipts, ({ id }) => id)) {
    if (new Set(same.map(event)).size > 1)
      found.push(`${id} told of several events: ${[...new Set(same.map(event))].join(', ')}`)
    if (new Set(same.map(({ digest }) => digest)).size > 1) found.push(`${id} came with different bytes`)
  }
  for (const [which, same] of Map.groupBy(receipts, event)) {
    const ids = new Set(same.map(({ id }) => id))
    if (ids.size > 1) found.push(`${which} came as ${[...ids].join(' and ')}`)
  }
  return found
}

/** Each artifact of a done job was put whole where its caller wanted it, and nothing else was. */
export function handed({ orders, uploads, disk }: Evidence): string[] {
  const found: string[] = []
  const numbers = new Map(disk.jobs.map(({ seq, n }) => [seq, Number(n)]))
  const expected = new Map<string, string>()
  for (const { job, name, sha256 } of disk.artifacts) {
    const n = numbers.get(job)!
    if (orders[n]?.deliver) expected.set(`${n}/${name}`, sha256)
  }
  const taken = new Set<string>()
  for (const { order, name, sha256, accepted } of uploads) {
    const which = `${order}/${name}`
    if (accepted) taken.add(which)
    if (orders[order]?.erased) continue
    if (!expected.has(which)) found.push(`artifact ${which} was put and is none`)
    else if (expected.get(which) !== sha256) found.push(`artifact ${which} was put with other bytes`)
  }
  for (const which of expected.keys()) if (!taken.has(which)) found.push(`artifact ${which} was never put`)
  return found
}
