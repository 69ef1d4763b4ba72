// For tests of deliveries: a queue on a real store with the deliverer beside it, as app.ts connects them, on a clock that
// a test moves. Receivers are real. No part of the running foreman.

import { VirtualClock } from '../clock.ts'
import { Bench, type Setup as BenchSetup } from '../queue/queue.harness.ts'
import type { DeliveryRow } from '../store/deliveries.ts'
import type { JobRow } from '../store/jobs.ts'
import { afterwards } from '../store/store.harness.ts'
import type { TryRow } from '../store/tries.ts'
import type { Tried } from './attempt.ts'
import { Deliverer } from './deliverer.ts'
import { Guard } from './guard.ts'
import { Receiver, type Answering } from './receiver.harness.ts'

export const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

/** A receiver that is closed after the test. */
export async function openReceiver(answering?: Answering): Promise<Receiver> {
  const receiver = await new Receiver(answering).listen()
  afterwards(() => void receiver.close())
  return receiver
}

export interface Setup extends Pick<BenchSetup, 'folder' | 'fault' | 'keep'> {
  clock?: VirtualClock
  secrets?: string[]
  random?: () => number
  /** As FOREMAN_WEBHOOK_ALLOW. */
  allow?: string[]
}

export class Voice {
  readonly bench: Bench
  readonly clock: VirtualClock
  readonly deliverer: Deliverer
  /** What came of each try, in the order of their ends. */
  readonly tried: (Tried & { id: string })[] = []
  /** Whether the store refused writes, each time that changed. */
  readonly storage: boolean[] = []
  readonly errors: unknown[] = []
  #setup: Setup
  #listeners = new Set<() => void>()

  /** Without jitter, unless a test brings some. It has to be started. */
  constructor(setup: Setup = {}) {
    const { secrets = [secret], random = () => 0.5, allow = ['127.0.0.1'], clock = new VirtualClock(), ...more } = setup
    this.#setup = setup
    this.clock = clock
    this.bench = new Bench({ ...more, clock, onChange: () => this.deliverer.wake() })
    const { store, queue } = this.bench
    this.deliverer = new Deliverer({
      store,
      clock,
      steady: queue.steady,
      random,
      secrets,
      guard: new Guard({ allow }),
      onTried: ({ id }, tried) => {
        this.tried.push({ ...tried, id })
        this.#tell()
      },
      onSettled: (job) => queue.retention.settled(job),
      onStorage: (failing) => {
        this.storage.push(failing)
        this.#tell()
      },
      onError: (error) => {
        this.errors.push(error)
        this.#tell()
      },
    })
  }

  static start(setup?: Setup): Voice {
    const voice = new Voice(setup)
    voice.deliverer.start()
    return voice
  }

  /** The next foreman on the same folder; its monotonic clock starts anew, `away_ms` of wall time later. */
  async restart(away_ms = 0, setup: Setup = {}): Promise<Voice> {
    await this.deliverer.stop(0)
    this.bench.queue.stop()
    this.bench.store.close()
    const clock = new VirtualClock(this.clock.wall() + away_ms)
    const voice = new Voice({ ...this.#setup, clock, ...setup, folder: this.bench.folder })
    await voice.bench.queue.recover()
    voice.deliverer.start()
    return voice
  }

  /** A job that is done and owes these. */
  done(more: Record<string, unknown>): Promise<JobRow> {
    return this.bench.job('done', more)
  }

  /** Resolves when so many tries have ended and are on disk. */
  hasTried(count: number): Promise<void> {
    return this.until(() => this.tried.length >= count)
  }

  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!holds()) return
        this.#listeners.delete(look)
        resolve()
      }
      this.#listeners.add(look)
      look()
    })
  }

  rows(job: JobRow): DeliveryRow[] {
    return this.bench.store.deliveries.ofJob(job.seq)
  }

  /** The log of the first delivery of a job. */
  log(job: JobRow): TryRow[] {
    return this.bench.store.tries.ofDelivery(this.rows(job)[0]?.seq ?? 0)
  }

  #tell(): void {
    for (const look of this.#listeners) look()
  }
}
