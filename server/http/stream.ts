// A job's answer as its target gives it: the lines of a chat or a generation byte for byte, from the start of the
// attempt that runs or ran last, live; of other endpoints the answer itself, once. There are no ids to go on from and no
// word of foreman's own in it, so it ends cleanly only where the answer is whole. What else happens cuts the connection.

import type { FastifyInstance } from 'fastify'
import { ForemanError, type Code } from '../job/error.ts'
import type { JobError } from '../job/schema.ts'
import { isTerminal } from '../job/state.ts'
import { streams } from '../job/submit.ts'
import type { JobRow } from '../store/jobs.ts'
import type { Batch } from '../worker/output.ts'
import { Outlet } from './outlet.ts'
import { start } from './position.ts'
import { noOther, type Query } from './query.ts'
import { Trail, type Scene } from './trail.ts'

export interface StreamOptions {
  scene: Scene
  onInternal?: (error: unknown) => void
}

export function mountStream(app: FastifyInstance, { scene, onInternal }: StreamOptions): void {
  app.get('/jobs/:id/stream', (request, reply) => {
    noOther(request.query as Query, [])
    const row = scene.queue.find((request.params as { id: string }).id)
    refuse(scene, row)
    const outlet = new Outlet(reply, 'application/x-ndjson')
    void pass(scene, row, outlet).catch((error: unknown) => {
      onInternal?.(error)
      outlet.cut()
    })
    return reply
  })
}

/** What can only be cut is better said before anything is sent. */
function refuse({ queue }: Scene, row: JobRow): void {
  if (!isTerminal(row.state) && queue.followers.over)
    throw new ForemanError('stopping', 'foreman is stopping; the job is not done', { retryAfterS: 5 })
  if (row.state === 'canceled') throw new ForemanError('conflict', 'the job was canceled', { jobId: row.id })
  if (row.state !== 'failed' || queue.artifact(row, 'stream.ndjson')) return
  const { code, detail } = JSON.parse(row.error ?? '{}') as JobError
  throw new ForemanError(code as Code, detail, { jobId: row.id })
}

async function pass(scene: Scene, row: JobRow, outlet: Outlet): Promise<void> {
  let begun = false
  for await (const step of new Trail(scene, row.seq, start).steps(outlet.signal)) {
    if (step.event === 'output') {
      begun = true
      outlet.write(linesOf(step.batch))
      await outlet.room()
    } else if (step.event === 'restart' && begun) break
    else if (step.event === 'end' && step.state === 'done') {
      if (!streams(row.endpoint)) await whole(scene, row, outlet)
      return outlet.end()
    }
  }
  outlet.cut()
}

const newline = Buffer.from('\n')

/** The final object, as one line. */
async function whole({ queue }: Scene, row: JobRow, outlet: Outlet): Promise<void> {
  const stored = queue.artifact(row, 'response.json')
  if (!stored) throw new Error('a done job has no response')
  let last: Buffer | undefined
  for (const piece of stored.read()) {
    outlet.write([(last = piece)])
    await outlet.room()
  }
  if (last?.at(-1) !== newline[0]) outlet.write([newline])
}

const known = new WeakMap<Batch, Buffer[]>()

/** Lines with their ends, put together once for all readers. */
function linesOf(batch: Batch): Buffer[] {
  const found = known.get(batch) ?? [Buffer.concat(batch.lines.flatMap((line) => [line, newline]))]
  known.set(batch, found)
  return found
}

/** This route as an OpenAPI path. */
export function streamPaths() {
  const problem = { $ref: '#/components/responses/Problem' }
  return {
    '/jobs/{id}/stream': {
      get: {
        operationId: 'streamJob',
        summary: "The target's own lines, live or again",
        description:
          'Byte for byte as the target sends them, from the start of the current attempt; of endpoints that do not stream the answer, once. It ends cleanly only when the answer is whole: when the job fails, is canceled or starts over after something was sent, the connection is cut.',
        tags: ['jobs'],
        parameters: [
          { name: 'id', in: 'path', required: true, schema: { type: 'string' }, description: 'Id of a job.' },
        ],
        responses: {
          '200': {
            description: 'Lines of JSON',
            content: { 'application/x-ndjson': { schema: { type: 'string' } } },
          },
          '401': problem,
          '404': problem,
          '409': problem,
          '410': problem,
          '502': problem,
          '504': problem,
          default: problem,
        },
      },
    },
  }
}
