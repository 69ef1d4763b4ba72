// The queue and the target at a glance, and whether foreman can work at all, put together from the parts that know.

import { setImmediate as breathe } from 'node:timers/promises'
import type { Clock } from './clock.ts'
import { parseAffinityKey } from './job/affinity.ts'
import type { Snapshot } from './job/schedule.ts'
import type { Health, QueuePlan, QueueStatus, TargetStatus } from './job/schema.ts'
import { states } from './job/state.ts'
import type { Readers } from './metrics/metrics.ts'
import type { Target } from './ollama/target.ts'
import type { People } from './people/people.ts'
import type { Queue } from './queue/queue.ts'
import { time } from './queue/view.ts'
import type { Store } from './store/store.ts'
import type { Told } from './worker/turns.ts'
import type { Worker } from './worker/worker.ts'
import type { z } from 'zod'

/** Models listed at most; a queue may hold jobs for any number of names. */
const modelsShown = 1000
/** So many jobs of a plan are written down in one turn of the event loop: a millisecond or two of work. */
const planStep = 500

export function queueStatus(
  queue: Queue,
  { turns, outlook, running }: Worker,
  people: People,
  target: Target,
): z.infer<typeof QueueStatus> {
  const { turn, claim, yielding } = turns.told
  const { waitingFor } = outlook
  const oldest = queue.oldestWait_ms()
  const since = (monotonic: number) => time(queue.steady.of(monotonic))
  const told = (one: Told) => ({ key: one.key, model: modelOf(one.key), since: since(one.since) })
  return {
    paused: queue.paused,
    states: Object.fromEntries(states.map((state) => [state, queue.total(state)])),
    models: queue.models().slice(0, modelsShown),
    ...(turn ? { turn: { ...told(turn), claimed: turn.claimed } } : {}),
    ...(claim ? { claim: told(claim) } : {}),
    ...(running ? { running: running.row.id } : {}),
    ...(oldest > 0 ? { oldest_wait_ms: oldest } : {}),
    ...(waitingFor ? { reason: waitingFor } : {}),
    ...(yielding === null ? {} : { yielding_since: since(yielding) }),
    target: target.state,
    people: { in_flight: people.inFlight, held: people.held, models: usedByPeople(outlook.snapshot(), people) },
  }
}

/** Whom jobs step aside for: models that people use or wait for, and those in memory that they used within H. */
function usedByPeople({ now, people: crowds, resident, limits }: Snapshot, people: People) {
  return crowds
    .filter(({ key, flight, held, used }) => flight + held > 0 || (resident.has(key) && now - used < limits.hold))
    .map(({ key, flight, held }) => ({ model: modelOf(people.nameOf(key)), in_flight: flight, held }))
    .slice(0, modelsShown)
}

const modelOf = (key: string) => parseAffinityKey(key).model

/** Seconds since the turn of jobs, their stepping aside and their claim began; 0 for what doesn't go on. */
export function ages({ turns }: Worker, now: number): ReturnType<Readers['ages']> {
  const { turn, yielding, claim } = turns.told
  const age = (since: number | null | undefined) => (now - (since ?? now)) / 1000
  return { turn: age(turn?.since), yielding: age(yielding), claim: age(claim?.since) }
}

/** Seconds for which the model that was served longest ago has had jobs waiting: what the bound on waiting is about. */
export function starved({ outlook }: Worker, now: number): number {
  const waits = outlook.snapshot().keys.map(({ starvedSince }) => now - starvedSince)
  return waits.reduce((longest, wait) => Math.max(longest, wait), 0) / 1000
}

/** What is expected to run when, the first `limit` of it: put together in steps between which the event loop has its turn. */
export async function queuePlan(queue: Queue, { outlook }: Worker, limit: number): Promise<z.infer<typeof QueuePlan>> {
  const { entries } = outlook.planner
  const at = (name: 'start_at' | 'finish_at', monotonic: number | undefined) =>
    monotonic === undefined ? {} : { [name]: time(queue.steady.of(monotonic)) }
  const waiting = queue.total('queued')
  const data: z.infer<typeof QueuePlan>['data'] = []
  for (const { job, loads, startAt, finishAt } of entries.slice(0, limit)) {
    if (data.length > 0 && data.length % planStep === 0) await breathe()
    // Its own place moves up when another one leaves.
    const position = data.length + 1
    const times = { ...at('start_at', startAt), ...at('finish_at', finishAt) }
    data.push({ id: job.id, model: job.model, position, loads, ...times })
  }
  return {
    data,
    jobs: entries.length,
    loads: entries.filter(({ loads }) => loads).length,
    waiting,
    ...at('finish_at', entries.at(-1)?.finishAt),
  }
}

export function targetStatus(target: Target, people: People): z.infer<typeof TargetStatus> {
  return {
    url: target.url,
    state: target.state,
    since: time(target.since),
    ...(target.version === undefined ? {} : { version: target.version }),
    models: target.models.map((model) => model.name),
    loaded: (target.reading?.residents ?? []).map(({ name, sizeBytes, contextLength, expiresAt }) => ({
      model: name,
      size_bytes: sizeBytes,
      ...(contextLength === undefined ? {} : { context_length: contextLength }),
      ...(expiresAt === undefined ? {} : { expires_at: time(expiresAt) }),
    })),
    people: { in_flight: people.inFlight, held: people.held },
  }
}

/** Whether what is to be written is taken. */
export const writable = (store: Store, worker: Worker) => store.refusal === null && !worker.storageFailing

export interface ReadinessParts {
  store: Store
  clock: Clock
  target: Target
  worker: Worker
  stopping: () => boolean
}

/** How often a store that refuses is tried again on behalf of those who ask: anybody may. */
const triedEvery_ms = 1_000

/** Tells whether the store can be written and foreman goes on; a target that is away is only a warning. */
export function readinessOf({ store, clock, target, worker, stopping }: ReadinessParts): () => Promise<Health> {
  let triedAt = Number.NEGATIVE_INFINITY
  return async () => {
    // While nobody dares to write, this is what finds out that one could.
    if (store.refusal !== null && clock.now() - triedAt >= triedEvery_ms) {
      triedAt = clock.now()
      await store.space.try().catch(() => undefined)
    }
    const taken = writable(store, worker)
    return {
      ok: taken && !stopping(),
      checks: [
        {
          name: 'store',
          status: taken ? 'pass' : 'fail',
          ...(store.refusal === null ? {} : { detail: store.refusal }),
        },
        { name: 'running', status: stopping() ? 'fail' : 'pass' },
        { name: 'target', status: target.state === 'awake' ? 'pass' : 'warn', detail: target.state },
      ],
    }
  }
}
