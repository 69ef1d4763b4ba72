// The procedures about jobs. They translate between callers and the queue; they decide nothing about jobs themselves.

import { z } from 'zod'
import { ForemanError } from '../job/error.ts'
import { ArtifactList, Job, JobBatch, JobList, State } from '../job/schema.ts'
import { isTerminal } from '../job/state.ts'
import { SubmitBatch, SubmitJob } from '../job/submit.ts'
import type { Submission } from '../queue/intake.ts'
import type { JobRow } from '../store/jobs.ts'
import { cursorOf, pageOf } from './cursor.ts'
import { fingerprint } from './fingerprint.ts'
import { Pace } from './pace.ts'
import { Include, included, placed, present, presentPlaced, waited } from './present.ts'
import { jobEvents } from './subscriptions.ts'
import { procedure, router, type Context } from './trpc.ts'
import { longestWait_s } from './prefer.ts'

const Id = z.strictObject({ id: z.string().meta({ description: 'Id of a job.' }) })

export const jobs = router({
  submit: procedure
    .meta({
      openapi: {
        method: 'POST',
        path: '/jobs',
        operationId: 'submitJob',
        summary: 'Hand over a request that may finish later',
        description:
          'The answer is 202 once the job is on disk; with `wait`, 200 if the job ended in time, and with `include=response` beside that, what the target answered.',
        tags: ['jobs'],
      },
      status: 202,
      waits: true,
      verbatim: ['request', 'body'],
      problems: [400, 413, 415, 422, 503, 507],
    })
    .input(SubmitJob)
    .output(Job)
    .mutation(async ({ input, ctx }) => {
      const [submitted] = await ctx.api.queue.submit([await submission(input, ctx, '')])
      if (!submitted) throw new ForemanError('internal', 'nothing was submitted')
      ctx.letGo?.()
      const { job, replayed } = submitted
      head(ctx, { Location: job.links.self, 'Retry-After': '1' })
      if (replayed) head(ctx, { 'Idempotency-Replayed': 'true' })
      if (ctx.wait_s !== undefined) head(ctx, { 'Preference-Applied': `wait=${ctx.wait_s}` })
      const row = ctx.wait_s === undefined ? ctx.api.queue.find(job.id) : await waited(ctx, job.id, ctx.wait_s)
      if (ctx.wait_s !== undefined && ctx.head && isTerminal(row.state)) {
        ctx.head.status = 200
        delete ctx.head.headers['Retry-After']
      }
      return included(ctx, row, present(ctx, row), ctx.include)
    }),

  submit_batch: procedure
    .meta({
      openapi: {
        method: 'POST',
        path: '/jobs/batch',
        operationId: 'submitJobs',
        summary: 'Hand over up to 1,000 requests, all or none',
        description:
          'In one transaction. Each job may have its `idempotency_key`; a header for all of them is refused. More new jobs than may ever wait (`FOREMAN_QUEUE_MAX`) are 413.',
        tags: ['jobs'],
      },
      status: 202,
      verbatim: ['jobs', '*', 'request', 'body'],
      problems: [400, 413, 415, 422, 503, 507],
    })
    .input(SubmitBatch)
    .output(JobBatch)
    .mutation(async ({ input, ctx }) => {
      const all: Submission[] = []
      const pace = new Pace(4)
      for (const [i, job] of input.jobs.entries()) {
        if (pace.tired) await pace.rest()
        all.push(await submission(job, ctx, `/jobs/${i}`))
      }
      return { data: (await ctx.api.queue.submit(all)).map(({ job }) => job) }
    }),

  get: procedure
    .meta({
      openapi: {
        method: 'GET',
        path: '/jobs/{id}',
        operationId: 'getJob',
        summary: 'One job; with wait, as soon as it ended',
        tags: ['jobs'],
      },
      etag: true,
      waits: true,
      problems: [404, 410, 422],
    })
    .input(
      Id.extend({
        wait: z
          .int()
          .min(0)
          .max(longestWait_s)
          .optional()
          .meta({ description: 'Seconds to wait for the end of the job.' }),
        include: Include.optional(),
      }),
    )
    .output(Job)
    .query(async ({ input, ctx }) => {
      const row = await waited(ctx, input.id, input.wait ?? ctx.wait_s ?? 0)
      await placed(ctx, [row])
      // It may have left the queue meanwhile.
      const now = row.state === 'queued' ? ctx.api.queue.find(input.id) : row
      return included(ctx, now, presentPlaced(ctx, now), input.include)
    }),

  list: procedure
    .meta({
      openapi: { method: 'GET', path: '/jobs', operationId: 'listJobs', summary: 'Jobs, newest first', tags: ['jobs'] },
      problems: [422],
    })
    .input(
      z.strictObject({
        state: z.array(State).optional(),
        model: z.string().max(500).optional(),
        label: z
          .string()
          .max(400)
          .optional()
          .meta({ description: '`key:value`; colons may be in either.', pattern: '.:' }),
        created_after: z.iso.datetime({ offset: true }).optional(),
        created_before: z.iso.datetime({ offset: true }).optional(),
        limit: z.int().min(1).max(200).optional().meta({ description: 'Default 50.' }),
        cursor: z.string().max(100).optional().meta({ description: '`next_cursor` of the page before.' }),
      }),
    )
    .output(JobList)
    .query(async ({ input, ctx }) => {
      const { rows, next } = await ctx.api.queue.page(pageOf(input))
      await placed(ctx, rows)
      const data = rows.map((row) => presentPlaced(ctx, row))
      return next === undefined ? { data } : { data, next_cursor: cursorOf(next) }
    }),

  artifacts: procedure
    .meta({
      openapi: {
        method: 'GET',
        path: '/jobs/{id}/artifacts',
        operationId: 'listArtifacts',
        summary: 'What a job left behind',
        description: 'Empty before the job ends.',
        tags: ['jobs'],
      },
      problems: [404, 410, 422],
    })
    .input(Id)
    .output(ArtifactList)
    .query(({ input, ctx: { api } }) => ({ data: api.queue.view(api.queue.find(input.id)).artifacts })),

  cancel: procedure
    .meta({
      openapi: {
        method: 'POST',
        path: '/jobs/{id}/cancel',
        operationId: 'cancelJob',
        summary: 'Stop a job',
        tags: ['jobs'],
      },
      problems: [404, 409, 410, 422, 507],
    })
    .input(Id)
    .output(Job)
    .mutation(async ({ input, ctx }) => present(ctx, await advance(ctx, input.id, 'cancel'))),

  retry: procedure
    .meta({
      openapi: {
        method: 'POST',
        path: '/jobs/{id}/retry',
        operationId: 'retryJob',
        summary: 'Queue a failed or canceled job again',
        tags: ['jobs'],
      },
      status: 202,
      problems: [404, 409, 410, 422, 507],
    })
    .input(Id)
    .output(Job)
    .mutation(async ({ input, ctx }) => present(ctx, await advance(ctx, input.id, 'retry'))),

  delete: procedure
    .meta({
      openapi: {
        method: 'DELETE',
        path: '/jobs/{id}',
        operationId: 'deleteJob',
        summary: 'Erase a job that ended',
        tags: ['jobs'],
      },
      status: 204,
      problems: [404, 409, 410, 422, 507],
    })
    .input(Id)
    .output(z.void())
    .mutation(({ input, ctx }) => ctx.api.queue.remove(input.id)),

  events: procedure
    .input(Id.extend({ lastEventId: z.string().optional() }))
    .subscription(({ input, ctx, signal }) => jobEvents(ctx.api, input, signal)),
})

async function submission(input: SubmitJob, ctx: Context, pointer: string): Promise<Submission> {
  const body = ctx.bodies?.get(`${pointer}/request/body`) ?? [Buffer.from(JSON.stringify(input.request.body))]
  const submission: Submission = { input, body, pointer, trace: ctx.trace }
  if (input.idempotency_key !== undefined) {
    submission.fingerprint = await (ctx.fingerprint?.(pointer) ?? fingerprint([Buffer.from(JSON.stringify(input))]))
  }
  return submission
}

async function advance(ctx: Context, id: string, happening: 'cancel' | 'retry'): Promise<JobRow> {
  const { queue } = ctx.api
  return queue.advance(queue.find(id).seq, happening)
}

function head(ctx: Context, headers: Record<string, string>): void {
  if (ctx.head) Object.assign(ctx.head.headers, headers)
}
