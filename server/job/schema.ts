// The shapes that foreman shows of a job. Responses may gain fields; an optional thing that isn't there is absent,
// never null, save the nullable timestamps. Endpoints, reasons and codes are plain strings here, because generated
// clients close enums.

import { z } from 'zod'
import { codes } from './error.ts'
import { reasons } from './schedule.ts'
import { states } from './state.ts'

/** JSON of any shape, handed on untouched. */
const Json = z
  .custom<Record<string, unknown>>((value) => typeof value === 'object' && value !== null)
  .meta({ override: { type: 'object', additionalProperties: true } })

const time = z.iso.datetime().meta({ description: 'RFC 3339, UTC, milliseconds.' })

export const State = z
  .enum(states)
  .meta({ id: 'State', description: 'queued → loading → working → done | failed | canceled.' })

export const Usage = z
  .object({
    prompt_tokens: z.int().optional(),
    output_tokens: z.int().optional(),
    load_ms: z.int().optional().meta({
      description: 'Loading the model: by foreman before the request, and what the target says of it beside that.',
    }),
    prompt_ms: z.int().optional(),
    output_ms: z.int().optional(),
    total_ms: z.int().optional().meta({
      description: 'What the target says of the whole request, and the load by foreman before it. Native endpoints.',
    }),
    queue_ms: z.int().optional().meta({ description: 'Waiting in the queue, before the attempt that went well.' }),
  })
  .meta({ id: 'Usage' })
export type Usage = z.infer<typeof Usage>

export const Artifact = z
  .object({
    name: z.string(),
    content_type: z.string(),
    size_bytes: z.int(),
    sha256: z.string(),
    url: z.string(),
    partial: z.boolean().meta({ description: 'The job failed and this is what had arrived.' }),
  })
  .meta({ id: 'Artifact' })

export const JobError = z
  .object({
    code: z.string().meta({ description: `One of ${codes.join(', ')}.` }),
    detail: z.string(),
    target_status: z.int().optional(),
    target_body: z.string().optional(),
    target_retry_after_s: z.int().optional().meta({ description: 'The wait the target asked for.' }),
  })
  .meta({ id: 'JobError' })
export type JobError = z.infer<typeof JobError>

const Eta = z.object({ start_at: time, finish_at: time.optional() }).meta({
  id: 'Eta',
  description: 'Estimated while queued, from what was seen of the models; absent before the first time.',
})

export const Job = z
  .object({
    id: z.string().meta({ description: '`job_` and a UUIDv7.' }),
    state: State,
    sequence: z.int().meta({ description: 'Grows with each change of state, over all jobs.' }),
    request: z
      .object({
        endpoint: z.string(),
        model: z.string(),
        body: Json.optional().meta({ description: 'Only with include=request.' }),
      })
      .meta({ id: 'JobRequestView' }),
    response: Json.optional().meta({ description: 'Only with include=response, once done.' }),
    labels: z.record(z.string(), z.string()),
    created_at: time,
    queued_at: time,
    loading_at: time.nullable(),
    working_at: time.nullable(),
    finished_at: time.nullable(),
    attempt: z.int(),
    max_attempts: z.int(),
    interruptions: z.int(),
    timeout_s: z.int(),
    start_by: time.optional(),
    retry_at: time.optional().meta({ description: 'When a job in backoff waits for its turn again.' }),
    position: z.int().optional().meta({
      description:
        '1 = next. Told to who asks for a job or a list, of the first 10,000 that wait and are in no backoff.',
    }),
    eta: Eta.optional(),
    reason: z
      .string()
      .optional()
      .meta({ description: `Why a queued job waits: ${reasons.join(', ')}.` }),
    progress: z
      .object({ tokens: z.int(), tokens_per_s: z.number() })
      .optional()
      .meta({ id: 'Progress', description: 'While working, native endpoints.' }),
    error: JobError.optional(),
    last_error: JobError.optional().meta({
      description: 'What went wrong with the last attempt of a job that is tried again.',
    }),
    artifacts: z.array(Artifact),
    usage: Usage.optional(),
    links: z
      .object({ self: z.string(), events: z.string(), stream: z.string(), cancel: z.string() })
      .meta({ id: 'Links' }),
  })
  .meta({ id: 'Job' })
export type Job = z.infer<typeof Job>

export const JobList = z.object({ data: z.array(Job), next_cursor: z.string().optional() }).meta({ id: 'JobList' })

export const ArtifactList = z.object({ data: z.array(Artifact) }).meta({ id: 'ArtifactList' })

export const JobBatch = z.object({ data: z.array(Job) }).meta({ id: 'JobBatch' })

/** Requests of people that pass through. */
const People = z
  .object({
    in_flight: z.int(),
    held: z.int().meta({ description: 'Waiting here for their turn, or for the target.' }),
  })
  .meta({ id: 'People' })

export const QueueStatus = z
  .object({
    paused: z.boolean(),
    states: z.record(z.string(), z.int()).meta({ description: 'Jobs by state.' }),
    models: z
      .array(z.object({ model: z.string(), waiting: z.int(), running: z.int() }).meta({ id: 'ModelCount' }))
      .meta({ description: 'Waiting and running jobs by model, most waiting first; at most 1,000.' }),
    turn: z
      .object({
        key: z.string(),
        model: z.string(),
        since: time,
        claimed: z.boolean().meta({ description: 'Taken from people, who had had their way for long enough.' }),
      })
      .optional()
      .meta({ id: 'Turn' }),
    claim: z.object({ key: z.string(), model: z.string(), since: time }).optional().meta({
      id: 'Claim',
      description: 'The turn that jobs have claimed from people; it begins when what they have in flight is answered.',
    }),
    running: z.string().optional().meta({ description: 'Id of the job that is loading or working.' }),
    oldest_wait_ms: z.int().optional(),
    reason: z.string().optional().meta({ description: 'Why nothing starts, while jobs wait.' }),
    yielding_since: time.optional().meta({
      description: 'Since when jobs step aside for people; some that need no load may run meanwhile.',
    }),
    target: z.string().meta({ description: 'State of the target; GET /target says more.' }),
    people: People.extend({
      models: z
        .array(z.object({ model: z.string(), in_flight: z.int(), held: z.int() }).meta({ id: 'PeopleModel' }))
        .meta({
          description:
            'Models that people use or wait for, and those in memory that they used within FOREMAN_HOLD; at most 1,000.',
        }),
    }).meta({ id: 'QueuePeople' }),
  })
  .meta({ id: 'QueueStatus' })

export const QueuePlan = z
  .object({
    data: z.array(
      z
        .object({
          id: z.string(),
          model: z.string(),
          position: z.int(),
          loads: z.boolean().meta({ description: 'Its model has to be loaded first.' }),
          start_at: time.optional(),
          finish_at: time.optional(),
        })
        .meta({ id: 'PlannedJob' }),
    ),
    jobs: z.int().meta({ description: 'Planned jobs, at most 10,000.' }),
    loads: z.int().meta({ description: 'Loads that these jobs will need.' }),
    waiting: z.int().meta({ description: 'Queued jobs in all, those in backoff among them.' }),
    finish_at: time.optional().meta({ description: 'When the last of the planned jobs is expected to be done.' }),
  })
  .meta({ id: 'QueuePlan' })

export const TargetStatus = z
  .object({
    url: z.string().meta({ description: 'Without credentials.' }),
    state: z.string().meta({ description: 'unknown, awake, asleep, down or stuck.' }),
    since: time,
    version: z.string().optional(),
    models: z.array(z.string()),
    loaded: z.array(
      z
        .object({
          model: z.string(),
          size_bytes: z.int(),
          context_length: z.int().optional(),
          expires_at: z.string().optional(),
        })
        .meta({ id: 'LoadedModel' }),
    ),
    people: People,
  })
  .meta({ id: 'TargetStatus' })

export const Liveness = z.object({ status: z.string() }).meta({ id: 'Liveness' })

export const Readiness = z
  .object({
    status: z.string().meta({ description: '`ready` or `not ready`.' }),
    checks: z.array(
      z
        .object({
          name: z.string(),
          status: z.string().meta({ description: 'pass, warn or fail; a warning is no reason to say no.' }),
          detail: z.string().optional(),
        })
        .meta({ id: 'Check' }),
    ),
  })
  .meta({ id: 'Readiness' })

/** Whether foreman can do its work, with what was looked at. A warning is no reason to say no. */
export interface Health {
  ok: boolean
  checks: { name: string; status: 'pass' | 'warn' | 'fail'; detail?: string }[]
}
