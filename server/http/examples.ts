// Examples of the bodies in the documents. The types hold them to the schemas, and a test to what a running foreman is
// sent and answers (app.document.test.ts).

import type { z } from 'zod'
import type { DeliveryList } from '../job/delivery.ts'
import type { ArtifactList, Job, JobBatch, JobList, QueuePlan, QueueStatus, TargetStatus } from '../job/schema.ts'
import type { SubmitBatch, SubmitJob, WebhookEvent } from '../job/submit.ts'
import { webhookType, type WebhookBody } from '../job/webhook.ts'
import { deliveriesOf } from './delivered.ts'

export const exampleId = 'job_019ac0de-7b1a-7c3e-9f00-5d2c1a4be6f7'
const secondId = 'job_019ac0de-8d02-7a11-b3c4-0e9d8c7b6a55'

const messages = [{ role: 'user', content: 'Why is the sky blue?' }]
const chat: z.input<typeof SubmitJob> = {
  request: { endpoint: '/api/chat', body: { model: 'llama3.2', messages } },
  labels: { feed: '42' },
}
const embed: z.input<typeof SubmitJob> = {
  request: { endpoint: '/api/embed', body: { model: 'nomic-embed-text', input: ['first text', 'second text'] } },
}
const everything: z.input<typeof SubmitJob> = {
  request: { endpoint: '/v1/chat/completions', body: { model: 'llama3.2', messages } },
  webhook: { url: 'https://example.com/hook', events: ['done', 'failed'], include: ['response'] },
  deliver: { url: 'https://example.com/upload/{name}' },
  idempotency_key: 'feed-42-2026-11-25',
  labels: { feed: '42' },
  timeout_s: 600,
  max_attempts: 5,
  start_by: '2099-12-31T06:00:00.000Z',
}
const both: z.input<typeof SubmitBatch> = { jobs: [chat, embed] }

const links = (id: string): Job['links'] => {
  const self = `http://127.0.0.1:11435/jobs/${id}`
  return { self, events: `${self}/events`, stream: `${self}/stream`, cancel: `${self}/cancel` }
}

const submitted: Job = {
  id: exampleId,
  state: 'queued',
  sequence: 1201,
  request: { endpoint: '/api/chat', model: 'llama3.2:latest' },
  labels: { feed: '42' },
  created_at: '2026-11-25T21:52:30.783Z',
  queued_at: '2026-11-25T21:52:30.783Z',
  loading_at: null,
  working_at: null,
  finished_at: null,
  attempt: 0,
  max_attempts: 3,
  interruptions: 0,
  timeout_s: 1800,
  artifacts: [],
  links: links(exampleId),
}
const queued: Job = { ...submitted, position: 1, reason: 'paused' }
const working: Job = {
  ...submitted,
  state: 'working',
  sequence: 1203,
  loading_at: '2026-11-25T21:52:30.995Z',
  working_at: '2026-11-25T21:52:31.112Z',
  attempt: 1,
  progress: { tokens: 96, tokens_per_s: 31.7 },
}
const artifacts: Job['artifacts'] = [
  {
    name: 'output.txt',
    content_type: 'text/plain; charset=utf-8',
    size_bytes: 50,
    sha256: '9ba5ce86b013fabf912a0fd7b26697c2838b8c65e975043a2b71189b87f004ab',
    url: `${links(exampleId).self}/artifacts/output.txt`,
    partial: false,
  },
]
const { progress: _, ...worked } = working
const done: Job = {
  ...worked,
  state: 'done',
  sequence: 1204,
  finished_at: '2026-11-25T21:52:38.143Z',
  artifacts,
  usage: {
    prompt_tokens: 31,
    output_tokens: 214,
    load_ms: 117,
    prompt_ms: 62,
    output_ms: 6790,
    total_ms: 6971,
    queue_ms: 212,
  },
}
const failed: Job = {
  ...worked,
  state: 'failed',
  sequence: 1204,
  finished_at: '2026-11-25T21:52:31.143Z',
  error: {
    code: 'model_missing',
    detail: "model 'llama3.2' not found",
    target_status: 404,
    target_body: '{"error":"model \'llama3.2\' not found"}',
  },
}
const canceled: Job = { ...submitted, state: 'canceled', sequence: 1202, finished_at: '2026-11-25T21:53:02.520Z' }
const second: Job = {
  ...submitted,
  id: secondId,
  sequence: 1202,
  request: { endpoint: '/api/embed', model: 'nomic-embed-text:latest' },
  labels: {},
  links: links(secondId),
}

const queue: z.infer<typeof QueueStatus> = {
  paused: false,
  states: { queued: 2, loading: 0, working: 1, done: 118, failed: 1, canceled: 0 },
  models: [{ model: 'llama3.2:latest', waiting: 2, running: 1 }],
  running: exampleId,
  oldest_wait_ms: 4210,
  target: 'awake',
  people: { in_flight: 0, held: 0, models: [] },
}
const plan: z.infer<typeof QueuePlan> = {
  data: [{ id: exampleId, model: 'llama3.2:latest', position: 1, loads: false }],
  jobs: 1,
  loads: 0,
  waiting: 1,
}
const target: z.infer<typeof TargetStatus> = {
  url: 'http://127.0.0.1:11434',
  state: 'awake',
  since: '2026-11-25T06:00:12.701Z',
  version: '0.33.0',
  models: ['llama3.2:latest', 'nomic-embed-text:latest'],
  loaded: [
    {
      model: 'llama3.2:latest',
      size_bytes: 2_911_000_000,
      context_length: 4096,
      expires_at: '2026-11-25T21:57:31.105Z',
    },
  ],
  people: { in_flight: 0, held: 0 },
}

const [webhook, pushed] = deliveriesOf(exampleId)

const lines = [
  '{"message":{"role":"assistant","content":"Because"},"done":false}',
  '{"done":true,"done_reason":"stop"}',
]
const state = (job: Job) => `id: ${job.sequence}-0\nevent: state\ndata: ${JSON.stringify(job)}\n\n`
const events = `retry: 2000\n\n${state(submitted)}id: 1203-1\nevent: output\ndata: ${lines[0]}\n\nid: 1204-1\nevent: end\ndata: {"state":"done"}\n\n`
const figures =
  '# HELP foreman_jobs Jobs by state.\n# TYPE foreman_jobs gauge\nforeman_jobs{state="queued"} 2\nforeman_jobs{state="working"} 1\n'

/** Requests by operation; their models are there in the tests. */
export const requests: Record<string, Record<string, object>> = {
  submitJob: { chat, embed, everything },
  submitJobs: { both },
}

/** The body of a webhook, by event. */
export const webhookBodies: Record<string, WebhookBody> = Object.fromEntries(
  [
    submitted,
    { ...worked, state: 'loading' as const, sequence: 1202, working_at: null },
    { ...worked },
    done,
    failed,
    canceled,
  ].map((data) => [
    data.state,
    {
      type: webhookType(data.state as WebhookEvent),
      timestamp: data.finished_at ?? data.working_at ?? data.loading_at ?? data.queued_at,
      data,
    },
  ]),
)

/** Answers by operation and status; a text is one of another type than JSON. */
export const answers: Record<string, Record<number, Record<string, object | string>>> = {
  submitJob: { 200: { done }, 202: { queued } },
  submitJobs: { 202: { both: { data: [submitted, second] } satisfies z.infer<typeof JobBatch> } },
  getJob: { 200: { queued, working, done, failed } },
  listJobs: {
    200: {
      page: { data: [done], next_cursor: 'YmVmb3JlOjEyMDE' } satisfies z.infer<typeof JobList>,
      last: { data: [] } satisfies z.infer<typeof JobList>,
    },
  },
  listArtifacts: { 200: { done: { data: artifacts } satisfies z.infer<typeof ArtifactList> } },
  cancelJob: { 200: { canceled } },
  retryJob: { 202: { queued: submitted } },
  listDeliveries: { 200: { both: { data: [webhook, pushed] } satisfies z.infer<typeof DeliveryList> } },
  redeliver: { 202: { webhook } },
  getQueue: { 200: { working: queue } },
  pauseQueue: { 200: { paused: { ...queue, paused: true, reason: 'paused' } } },
  resumeQueue: { 200: { working: queue } },
  planQueue: { 200: { plan } },
  getTarget: { 200: { awake: target } },
  followJob: { 200: { chat: events } },
  followJobs: { 200: { state: `retry: 2000\n\nid: 1200\n\n${state(submitted).replace('-0', '')}` } },
  streamJob: { 200: { chat: `${lines.join('\n')}\n` } },
  getMetrics: { 200: { jobs: figures } },
  getLiveness: { 200: { alive: { status: 'alive' } } },
  getReadiness: {
    200: {
      ready: {
        status: 'ready',
        checks: [
          { name: 'store', status: 'pass' },
          { name: 'running', status: 'pass' },
          { name: 'target', status: 'warn', detail: 'asleep' },
        ],
      },
    },
    503: {
      full: {
        status: 'not ready',
        checks: [
          { name: 'store', status: 'fail', detail: 'database or disk is full' },
          { name: 'running', status: 'pass' },
          { name: 'target', status: 'pass', detail: 'awake' },
        ],
      },
    },
  },
}
