// The two event streams, of one job and of all: plain routes that any reader of server-sent events can follow and take
// up again by the id it saw last. What happens is told by trail.ts and feed.ts, written by frame.ts.

import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Clock } from '../clock.ts'
import { examplesOf, headed, problems } from './answers.ts'
import { answers } from './examples.ts'
import { Feed } from './feed.ts'
import { comment, entryOf, frameOf, placeAt, resetAt, retry } from './frame.ts'
import { Outlet } from './outlet.ts'
import { lastEvent, positionOf, sequenceOf, start } from './position.ts'
import { Trail, type Scene } from './trail.ts'

export interface EventsOptions {
  scene: Scene
  clock: Clock
  onInternal?: (error: unknown) => void
}

/** Silence after which those on the way may take a connection for dead. */
const comment_ms = 15_000
/** A reader that takes nothing for so long while so much waits is cut: bytes of output, or events of about 1 kB. */
const patience_ms = 1000
const backlogBytes = 1024 * 1024
const backlogEvents = 1000

export function mountEvents(app: FastifyInstance, { scene, clock, onInternal }: EventsOptions): void {
  const readers = new Readers(clock)
  const { followers } = scene.queue

  /** Tells a reader all the steps, and cuts one that blocks the way or is in the way of a stop. */
  const tell = async <S>(
    outlet: Outlet,
    job: number | 'all',
    steps: AsyncIterable<S>,
    frame: (step: S) => readonly Buffer[],
    late: () => boolean,
  ) => {
    let taken = 0
    let watch: (() => void) | undefined
    const leave = followers.follow(job, () => {
      if (!outlet.full) return
      if (followers.over) return outlet.cut()
      if (watch || !late()) return
      // A burst makes nobody slow: it is looked at again.
      const before = taken
      watch = clock.at(clock.now() + patience_ms, () => {
        watch = undefined
        if (outlet.full && taken === before) outlet.cut()
      })
    })
    try {
      for await (const step of steps) {
        outlet.write(frame(step))
        await outlet.room()
        taken++
      }
      outlet.end()
    } catch (error) {
      onInternal?.(error)
      outlet.cut()
    } finally {
      leave()
      watch?.()
    }
  }

  app.get('/jobs/:id/events', (request, reply) => {
    const { seq } = scene.queue.find((request.params as { id: string }).id)
    const trail = new Trail(scene, seq, lastEvent(request, positionOf) ?? start)
    // To a browser this means that there is no more to connect for.
    if (trail.over) return reply.code(204).header('cache-control', 'no-store').send()
    const outlet = readers.open(reply)
    void tell(outlet, seq, trail.steps(outlet.signal), frameOf, () => trail.behind > backlogBytes)
    return reply
  })

  app.get('/events', (request, reply) => {
    const feed = new Feed(scene.queue, lastEvent(request, sequenceOf))
    const outlet = readers.open(reply)
    outlet.write([placeAt(feed.at)])
    void tell(
      outlet,
      'all',
      feed.steps(outlet.signal),
      (step) => (step.event === 'state' ? entryOf(step.state) : resetAt(step.sequence)),
      () => feed.behind > backlogEvents,
    )
    return reply
  })
}

/** Who has an event stream open. One timer sends all of them their comment. */
class Readers {
  #clock: Clock
  #open = new Set<Outlet>()
  #beating = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  open(reply: FastifyReply): Outlet {
    const outlet = new Outlet(reply.header('connection', 'close'), 'text/event-stream')
    outlet.write([retry])
    this.#open.add(outlet)
    outlet.signal.addEventListener('abort', () => this.#open.delete(outlet))
    if (!this.#beating) this.#arm()
    return outlet
  }

  #arm(): void {
    this.#beating = this.#open.size > 0
    if (this.#beating) this.#clock.at(this.#clock.now() + comment_ms, () => this.#beat())
  }

  #beat(): void {
    for (const outlet of this.#open) if (!outlet.full) outlet.write([comment])
    this.#arm()
  }
}

const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' }, description: 'Id of a job.' }
const seen = (what: string, pattern: string) => [
  {
    name: 'after',
    in: 'query',
    schema: { type: 'string', pattern },
    description: `The id of the last event seen: ${what}.`,
  },
  { name: 'Last-Event-ID', in: 'header', schema: { type: 'string', pattern }, description: 'The same, and wins.' },
]
const stream = (operationId: 'followJob' | 'followJobs', description: string) => ({
  description,
  headers: headed('Cache-Control', 'X-Accel-Buffering'),
  content: {
    'text/event-stream': { schema: { type: 'string' }, examples: examplesOf(answers[operationId]![200]!) },
  },
})

/** These routes as OpenAPI paths. */
export function eventPaths() {
  return {
    '/jobs/{id}/events': {
      get: {
        operationId: 'followJob',
        summary: 'What happens to a job, as it happens',
        description:
          'Server-sent events: `state` with the thin Job, `output` with a line of the target (chat and generate), `restart` when earlier output is void, `end`. Everything from the start of the job unless `after` says otherwise.',
        tags: ['jobs'],
        parameters: [id, ...seen('`<sequence>-<line>`', '^\\d{1,15}-\\d{1,15}$')],
        responses: {
          '200': stream('followJob', 'Events until the job has ended'),
          '204': { description: 'The job has ended, and the reader was told so', headers: headed('Cache-Control') },
          ...problems(404, 410, 422),
        },
      },
    },
    '/events': {
      get: {
        operationId: 'followJobs',
        summary: 'What happens to all jobs, as it happens',
        description:
          'Server-sent events: `state` with the thin Job, and `reset` when some of what came after the given id is erased: then list the jobs anew. From now on unless `after` says otherwise.',
        tags: ['queue'],
        parameters: seen('a number of the global sequence', '^\\d{1,15}$'),
        responses: { '200': stream('followJobs', 'Events without an end'), ...problems(422) },
      },
    },
  }
}
