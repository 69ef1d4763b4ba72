import { describe, expect, test } from 'vitest'
import { createMetrics, type Readers } from './metrics.ts'

const readers: Readers = {
  jobs: () => ({ queued: 3, working: 1, done: 0 }),
  oldestWaitSeconds: () => 12.5,
  starvedSeconds: () => 7,
  people: () => ({ in_flight: 2, held: 1 }),
  ages: () => ({ turn: 90, yielding: 0, claim: 1.5 }),
  targetState: () => 'awake',
  outboxPending: () => 2,
  storeBytes: () => 4_096,
  freeBytes: () => 1_000_000,
  writable: () => true,
  waitingFor: () => null,
}

/** The samples of a page, without help and buckets. */
async function samples(metrics: { text(): Promise<string> }): Promise<string[]> {
  return (await metrics.text()).split('\n').filter((line) => line.startsWith('foreman_') && !line.includes('_bucket'))
}

describe('values read at a scrape', () => {
  test('are those of that moment', async () => {
    let queued = 1
    const metrics = createMetrics({ ...readers, jobs: () => ({ queued }) }, { process: false })
    expect(await samples(metrics)).toContain('foreman_jobs{state="queued"} 1')
    queued = 2
    expect(await samples(metrics)).toContain('foreman_jobs{state="queued"} 2')
  })

  test('tell the turn, the claim, the stepping aside of jobs, and people in flight and held', async () => {
    const page = await samples(createMetrics(readers, { process: false }))
    expect(page.filter((line) => /_age_seconds|foreman_people/.test(line))).toEqual([
      'foreman_people{state="in_flight"} 2',
      'foreman_people{state="held"} 1',
      'foreman_turn_age_seconds 90',
      'foreman_yield_age_seconds 0',
      'foreman_claim_age_seconds 1.5',
    ])
  })

  test('show one target state at a time', async () => {
    const page = await samples(createMetrics({ ...readers, targetState: () => 'asleep' }, { process: false }))
    expect(page.filter((line) => line.startsWith('foreman_target_'))).toEqual([
      'foreman_target_up 0',
      'foreman_target_state{state="unknown"} 0',
      'foreman_target_state{state="awake"} 0',
      'foreman_target_state{state="asleep"} 1',
      'foreman_target_state{state="down"} 0',
      'foreman_target_state{state="stuck"} 0',
      'foreman_target_load_seconds_sum 0',
      'foreman_target_load_seconds_count 0',
      'foreman_target_healed_total 0',
    ])
  })

  test('show one reason to wait at a time, and none when nothing waits', async () => {
    const waiting = async (reason: string | null) => {
      const page = await samples(createMetrics({ ...readers, waitingFor: () => reason }, { process: false }))
      const lines = page.filter((line) => line.startsWith('foreman_waiting{'))
      return [lines.length, ...lines.filter((line) => !line.endsWith(' 0'))]
    }
    expect(await waiting('paused')).toEqual([6, 'foreman_waiting{reason="paused"} 1'])
    expect(await waiting(null)).toEqual([6])
  })

  test('go missing alone when they cannot be read, and come back', async () => {
    let broken = true
    const read = <T>(value: T) => {
      if (broken) throw new Error('disk I/O error')
      return value
    }
    const metrics = createMetrics(
      { ...readers, jobs: () => read({ queued: 1 }), storeBytes: () => read(7) },
      { process: false },
    )
    const values = async () =>
      (await samples(metrics)).filter((line) => /^foreman_(jobs\{|store_bytes|outbox)/.test(line))
    expect(await values()).toEqual(['foreman_outbox_pending 2'])
    broken = false
    expect(await values()).toEqual([
      'foreman_jobs{state="queued"} 1',
      'foreman_outbox_pending 2',
      'foreman_store_bytes 7',
    ])
    broken = true
    expect(await values()).toEqual(['foreman_outbox_pending 2'])
  })
})

describe('facts', () => {
  test('of a job are counted by how it ended', async () => {
    const metrics = createMetrics(readers, { process: false })
    metrics.jobStarted(30)
    metrics.jobRan('/api/chat', 2)
    metrics.jobFinished('done')
    metrics.jobFinished('failed', 'model_missing')
    metrics.tokens('output', 40)
    const page = await samples(metrics)
    expect(page).toContain('foreman_jobs_finished_total{state="done",code="none"} 1')
    expect(page).toContain('foreman_jobs_finished_total{state="failed",code="model_missing"} 1')
    expect(page).toContain('foreman_jobs_finished_total{state="failed",code="timed_out"} 0')
    expect(page).toContain('foreman_job_wait_seconds_sum 30')
    expect(page).toContain('foreman_job_run_seconds_count{endpoint="/api/chat"} 1')
    expect(page).toContain('foreman_tokens_total{kind="output"} 40')
  })

  test('of the target and the store add up', async () => {
    const metrics = createMetrics(readers, { process: false })
    metrics.modelLoaded(4)
    metrics.modelLoaded(6)
    metrics.loadsAvoided(5)
    metrics.turnEnded(60)
    metrics.committed(0.000_3)
    const page = await metrics.text()
    expect(page).toContain('foreman_model_loads_total 2')
    expect(page).toContain('foreman_target_load_seconds_sum 10')
    expect(page).toContain('foreman_model_loads_avoided_total 5')
    expect(page).toContain('foreman_turn_seconds_count 1')
    expect(page).toContain('foreman_store_commit_seconds_bucket{le="0.0005"} 1')
    expect(page).toContain('foreman_store_commit_seconds_bucket{le="0.00025"} 0')
  })
})

describe('proxied requests', () => {
  const proxiedOnly = async (metrics: { text(): Promise<string> }) =>
    (await samples(metrics)).filter((line) => line.startsWith('foreman_proxy_requests_total'))

  test('are counted by route and status', async () => {
    const metrics = createMetrics(readers, { process: false })
    metrics.proxied('/api/chat', 200, 0.000_2)
    metrics.proxied('/api/chat', 200, 0.000_2)
    metrics.proxied('/api/chat', 499, 0.000_2)
    const counted = [
      'foreman_proxy_requests_total{route="/api/chat",code="200"} 2',
      'foreman_proxy_requests_total{route="/api/chat",code="499"} 1',
    ]
    expect(await proxiedOnly(metrics)).toEqual(counted)
    expect(await proxiedOnly(metrics)).toEqual(counted)
    expect(await metrics.text()).toContain('foreman_proxy_overhead_seconds_count 3')
  })

  test('of which nothing was passed on are counted, and say nothing about what foreman adds', async () => {
    const metrics = createMetrics(readers, { process: false })
    metrics.proxied('/api/chat', 202, undefined)
    expect(await proxiedOnly(metrics)).toEqual(['foreman_proxy_requests_total{route="/api/chat",code="202"} 1'])
    expect(await metrics.text()).toContain('foreman_proxy_overhead_seconds_count 0')
  })

  test('make no series the target can multiply', async () => {
    const metrics = createMetrics(readers, { process: false })
    for (let i = 0; i < 1_000; i++) {
      metrics.proxied('/api/*', 600 + i, 0)
      metrics.proxied('/api/*', Number.NaN, 0)
    }
    expect(await proxiedOnly(metrics)).toEqual(['foreman_proxy_requests_total{route="/api/*",code="0"} 2000'])
  })
})

describe('the page', () => {
  test('names every metric once, with a help text, and the process beside them', async () => {
    const page = await createMetrics(readers).text()
    const declared = [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`)
    expect(declared.filter((line) => line.startsWith('foreman_')).sort()).toEqual([
      'foreman_claim_age_seconds gauge',
      'foreman_deliveries_ended_total counter',
      'foreman_eta_error_seconds histogram',
      'foreman_job_run_seconds histogram',
      'foreman_job_wait_seconds histogram',
      'foreman_jobs gauge',
      'foreman_jobs_finished_total counter',
      'foreman_model_loads_avoided_total counter',
      'foreman_model_loads_total counter',
      'foreman_oldest_wait_seconds gauge',
      'foreman_outbox_pending gauge',
      'foreman_people gauge',
      'foreman_proxy_held_seconds histogram',
      'foreman_proxy_overhead_seconds histogram',
      'foreman_proxy_requests_total counter',
      'foreman_starved_seconds gauge',
      'foreman_store_bytes gauge',
      'foreman_store_commit_seconds histogram',
      'foreman_store_free_bytes gauge',
      'foreman_store_writable gauge',
      'foreman_target_healed_total counter',
      'foreman_target_load_seconds histogram',
      'foreman_target_state gauge',
      'foreman_target_up gauge',
      'foreman_tokens_total counter',
      'foreman_turn_age_seconds gauge',
      'foreman_turn_seconds histogram',
      'foreman_waiting gauge',
      'foreman_webhook_attempts_total counter',
      'foreman_yield_age_seconds gauge',
    ])
    expect(declared).toContain('process_resident_memory_bytes gauge')
    expect([...page.matchAll(/^# HELP \S+ \S/gm)].length).toBe(declared.length)
  })

  test('belongs to one foreman: two in a process do not mix', async () => {
    const [one, other] = [createMetrics(readers, { process: false }), createMetrics(readers, { process: false })]
    one.modelLoaded(1)
    expect(await samples(other)).toContain('foreman_model_loads_total 0')
  })
})
