// Deliveries as callers see them, and having one sent again.

import type { Clock } from '../clock.ts'
import type { Delivery } from '../job/delivery.ts'
import { shownUrl } from '../job/shown-url.ts'
import { webhookType } from '../job/webhook.ts'
import type { Queue } from '../queue/queue.ts'
import { time } from '../queue/view.ts'
import type { DeliveryRow } from '../store/deliveries.ts'
import type { EventRow } from '../store/events.ts'
import type { JobRow } from '../store/jobs.ts'
import type { Store } from '../store/store.ts'
import type { Deliverer } from './deliverer.ts'

export interface ReceiptsOptions {
  store: Store
  clock: Clock
  queue: Queue
  deliverer: Pick<Deliverer, 'redeliver'>
}

export class Receipts {
  #options: ReceiptsOptions

  constructor(options: ReceiptsOptions) {
    this.#options = options
  }

  /** What a job owes and owed to receivers, in the order in which it arose. */
  readonly ofJob = (job: JobRow): Delivery[] =>
    this.#options.store.deliveries.ofJob(job.seq).map((row) => this.#view(row, job.id))

  /** Has one sent at once, whatever became of it. Throws `gone` or `not_found` when there is none of this id. */
  readonly redeliver = async (id: string): Promise<Delivery> => {
    const { store, queue, deliverer } = this.#options
    const found = await deliverer.redeliver(id)
    const row = found ? store.deliveries.withId(id) : undefined
    const job = row && queue.at(row.job)
    if (!job) throw queue.missing(id, 'delivery')
    return this.#view(row, job.id)
  }

  #view(row: DeliveryRow, job_id: string): Delivery {
    const { store, clock, queue } = this.#options
    const { state } = store.events.one(row.job, row.event) as EventRow
    const { artifact, due, ended_at } = row
    return {
      id: row.id,
      job_id,
      kind: row.kind,
      type: webhookType(state),
      ...(artifact === null ? {} : { artifact }),
      url: shownUrl(row.url),
      state: row.state,
      created_at: time(row.created_at),
      ...(due === null ? {} : { next_try_at: time(clock.wall() + due - queue.steady.now()) }),
      ...(ended_at === null ? {} : { ended_at: time(ended_at) }),
      attempts: store.tries.ofDelivery(row.seq).map(({ at, status, reason, ms, answer }) => ({
        at: time(at),
        ...(status === null ? {} : { status }),
        ...(reason === null ? {} : { reason }),
        ms,
        ...(answer === null ? {} : { answer }),
      })),
    }
  }
}
