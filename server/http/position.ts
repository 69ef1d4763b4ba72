// Where in what happened a reader is, as the ids of events say it.

import type { FastifyRequest } from 'fastify'
import { ForemanError } from '../job/error.ts'
import { noOther, type Query } from './query.ts'

/** After how many lines of output that followed which state; `<state sequence>-<line>` as an id. */
export interface Position {
  sequence: number
  line: number
}

export const start: Position = { sequence: 0, line: 0 }

/** Throws `invalid_request` for what is no id of a job's events. `pointer` says where it stood. */
export function positionOf(id: string, pointer: string): Position {
  const [, sequence, line] = /^(\d{1,15})-(\d{1,15})$/.exec(id) ?? []
  if (sequence === undefined) throw refused(pointer, 'an id of this stream: <sequence>-<line>')
  return { sequence: Number(sequence), line: Number(line) }
}

/** The same for all jobs' events, whose ids are the global sequence. */
export function sequenceOf(id: string, pointer: string): number {
  if (!/^\d{1,15}$/.test(id)) throw refused(pointer, 'an id of this stream: a number')
  return Number(id)
}

/**
 * Which event a reader has seen last, by its own words: the header wins, because a browser that connects again sends it
 * with the address it had at first.
 */
export function lastEvent<T>(request: FastifyRequest, read: (id: string, pointer: string) => T): T | undefined {
  const query = request.query as Query
  noOther(query, ['after'])
  const header = request.headers['last-event-id']
  if (typeof header === 'string' && header !== '') return read(header, '/Last-Event-ID')
  return query.after === undefined ? undefined : read([query.after].flat().join(), '/after')
}

function refused(pointer: string, detail: string): ForemanError {
  return new ForemanError('invalid_request', `${pointer.slice(1)} must be ${detail}`, { errors: [{ pointer, detail }] })
}
